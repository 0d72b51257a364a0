//! The clones of a workspace as the steps find them: a real folder with a real git dir, and where its HEAD stands.
//! Reads files only; runs no git.

use crate::adapters::git::refs::{self, Head};
use crate::adapters::nofollow::{Folder, Kind};

/// What git leaves in a git dir while something is half done, and what people call it.
const HALF_DONE: &[(&str, &str)] = &[
    ("MERGE_HEAD", "a merge"),
    ("rebase-merge", "a rebase"),
    ("rebase-apply", "a rebase"),
    ("CHERRY_PICK_HEAD", "a cherry-pick"),
    ("REVERT_HEAD", "a revert"),
    ("BISECT_LOG", "a bisect"),
];

/// One clone, opened without following links.
pub struct CloneOnDisk {
    /// The work tree.
    pub work_tree: Folder,
    /// Its `.git`.
    pub git: Folder,
    pub head: Head,
}

impl CloneOnDisk {
    /// Opens the clone, or says what is wrong with it.
    pub fn open(workspace: &Folder, name: &str) -> Result<Self, String> {
        let work_tree = match workspace.kind(name).map_err(|e| e.to_string())? {
            Some(Kind::Folder) => workspace.folder(name).map_err(|e| e.to_string())?,
            None => return Err("the clone is gone".to_owned()),
            Some(Kind::File { .. } | Kind::Link | Kind::Special) => return Err("the clone is no folder".to_owned()),
        };
        let git = match work_tree.kind(".git").map_err(|e| e.to_string())? {
            Some(Kind::Folder) => work_tree.folder(".git").map_err(|e| e.to_string())?,
            None => return Err("the clone has no .git".to_owned()),
            Some(Kind::File { .. } | Kind::Link | Kind::Special) => return Err("its .git is no folder".to_owned()),
        };
        for (name, what) in [("objects", "objects folder"), ("refs", "refs folder")] {
            if git.kind(name).map_err(|e| e.to_string())? != Some(Kind::Folder) {
                return Err(format!("its {what} is missing or no folder"));
            }
        }
        if matches!(
            git.kind("index").map_err(|e| e.to_string())?,
            Some(Kind::Folder | Kind::Link | Kind::Special)
        ) {
            return Err("its index is no file".to_owned());
        }
        let head = refs::head(&git).map_err(|e| format!("its HEAD cannot be read: {e}"))?;
        Ok(Self { work_tree, git, head })
    }

    /// What git was in the middle of.
    pub fn half_done(&self) -> Option<&'static str> {
        let there = |name: &str| self.git.kind(name).ok().flatten().is_some();
        HALF_DONE.iter().find(|(name, _)| there(name)).map(|(_, what)| *what)
    }

    /// Why work on `branch` cannot go on here, in words for people.
    pub fn problem_on(&self, branch: &str) -> Option<String> {
        if let Some(what) = self.half_done() {
            return Some(format!("it is in the middle of {what}: finish or abort it"));
        }
        match &self.head.branch {
            Some(current) if current == branch => None,
            Some(current) => Some(format!("it is on branch \"{current}\", not on \"{branch}\"")),
            None => Some(format!("its HEAD is detached, not on \"{branch}\"")),
        }
    }
}
