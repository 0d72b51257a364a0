//! The Run kind: from a manifest to seeded workspaces.
//!
//! ```text
//! Pending ──claims held──▶ Preparing ──clones and documents there──▶ Active
//!    │                        │                                        │
//!    └── refused: Failed ◀────┴── somebody is needed                    │
//!                         deletion, from anywhere ─▶ Stopping ─▶ gone ◀─┘
//! ```
//!
//! Watches Runs, and is woken by the topologies of their tickets, by the DocEndpoints of their workspaces, and by steps
//! and docs servers that changed. Owns the claims on those topologies, the workspaces, their docs servers and endpoints; everything about a ticket is judged on its own workspace only.

mod admit;
mod apply;
mod claiming;
pub mod crd;
mod credentials;
mod decide;
mod deletion;
mod endpoint;
mod events;
mod first_sight;
mod forum;
mod home;
mod observe;
mod plans;
mod progress;
pub mod queue;
mod reasons;
mod retry;
mod room;
mod serving;
mod status;
mod summary;
#[cfg(test)]
mod tests;
mod topology;
pub mod turnstile;
mod workspace;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kube::Client;
use kube::runtime::reflector::Store;

use crate::controller::index::Index;
use crate::controller::kind::{Kind, Note};
use crate::controller::runner::Guarded;
use crate::doc_endpoint::crd::DocEndpoint;
use crate::forum_thread::crd::ForumThread;
use crate::kernel::event::DomainEvent;
use crate::kernel::finalizers;
use crate::kernel::journal::{JournalEntry, Transition};
use crate::kernel::moment::Moment;
use crate::kernel::outcome::Failure;
use crate::kernel::plan::Plan;
use crate::kernel::subject::Subject;
use crate::ports::executor::Executor;
use crate::ports::services::Services;
use crate::ports::workspaces::{GitRules, SeedLimits};
use crate::ticket_topology::crd::TicketTopology;
use crd::{Run, RunStatus};
pub use progress::ProgressLog;
use turnstile::Turnstile;

/// What the settings say about Runs.
#[derive(Clone, Debug)]
pub struct RunSettings {
    pub rules: GitRules,
    pub limits: SeedLimits,
    /// Workspaces are `<root>/<namespace>/<run>/<ticket>`.
    pub workspace_root: PathBuf,
    pub cache_root: PathBuf,
    /// Namespaces in which Secrets may be read; `*` for all.
    pub secret_namespaces: Vec<String>,
    /// How often the clones of an active Run are looked at.
    pub inspect_interval: Duration,
    /// Bytes that the workspaces of one Run may hold; 0: any number.
    pub run_disk_budget: u64,
    /// Bytes that must be left on the disk before clones are made.
    pub min_free_bytes: u64,
}

/// What the driver of Runs works with.
pub struct RunKind {
    pub client: Client,
    pub topologies: Store<Guarded<TicketTopology>>,
    pub endpoints: Store<Guarded<DocEndpoint>>,
    pub threads: Store<Guarded<ForumThread>>,
    /// Threads by the name of the Run that they were asked in.
    pub asked: Index<ForumThread>,
    pub executor: Arc<dyn Executor>,
    pub services: Arc<dyn Services>,
    pub turnstile: Arc<Turnstile>,
    pub progress: ProgressLog,
    pub settings: Arc<RunSettings>,
}

#[async_trait]
impl Kind for RunKind {
    type Resource = Run;
    type Status = RunStatus;
    type Observed = observe::Observed;
    type Effect = decide::Effect;

    const NAME: &'static str = "Run";
    const MANAGER: &'static str = "metawsm-run";
    const FINALIZER: &'static str = finalizers::RUN.finalizer;

    async fn observe(&self, object: &Arc<Run>, room: usize) -> Result<observe::Observed, Failure> {
        observe::observe(self, object, room).await
    }

    fn decide(observed: &observe::Observed, now: Moment) -> Plan<RunStatus, decide::Effect> {
        decide::decide(observed, now)
    }

    async fn apply(&self, object: &Run, effect: &decide::Effect) -> Result<(), Failure> {
        apply::apply(self, object, effect).await
    }

    fn event_of(subject: &Subject, entry: &JournalEntry) -> Option<DomainEvent> {
        events::event_of(subject, entry)
    }

    fn note_of(entry: &JournalEntry) -> Option<Note> {
        events::note_of(entry)
    }

    fn vanished() -> Transition {
        events::deleted(&[], true)
    }
}

/// The pure parts, for tests of the kinds against each other.
#[cfg(test)]
pub mod pure {
    pub use super::decide::{Effect, decide};
    pub use super::observe::{Observed, Steps};
}
