//! Where a workspace lies and whose it is: reached through real folders only, put aside or removed as a whole.
//! Never looks into the clones.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use super::context::boundary;
use crate::adapters::nofollow::{Folder, Kind};
use crate::ports::executor::StepError;

/// Our own folder inside a workspace.
pub const PRIVATE: &str = ".metawsm";
/// Beside the namespaces: folders that may hold somebody's work but belong to no workspace any more.
pub const ORPHANS: &str = ".orphans";
/// The file inside [`PRIVATE`] that names the run's uid.
pub const OWNER: &str = "owner";
/// Longest owner that is read: a uid has 36 bytes.
const OWNER_LIMIT: u64 = 256;

/// A workspace's path taken apart: `<root>/<namespace>/<run>/<ticket>`.
pub struct Place {
    root: PathBuf,
    namespace: OsString,
    run: OsString,
    /// The workspace's own folder.
    pub ticket: OsString,
}

impl Place {
    /// Takes the path apart; the names are plain ones.
    pub fn of(path: &Path) -> Result<Self, StepError> {
        let bad = || {
            StepError::lasting(
                "WorkspacePathInvalid",
                format!("{} is no workspace's path", path.display()),
            )
        };
        let name = |p: &Path| p.file_name().map(OsStr::to_owned).ok_or_else(bad);
        let run = path.parent().ok_or_else(bad)?;
        let namespace = run.parent().ok_or_else(bad)?;
        let root = namespace.parent().filter(|r| r.is_absolute()).ok_or_else(bad)?;
        Ok(Self {
            root: root.to_owned(),
            namespace: name(namespace)?,
            run: name(run)?,
            ticket: name(path)?,
        })
    }

    /// `<root>/.orphans`.
    pub fn orphans(&self) -> PathBuf {
        self.root.join(ORPHANS)
    }

    /// The workspace's name while it is removed; no ticket begins with a dot.
    fn doomed(&self) -> OsString {
        let mut name = OsString::from(".removing-");
        name.push(&self.ticket);
        name
    }

    fn below_root(&self) -> PathBuf {
        Path::new(&self.namespace).join(&self.run)
    }

    /// The folder that holds the workspace, made if `make`; every name below the root is a real folder.
    pub fn parent(&self, make: bool) -> Result<Option<Folder>, StepError> {
        let unsafe_path = |e: io::Error| match e.kind() {
            io::ErrorKind::NotADirectory => {
                let why = format!(
                    "{}: something on this path is no real folder",
                    self.root.join(self.below_root()).display()
                );
                StepError::lasting("WorkspacePathUnsafe", why)
            }
            _ => StepError::io("open the workspace's folder")(e),
        };
        if make {
            std::fs::create_dir_all(&self.root).map_err(StepError::io("make the workspaces' root"))?;
        } else if !self.root.exists() {
            return Ok(None);
        }
        let root = Folder::open_trusted(&self.root).map_err(StepError::io("open the workspaces' root"))?;
        if make {
            root.make(&self.below_root()).map(Some)
        } else {
            root.find(&self.below_root())
        }
        .map_err(unsafe_path)
    }

    /// Removes the run's and the namespace's folder where they are empty now.
    pub fn remove_empty_parents(&self) -> io::Result<()> {
        let root = Folder::open_trusted(&self.root)?;
        if let Some(namespace) = root.find(Path::new(&self.namespace))? {
            namespace.remove_if_empty(&self.run)?;
        }
        root.remove_if_empty(&self.namespace).map(drop)
    }
}

/// Opens a workspace only to look at it, whoever owns it and whoever works in it; `None` if it is not there.
pub fn open_to_look(path: &Path) -> Result<Option<Folder>, StepError> {
    let place = Place::of(path)?;
    let Some(parent) = place.parent(false)? else {
        return Ok(None);
    };
    parent
        .find(Path::new(&place.ticket))
        .map_err(StepError::io("open the workspace's folder"))
}

/// Whether a folder of that path exists, and whose it is: `None` nothing there, `Some(None)` nobody's.
pub fn owner_at(path: &Path) -> Result<Option<Option<String>>, StepError> {
    let place = Place::of(path)?;
    let Some(parent) = place.parent(false)? else {
        return Ok(None);
    };
    match parent
        .kind(&place.ticket)
        .map_err(StepError::io("look at the workspace's folder"))?
    {
        None => Ok(None),
        Some(Kind::Folder) => {
            let folder = parent
                .folder(&place.ticket)
                .map_err(StepError::io("open the workspace's folder"))?;
            owner_of(&folder).map(Some)
        }
        Some(Kind::File { .. } | Kind::Link | Kind::Special) => Ok(Some(None)),
    }
}

/// Moves the whole workspace, in one rename, to a free name in `orphans`: where it is now.
pub fn set_aside(place: &Place, orphans: &Path) -> Result<PathBuf, StepError> {
    let what = || StepError::io("put the workspace's folder aside");
    std::fs::create_dir_all(orphans).map_err(what())?;
    let shelf = Folder::open_trusted(orphans).map_err(what())?;
    let parent = place
        .parent(false)?
        .ok_or_else(|| StepError::passing("WorkspaceNotReady", "it vanished"))?;
    let owner = match parent.folder(&place.ticket) {
        Ok(folder) => owner_of(&folder)?.unwrap_or_default(),
        Err(_) => String::new(),
    };
    let words: String = owner.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    let words = if words.is_empty() { "unowned".to_owned() } else { words };
    let stem = [&place.namespace, &place.run, &place.ticket]
        .map(|name| name.to_string_lossy())
        .join("-");
    for number in 1..=u32::MAX {
        let name = format!("{stem}-{words}-{number}");
        match parent.rename(&place.ticket, &shelf, &name) {
            Ok(()) => return Ok(orphans.join(name)),
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty
                ) => {}
            Err(e) => return Err(what()(e)),
        }
    }
    Err(StepError::passing(
        "OrphansFull",
        "no free name is left among the orphans",
    ))
}

/// Removes the workspace's folder with all that is in it. It loses its name first, so that a removal that was
/// interrupted leaves nothing that looks like somebody's workspace.
pub fn remove(place: &Place) -> Result<(), StepError> {
    let what = || StepError::io("remove the workspace's folder");
    finish_removal(place)?;
    let Some(parent) = place.parent(false)? else {
        return Ok(());
    };
    parent.rename(&place.ticket, &parent, place.doomed()).map_err(what())?;
    boundary("step.cleanup.during_removal");
    finish_removal(place)
}

/// Removes what an interrupted removal left.
pub fn finish_removal(place: &Place) -> Result<(), StepError> {
    match place.parent(false)? {
        Some(parent) => parent
            .remove(place.doomed())
            .map_err(StepError::io("remove the workspace's folder")),
        None => Ok(()),
    }
}

/// The uid that the folder belongs to; `None` where nobody wrote one.
pub fn owner_of(folder: &Folder) -> Result<Option<String>, StepError> {
    let what = || StepError::io("read the workspace's owner");
    let Some(private) = folder.find(Path::new(PRIVATE)).map_err(what())? else {
        return Ok(None);
    };
    let owner = private.read(OWNER, OWNER_LIMIT).map_err(what())?;
    Ok(owner.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()))
}
