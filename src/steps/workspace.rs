//! The folder of one workspace, opened to work in: it is ours, and nobody else works in it.
//! Never changes anything inside the clones.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use super::context::boundary;
use super::place::{OWNER, PRIVATE, Place, owner_of, set_aside};
use crate::adapters::nofollow::{Folder, Kind};
use crate::ports::executor::StepError;

/// How long another step may take to let go of the workspace: one that was ended lets go at once.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often that is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// A workspace that is ours, locked for this process.
pub struct Workspace {
    path: PathBuf,
    /// The workspace's folder.
    pub folder: Folder,
    /// `.metawsm` in it.
    pub private: Folder,
    _lock: File,
}

impl Workspace {
    /// Opens a workspace that must exist and be owned by that run.
    pub fn open(path: &Path, owner_uid: &str) -> Result<Self, StepError> {
        let gone = || {
            let why = format!(
                "the workspace {} is not there or belongs to another run",
                path.display()
            );
            StepError::passing("WorkspaceNotReady", why)
        };
        let place = Place::of(path)?;
        let parent = place.parent(false)?.ok_or_else(gone)?;
        let folder = parent
            .find(Path::new(&place.ticket))
            .map_err(StepError::io("open the workspace"))?
            .ok_or_else(gone)?;
        if owner_of(&folder)?.as_deref() != Some(owner_uid) {
            return Err(gone());
        }
        Self::locked(path, folder)
    }

    /// Opens the workspace or makes it. A folder of anybody else at its place is put aside, never used.
    pub fn make(path: &Path, owner_uid: &str) -> Result<Self, StepError> {
        let place = Place::of(path)?;
        let what = StepError::io("make the workspace's folder");
        let parent = place
            .parent(true)?
            .ok_or_else(|| StepError::passing("WorkspaceNotReady", "it vanished"))?;
        if let Some(kind) = parent
            .kind(&place.ticket)
            .map_err(StepError::io("look at the workspace's folder"))?
        {
            let ours = match kind {
                Kind::Folder => {
                    let folder = parent
                        .folder(&place.ticket)
                        .map_err(StepError::io("open the workspace's folder"))?;
                    match owner_of(&folder)? {
                        Some(owner) => owner == owner_uid,
                        None => is_unused(&folder)?,
                    }
                }
                Kind::File { .. } | Kind::Link | Kind::Special => false,
            };
            if !ours {
                set_aside(&place, &place.orphans())?;
            }
        }
        let folder = parent.make(Path::new(&place.ticket)).map_err(what)?;
        let workspace = Self::locked(path, folder)?;
        if owner_of(&workspace.folder)?.is_none() {
            boundary("step.prepare.before_owner");
            let written = workspace.private.write_whole(OWNER, owner_uid.as_bytes());
            written.map_err(StepError::io("write the workspace's owner"))?;
        }
        Ok(workspace)
    }

    fn locked(path: &Path, folder: Folder) -> Result<Self, StepError> {
        let private = folder
            .make(Path::new(PRIVATE))
            .map_err(StepError::io("open the workspace's .metawsm"))?;
        let lock = private.lock_file("lock").map_err(StepError::io("lock the workspace"))?;
        let begun = Instant::now();
        while flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            if begun.elapsed() > PATIENCE {
                let why = format!("another step still works in {}", path.display());
                return Err(StepError::passing("WorkspaceBusy", why));
            }
            std::thread::sleep(GLANCE);
        }
        Ok(Self {
            path: path.to_owned(),
            folder,
            private,
            _lock: lock,
        })
    }

    /// Its path, for git.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether nothing is in the folder but what an attempt leaves that ended before it wrote the owner.
fn is_unused(folder: &Folder) -> Result<bool, StepError> {
    let names = folder.names().map_err(StepError::io("list the workspace's folder"))?;
    Ok(names.iter().all(|name| name == PRIVATE))
}
