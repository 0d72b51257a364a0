//! Files at the end of a path whose links may be followed as long as they stay below the folder. The kernel decides what
//! is below; every call is one system call.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{self, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::Folder;

impl Folder {
    /// Opens a regular file at the end of a relative path for reading. Links on the way are followed as long as they
    /// stay below this folder; one that leaves it is an error of kind `CrossesDevices`.
    pub fn file_beneath(&self, path: &Path) -> io::Result<File> {
        let file = self.open_beneath(path)?;
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::other("not a regular file"))
        }
    }

    /// Opens whatever is at the end of a relative path, like [`Self::file_beneath`]; a pipe does not block.
    pub fn open_beneath(&self, path: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        match fs::openat2(&self.0, path, flags, Mode::empty(), beneath) {
            Err(Errno::NOSYS) => {}
            other => return Ok(File::from(other?)),
        }
        // A kernel that cannot say "beneath": then no link at all.
        let Some(name) = path.file_name() else {
            return Err(Errno::INVAL.into());
        };
        let folder = self.descend(path.parent().unwrap_or(Path::new("")))?;
        let fd = fs::openat(&folder.0, name, flags | OFlags::NOFOLLOW, Mode::empty())?;
        Ok(File::from(fd))
    }
}
