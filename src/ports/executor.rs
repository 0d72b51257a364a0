//! Work outside the API: steps are started here and looked at, never awaited inside a reconcile.

use std::io::ErrorKind;
use std::path::Path;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::secrets::StepSecrets;
use crate::kernel::moment::Moment;

/// Which step it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepName {
    Prepare,
    Seed,
    Inspect,
    Cleanup,
}

impl StepName {
    /// The word on the command line and in folder names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Seed => "seed",
            Self::Inspect => "inspect",
            Self::Cleanup => "cleanup",
        }
    }
}

/// Names one execution of a step. The same key is never executed twice at the same time, nor again once it has ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepKey {
    pub namespace: String,
    pub run: String,
    pub run_uid: String,
    /// The workspace's name (a DNS label).
    pub workspace: String,
    pub step: StepName,
    /// Counts from 1.
    pub attempt: i32,
}

/// Why a step failed: what the user sees, and whether trying again can help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepError {
    /// A CamelCase word: `TicketDocsNotFound`, `WorkspaceDiverged`, `Killed`, …
    pub reason: String,
    /// What is wrong and what to do about it.
    pub message: String,
    /// `false`: only a change of the world outside, or a request, can help; tried again by the clock only slowly, to
    /// notice that the cause is gone.
    pub retriable: bool,
}

impl StepError {
    /// Trying again later can help.
    pub fn passing(reason: &str, message: impl Into<String>) -> Self {
        Self {
            reason: reason.to_owned(),
            message: message.into(),
            retriable: true,
        }
    }

    /// Only a change of the world outside can help.
    pub fn lasting(reason: &str, message: impl Into<String>) -> Self {
        Self {
            reason: reason.to_owned(),
            message: message.into(),
            retriable: false,
        }
    }

    /// A system call failed: `what` completes "failed to …".
    pub fn io(what: impl std::fmt::Display) -> impl FnOnce(std::io::Error) -> Self {
        Self::io_as("StepIoFailed", what)
    }

    /// A system call failed in a way that has a name of its own, unless the disk is full.
    pub fn io_as(reason: &str, what: impl std::fmt::Display) -> impl FnOnce(std::io::Error) -> Self {
        move |why| match why.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::disk_full(format!("failed to {what}: {why}")),
            _ => Self::passing(reason, format!("failed to {what}: {why}")),
        }
    }

    /// A program failed and told why, untranslated.
    pub fn told(reason: &str, why: String) -> Self {
        let full = ["No space left on device", "Disk quota exceeded"];
        match full.iter().any(|words| why.contains(words)) {
            true => Self::disk_full(why),
            false => Self::passing(reason, why),
        }
    }

    /// There was no room: what is there stays as it is, and somebody who makes room need do nothing else.
    pub fn disk_full(what: impl std::fmt::Display) -> Self {
        let why = format!(
            "{what}; the disk of the workspaces or the controller's quota on it is full: remove what is not needed there \
             (such as folders in .orphans), or make the volume larger; it is tried again by itself"
        );
        Self::passing("DiskFull", why)
    }
}

/// How a step ended, as it stands in its outcome file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum StepEnd {
    #[serde(rename = "ok")]
    Succeeded(Value),
    #[serde(rename = "error")]
    Failed(StepError),
}

/// What can be seen of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum StepState {
    NotStarted,
    Running {
        since: Moment,
        /// A few words from the step itself, for long work.
        progress: Option<String>,
    },
    Succeeded {
        outcome: Value,
        at: Moment,
    },
    Failed {
        error: StepError,
        at: Moment,
    },
}

/// The executor itself failed (not the step).
#[derive(Debug, thiserror::Error)]
#[error("failed to {what}: {why}")]
pub struct ExecutorError {
    pub what: String,
    pub why: String,
}

/// A run whose steps changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepEnded {
    pub namespace: String,
    pub run: String,
}

/// Starts steps and reports on them by level.
#[async_trait]
pub trait Executor: Send + Sync {
    /// Starts the step unless its key was started before. `plan` is one of `workspaces::*Plan` as JSON. `secrets` are
    /// handed to this one execution and kept nowhere.
    async fn start(&self, key: &StepKey, plan: &Value, secrets: &StepSecrets) -> Result<(), ExecutorError>;

    /// What is known about it now. Also true for a step that an earlier controller process started.
    async fn look(&self, key: &StepKey) -> Result<StepState, ExecutorError>;

    /// Forgets an ended step, so that its key may be used again; a running one is left alone.
    async fn forget(&self, key: &StepKey) -> Result<(), ExecutorError>;

    /// Ends every running step of the run and waits (bounded) until they are gone.
    async fn stop_run(&self, run_uid: &str) -> Result<(), ExecutorError>;

    /// Removes all traces of the run's steps.
    async fn forget_run(&self, run_uid: &str) -> Result<(), ExecutorError>;

    /// Bytes that are left where workspaces below that path lie; `None` where this executor cannot tell.
    async fn free_bytes(&self, below: &Path) -> Result<Option<u64>, ExecutorError> {
        let _ = below;
        Ok(None)
    }

    /// The next run of which a step ended; a hint only, looking is the truth.
    async fn next_ended(&self) -> StepEnded;
}
