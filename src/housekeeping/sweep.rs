//! Takes a thing away: out of its place in one rename, and only then apart. What dies in between leaves something in
//! the trash, which the next round empties; nothing half deleted ever stands where a workspace stands.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock, fstat};

use super::Places;
use super::found::{Found, Kind, Living};
use super::list::{ORPHANS, open, owner_of};
use crate::adapters::nofollow::{self, Folder};
use crate::failpoint::boundary;

/// Beside what it takes up, so that a rename gets there; no namespace and no cache has such a name.
pub const TRASH: &str = ".trash";

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swept {
    Gone,
    /// It is not what it was, or somebody works in it.
    Left(&'static str),
}

/// The folders from which things are swept.
pub struct Shelf {
    workspaces: PathBuf,
    caches: PathBuf,
}

impl Shelf {
    /// The shelf of those places.
    pub fn of(places: &Places) -> Self {
        Self {
            workspaces: places.workspaces.clone(),
            caches: places.caches.clone(),
        }
    }

    /// Takes apart what an earlier round had only put there. A living Run's folder can be among it only if a kill came
    /// between two renames; it is set aside instead.
    pub fn empty_trash(&self, living: &Living) -> io::Result<()> {
        for root in [&self.workspaces, &self.caches] {
            let Some(root) = open(root)? else { continue };
            let Some(trash) = root.find(Path::new(TRASH))? else {
                continue;
            };
            for name in trash.names()? {
                let owner = trash.folder(&name).ok().as_ref().and_then(owner_of);
                if owner.is_some_and(|owner| living.runs.contains(&owner)) {
                    put(&trash, &name, &root.make(Path::new(ORPHANS))?, &name)?;
                } else {
                    trash.remove(&name)?;
                }
            }
        }
        Ok(())
    }

    /// Removes empty folders of Runs that are gone: what a kill left of a sweep that had only the folders above to go.
    pub fn remove_empty_runs(&self, living: &Living, only: Option<&str>) -> io::Result<()> {
        let Some(root) = open(&self.workspaces)? else {
            return Ok(());
        };
        let is_ours = |name: &&str| !name.starts_with('.') && only.is_none_or(|only| only == *name);
        for name in root.names()? {
            let Some(namespace) = name.to_str().filter(is_ours) else {
                continue;
            };
            if root.kind(&name)? != Some(nofollow::Kind::Folder) {
                continue;
            }
            let folder = root.folder(&name)?;
            for run in folder.names()? {
                let gone = run.to_str().is_some_and(|run| !living.has_run(namespace, run));
                if gone && folder.kind(&run)? == Some(nofollow::Kind::Folder) {
                    folder.remove_if_empty(&run)?;
                }
            }
        }
        Ok(())
    }

    /// Sweeps it, if it still is what it was and `unneeded` still says so.
    pub fn sweep(&self, found: &Found, unneeded: &dyn Fn() -> bool) -> io::Result<Swept> {
        match &found.kind {
            Kind::Workspace { owner, .. } => self.sweep_workspace(found, owner, unneeded),
            Kind::Cache { key } => self.sweep_cache(key, unneeded),
            Kind::SetAside | Kind::HalfRemoved { .. } => self.sweep_plain(found, unneeded),
            Kind::Steps { .. } | Kind::Foreign => Ok(Swept::Left("it is not ours to sweep")),
        }
    }

    fn sweep_workspace(&self, found: &Found, owner: &str, unneeded: &dyn Fn() -> bool) -> io::Result<Swept> {
        let Some((above, name)) = self.reach(&found.path)? else {
            return Ok(Swept::Gone);
        };
        let Some(folder) = above.find(Path::new(name))? else {
            return Ok(Swept::Gone);
        };
        if owner_of(&folder).as_deref() != Some(owner) {
            return Ok(Swept::Left("it has another owner now"));
        }
        let private = folder.folder(".metawsm")?;
        let lock = private.lock_file("lock")?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(Swept::Left("a step works in it"));
        }
        if !unneeded() {
            return Ok(Swept::Left("somebody needs it now"));
        }
        let trash = trash_in(&self.workspaces)?;
        let doomed = put(&above, name, &trash, name)?;
        // Had another folder taken the place in the meantime, it goes back: it has a name for a moment only there.
        if !trash.folder(&doomed).is_ok_and(|moved| is_same(&moved, &folder)) {
            trash.rename(&doomed, &above, name)?;
            return Ok(Swept::Left("another folder took its place"));
        }
        boundary("housekeeping.after_workspace_rename");
        drop((folder, private, lock));
        trash.remove(&doomed)?;
        self.remove_empty_parents(&found.path)?;
        Ok(Swept::Gone)
    }

    fn sweep_plain(&self, found: &Found, unneeded: &dyn Fn() -> bool) -> io::Result<Swept> {
        let Some((above, name)) = self.reach(&found.path)? else {
            return Ok(Swept::Gone);
        };
        if above.kind(name)?.is_none() {
            return Ok(Swept::Gone);
        }
        if !unneeded() {
            return Ok(Swept::Left("somebody needs it now"));
        }
        let trash = trash_in(&self.workspaces)?;
        let doomed = put(&above, name, &trash, name)?;
        boundary("housekeeping.after_folder_rename");
        trash.remove(&doomed)?;
        if matches!(found.kind, Kind::HalfRemoved { .. }) {
            self.remove_empty_parents(&found.path)?;
        }
        Ok(Swept::Gone)
    }

    /// Under the lock by which steps work on the cache. The lock itself stays: whoever waits for it would hold one
    /// that nobody else can see.
    fn sweep_cache(&self, key: &str, unneeded: &dyn Fn() -> bool) -> io::Result<Swept> {
        let Some(caches) = open(&self.caches)? else {
            return Ok(Swept::Gone);
        };
        let lock: File = caches.lock_file(&format!("{key}.lock"))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(Swept::Left("a step works on it"));
        }
        if !unneeded() {
            return Ok(Swept::Left("somebody needs it now"));
        }
        let trash = trash_in(&self.caches)?;
        let mut doomed = Vec::new();
        for name in [key.to_owned(), format!("{key}.new")] {
            if caches.kind(&name)?.is_some() {
                doomed.push(put(&caches, OsStr::new(&name), &trash, OsStr::new(&name))?);
            }
        }
        boundary("housekeeping.after_cache_rename");
        drop(lock);
        doomed.iter().try_for_each(|name| trash.remove(name))?;
        Ok(Swept::Gone)
    }

    /// The folder above a path below the workspaces' root, reached through real folders only, and the last name.
    fn reach<'a>(&self, path: &'a Path) -> io::Result<Option<(Folder, &'a OsStr)>> {
        let outside = || io::Error::new(io::ErrorKind::InvalidInput, "it is not below the workspaces' root");
        let below = path.strip_prefix(&self.workspaces).map_err(|_| outside())?;
        let (above, name) = (
            below.parent().ok_or_else(outside)?,
            below.file_name().ok_or_else(outside)?,
        );
        let Some(root) = open(&self.workspaces)? else {
            return Ok(None);
        };
        Ok(root.find(above)?.map(|above| (above, name)))
    }

    /// The run's and the namespace's folder, where they are empty now.
    fn remove_empty_parents(&self, path: &Path) -> io::Result<()> {
        for above in path.ancestors().skip(1).take(2) {
            if let Some((folder, name)) = self.reach(above)? {
                folder.remove_if_empty(name)?;
            }
        }
        Ok(())
    }
}

fn trash_in(root: &Path) -> io::Result<Folder> {
    Folder::open_trusted(root)?.make(Path::new(TRASH))
}

/// Moves the entry to a free name in the trash; the name.
fn put(above: &Folder, name: &OsStr, trash: &Folder, wish: &OsStr) -> io::Result<OsString> {
    for number in 0..=u32::MAX {
        let mut free = wish.to_owned();
        free.push(format!(".{number}"));
        match above.rename(name, trash, &free) {
            Ok(()) => return Ok(free),
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty
                ) => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::other("no free name is left in the trash"))
}

fn is_same(one: &Folder, other: &Folder) -> bool {
    match (fstat(one), fstat(other)) {
        (Ok(one), Ok(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
        (Err(_), _) | (_, Err(_)) => false,
    }
}
