//! How much room a tree takes and how much is left. Looks only; follows no link and leaves no file system.

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::nofollow::Folder;

/// `st_blocks` counts in these, whatever the file system's own blocks are.
const BLOCK: u64 = 512;
/// Folders deeper than this are not entered: each level holds a descriptor open.
const DEEPEST: usize = 200;

/// What a tree takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// As `du` counts: blocks that are taken, a file with several names once.
    pub bytes: u64,
    /// Not everything could be looked at, so it is at least this.
    pub partly: bool,
}

/// Measures the folder and all below it. What vanishes meanwhile does not count.
pub fn used_by(folder: &Folder) -> io::Result<Usage> {
    let own = fs::fstat(folder)?;
    let mut walk = Walk {
        device: own.st_dev,
        several_names: HashSet::new(),
        usage: Usage {
            bytes: taken(own.st_blocks),
            partly: false,
        },
    };
    walk.below(&folder.as_fd().try_clone_to_owned()?, 0);
    Ok(walk.usage)
}

/// Bytes that are left for us on the file system of the path, or of the nearest folder above that exists.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    for place in path.ancestors() {
        match fs::statvfs(place) {
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
            Ok(room) => return Ok(room.f_bavail.saturating_mul(room.f_frsize)),
        }
    }
    Err(Errno::NOENT.into())
}

struct Walk {
    device: u64,
    several_names: HashSet<u64>,
    usage: Usage,
}

impl Walk {
    fn below(&mut self, folder: &OwnedFd, depth: usize) {
        let Ok(entries) = Dir::read_from(folder) else {
            self.usage.partly = true;
            return;
        };
        for entry in entries {
            let Ok(entry) = entry else {
                self.usage.partly = true;
                return;
            };
            let name = entry.file_name();
            if name.to_bytes() == b"." || name.to_bytes() == b".." {
                continue;
            }
            let stat = match fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if stat.st_dev == self.device => stat,
                Ok(_) | Err(Errno::NOENT) => continue,
                Err(_) => {
                    self.usage.partly = true;
                    continue;
                }
            };
            let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            if !is_folder && stat.st_nlink > 1 && !self.several_names.insert(stat.st_ino) {
                continue;
            }
            self.usage.bytes = self.usage.bytes.saturating_add(taken(stat.st_blocks));
            if is_folder {
                self.enter(folder, name, depth);
            }
        }
    }

    fn enter(&mut self, folder: &OwnedFd, name: &std::ffi::CStr, depth: usize) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match fs::openat(folder, name, flags, Mode::empty()) {
            Ok(inner) if depth < DEEPEST => self.below(&inner, depth + 1),
            Err(Errno::NOENT) => {}
            Ok(_) | Err(_) => self.usage.partly = true,
        }
    }
}

fn taken(blocks: i64) -> u64 {
    u64::try_from(blocks).unwrap_or_default() * BLOCK
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn used(path: &Path) -> Usage {
        used_by(&Folder::open_trusted(path).unwrap()).unwrap()
    }

    #[test]
    fn links_are_not_followed_and_a_file_counts_once() {
        let scratch = tempfile::tempdir().unwrap();
        let (inside, outside) = (scratch.path().join("in"), scratch.path().join("out"));
        for folder in [&inside, &outside] {
            std::fs::create_dir(folder).unwrap();
        }
        std::fs::write(outside.join("big"), vec![1; 4 << 20]).unwrap();
        std::fs::write(inside.join("small"), vec![1; 1 << 20]).unwrap();
        std::fs::hard_link(inside.join("small"), inside.join("again")).unwrap();
        symlink(&outside, inside.join("door")).unwrap();
        symlink(&inside, inside.join("round")).unwrap();
        let usage = used(&inside);
        assert!((1 << 20..2 << 20).contains(&usage.bytes), "{usage:?}");
        assert!(!usage.partly);
    }

    #[test]
    fn a_hole_takes_no_room() {
        let scratch = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(scratch.path().join("sparse")).unwrap();
        file.set_len(1 << 40).unwrap();
        assert!(used(scratch.path()).bytes < 1 << 20);
    }

    #[test]
    fn a_tree_too_deep_to_enter_is_told() {
        let scratch = tempfile::tempdir().unwrap();
        let deep: std::path::PathBuf = std::iter::repeat_n("d", DEEPEST + 5).collect();
        std::fs::create_dir_all(scratch.path().join(deep)).unwrap();
        assert!(used(scratch.path()).partly);
    }

    #[test]
    fn what_is_left_is_asked_of_the_nearest_folder_that_exists() {
        let scratch = tempfile::tempdir().unwrap();
        assert!(free_bytes(&scratch.path().join("not/there")).unwrap() > 0);
    }
}
