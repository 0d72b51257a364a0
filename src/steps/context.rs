//! What every step is given beside its plan: the time, a private folder, and a way to tell how far it is.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use crate::failpoint::boundary;
use crate::kernel::moment::Moment;
use crate::ports::secrets::StepSecrets;

/// How often progress is written at most: often enough for a person who watches.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// The surroundings of one execution.
pub struct StepContext {
    /// A folder that agents cannot write to; what is put there is removed with the step's own folder.
    pub scratch: PathBuf,
    /// When the step began.
    pub now: Moment,
    /// What opens the repositories; dropped with the step.
    secrets: StepSecrets,
    progress: Option<PathBuf>,
    told: Option<Instant>,
}

impl StepContext {
    /// `progress`: the file for a few words about long work, if anybody reads them.
    pub fn new(scratch: PathBuf, now: Moment, progress: Option<PathBuf>) -> Self {
        Self {
            scratch,
            now,
            secrets: StepSecrets::default(),
            progress,
            told: None,
        }
    }

    /// The same with secrets.
    pub fn with_secrets(mut self, secrets: StepSecrets) -> Self {
        self.secrets = secrets;
        self
    }

    /// What the step was handed.
    pub fn secrets(&self) -> &StepSecrets {
        &self.secrets
    }

    /// The private folder.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// What is told next is written, whenever something was told last.
    pub fn tell_next(&mut self) {
        self.told = None;
    }

    /// Tells how far the work is, unless that was told a moment ago. Never fails: nobody's work depends on it.
    pub fn tell(&mut self, words: impl FnOnce() -> String) {
        let Some(path) = &self.progress else { return };
        if self.told.is_none_or(|at| at.elapsed() >= PROGRESS_INTERVAL) {
            let _ = std::fs::write(path, words());
            self.told = Some(Instant::now());
        }
    }
}
