//! Long-running services beside the steps: a docs server per workspace. Started here and looked at by level, never
//! awaited inside a reconcile. What is listed as live is proved to be the service itself, not whoever has its port now.

use std::net::SocketAddr;
use std::path::PathBuf;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::executor::ExecutorError;
use crate::kernel::moment::Moment;

/// Names the one service of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceKey {
    pub namespace: String,
    pub run: String,
    pub run_uid: String,
    /// The workspace's name (a DNS label).
    pub workspace: String,
    pub ticket: String,
}

/// What is to be served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DocsService {
    /// Absolute folder of the documents; what the server tells as its `root`.
    pub root: PathBuf,
    /// Absolute folder of the repository that the server works in.
    pub repo: PathBuf,
}

/// A service that answers right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveService {
    pub key: ServiceKey,
    pub addr: SocketAddr,
    pub root: PathBuf,
    pub started: Moment,
    /// Names this very process and its listening socket: two looks that tell the same one prove that the port was
    /// the service's for all the time between them.
    pub instance: String,
}

/// What can be seen of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceState {
    /// Nobody stands over it.
    Absent,
    /// It was to be started, and the folder that it would serve is not there: nothing runs until it is.
    NoFolder,
    /// It was started and does not answer yet.
    Starting {
        since: Moment,
    },
    Serving(LiveService),
    /// It ended and is started again later.
    Waiting {
        /// Why it ended.
        why: String,
        /// How often it ended in a row.
        failures: u32,
        /// When it is started again.
        next: Moment,
    },
}

/// A run of which a service changed; a hint only, looking is the truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceChanged {
    pub key: ServiceKey,
}

/// Starts services and reports on them by level.
#[async_trait]
pub trait Services: Send + Sync {
    /// Starts the service unless somebody stands over it already; never two for one workspace. Where the folder of the
    /// documents is not there it only notes what is wanted.
    async fn start(&self, key: &ServiceKey, service: &DocsService) -> Result<(), ExecutorError>;

    /// What is known about it now. Also true for a service that an earlier controller process started.
    async fn look(&self, key: &ServiceKey) -> Result<ServiceState, ExecutorError>;

    /// Every service that answers now.
    async fn live(&self) -> Result<Vec<LiveService>, ExecutorError>;

    /// Those of them that are of a Run of that name.
    async fn live_of(&self, namespace: &str, run: &str) -> Result<Vec<LiveService>, ExecutorError>;

    /// Namespace and run uid of every service that there are traces of.
    async fn known_runs(&self) -> Result<Vec<(String, String)>, ExecutorError>;

    /// Ends the workspace's service with all its processes, waits (bounded) until they are gone, and removes its traces.
    async fn stop(&self, run_uid: &str, workspace: &str) -> Result<(), ExecutorError>;

    /// The same for all services of the run.
    async fn stop_all(&self, run_uid: &str) -> Result<(), ExecutorError>;

    /// The next service that changed.
    async fn next_changed(&self) -> ServiceChanged;
}
