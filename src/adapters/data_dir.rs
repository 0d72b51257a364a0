//! The controller's data folder: made private, and locked against a second process. Knows nothing of what is in it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use rustix::fs::{FlockOperation, flock};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::failpoint::sabotaged;

/// How often a folder that another process holds is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// The folder, ours as long as this lives.
#[derive(Debug)]
pub struct DataDir {
    _lock: File,
}

impl DataDir {
    /// Makes the folder (mode 0700) where it is missing.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn make(path: &Path) -> anyhow::Result<()> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.with_context(|| format!("failed to make the data folder '{}'", path.display()))
    }

    /// Waits until no other process holds the folder; `None` when stopped before.
    ///
    /// # Errors
    /// The lock file cannot be opened or locked.
    pub async fn lock(path: &Path, stop: &CancellationToken) -> anyhow::Result<Option<Self>> {
        let file: PathBuf = path.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&file);
        let lock = lock.with_context(|| format!("failed to open '{}'", file.display()))?;
        let mut told = false;
        loop {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Err(_) if sabotaged("sabotage.data_dir.not_locked") => return Ok(Some(Self { _lock: lock })),
                Ok(()) => return Ok(Some(Self { _lock: lock })),
                Err(rustix::io::Errno::WOULDBLOCK) if stop.is_cancelled() => return Ok(None),
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    if !told {
                        info!(folder = %path.display(), "another process holds the data folder; waiting");
                        told = true;
                    }
                    tokio::select! {
                        () = tokio::time::sleep(RETRY) => {}
                        () = stop.cancelled() => {}
                    }
                }
                Err(error) => return Err(error).with_context(|| format!("failed to lock '{}'", file.display())),
            }
        }
    }
}
