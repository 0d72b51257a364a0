//! Where the server works: the docs root, and what docmgr tells about it in `workspace/status`. Looks for files by
//! name only; reads no document.

use std::io;
use std::path::{Path, PathBuf};

use crate::adapters::nofollow::Folder;

/// The folder that is served and its surroundings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub root: PathBuf,
    pub config_dir: PathBuf,
    pub repo_root: PathBuf,
    /// Empty if there is none.
    pub config_path: PathBuf,
}

impl Place {
    /// `root`: any path to the folder. `here`: the working directory, in whose repository docmgr looks for its
    /// configuration.
    ///
    /// # Errors
    /// The root is no folder, or a symbolic link (docmgr indexes nothing below one).
    pub fn find(root: &Path, here: &Path) -> io::Result<Self> {
        let root = normal(&std::path::absolute(root)?);
        let kind = std::fs::symlink_metadata(&root)?;
        if kind.is_symlink() {
            return Err(io::Error::other(
                "it is a symbolic link; give the folder that it points to",
            ));
        }
        if !kind.is_dir() {
            return Err(io::Error::other("it is not a folder"));
        }
        let up = |name: &str| here.ancestors().find(|folder| folder.join(name).exists());
        Ok(Self {
            config_dir: root.parent().unwrap_or(&root).to_owned(),
            repo_root: up(".git").unwrap_or(here).to_owned(),
            config_path: up(".ttmp.yaml")
                .map(|folder| folder.join(".ttmp.yaml"))
                .unwrap_or_default(),
            root,
        })
    }

    /// Opens the root as it is now.
    pub fn open(&self) -> io::Result<Folder> {
        Folder::open_trusted(&self.root)
    }
}

/// Without `.`, `..` and doubled separators, by the words alone.
pub fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}
