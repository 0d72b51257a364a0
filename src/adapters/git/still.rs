//! A copy of a folder that keeps still while git reads it: git follows paths, and whoever may write to a work tree could
//! swap a folder on the way for a link in between. Goes through no link, and copies links as links. Special files and git's
//! own folders are left out. May not write to what it copies, nor run git.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::path::Path;

use crate::adapters::nofollow::{Folder, Kind};

/// Deepest nesting that is followed: each level keeps two file descriptors open.
const DEPTH: usize = 100;

/// Copies what lies at `folder` below `from` to the same place below `to`, which held nothing there; nothing where nothing
/// is. `most`: the bytes it may have.
///
/// # Errors
/// It is no real folder, it is too much or too deep, or it cannot be read or written.
pub fn copy(from: &Folder, to: &Folder, folder: &Path, most: u64) -> io::Result<()> {
    let Some(source) = from.find(folder)? else {
        return Ok(());
    };
    let mut left = most;
    level(&source, &to.make(folder)?, 0, &mut left)
}

fn level(from: &Folder, to: &Folder, depth: usize, left: &mut u64) -> io::Result<()> {
    if depth > DEPTH {
        return Err(io::Error::other(format!("it is nested more than {DEPTH} folders deep")));
    }
    for name in from.names()? {
        match from.kind(&name)? {
            None | Some(Kind::Special) => {}
            Some(_) if is_git(&name) => {}
            Some(Kind::Folder) => level(&from.folder(&name)?, &to.make(Path::new(&name))?, depth + 1, left)?,
            Some(Kind::Link) => to.link(&name, &from.link_target(&name)?)?,
            Some(Kind::File { executable, .. }) => {
                let mut copied = to.create(&name, if executable { 0o755 } else { 0o644 })?;
                let mut source = from.file(&name)?.take(left.saturating_add(1));
                let bytes = io::copy(&mut source, &mut copied)?;
                let less = left.checked_sub(bytes);
                *left = less.ok_or_else(|| io::Error::other("it is larger than the ticket's documents may be"))?;
            }
        }
    }
    Ok(())
}

/// Whether git would take the name for its own folder, on any file system.
pub fn is_git(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_lowercase();
    name.trim_end_matches(['.', ' ']) == ".git" || name == "git~1"
}
