//! Files and folders reached one name at a time from an open folder, never through a symbolic link: what somebody else
//! may write into a tree cannot lead us out of it. Decides nothing; every call is one or two system calls.

mod beneath;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path};
use std::time::{Duration, UNIX_EPOCH};

use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

/// What a name stands for, seen without following it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File {
        executable: bool,
        bytes: u64,
    },
    Folder,
    Link,
    /// A pipe, socket or device.
    Special,
}

/// An open folder.
#[derive(Debug)]
pub struct Folder(OwnedFd);

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Folder {
    /// Opens a path that is trusted as a whole, such as one from the settings.
    pub fn open_trusted(path: &Path) -> io::Result<Self> {
        Ok(Self(fs::open(path, FOLDER, Mode::empty())?))
    }

    /// The folder of that name in this one.
    pub fn folder(&self, name: impl AsRef<OsStr>) -> io::Result<Self> {
        let name = single(name.as_ref())?;
        Ok(Self(fs::openat(
            &self.0,
            name,
            FOLDER | OFlags::NOFOLLOW,
            Mode::empty(),
        )?))
    }

    /// The folder at the end of a relative path.
    pub fn descend(&self, path: &Path) -> io::Result<Self> {
        let mut here = Self(self.0.try_clone()?);
        for name in names_of(path)? {
            here = here.folder(name)?;
        }
        Ok(here)
    }

    /// Like [`Self::descend`], `None` where something on the way does not exist.
    pub fn find(&self, path: &Path) -> io::Result<Option<Self>> {
        match self.descend(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// The folder at the end of a relative path; what is missing is made with mode 0755.
    pub fn make(&self, path: &Path) -> io::Result<Self> {
        let mut here = Self(self.0.try_clone()?);
        for name in names_of(path)? {
            match fs::mkdirat(&here.0, name, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => here = here.folder(name)?,
                Err(e) => return Err(e.into()),
            }
        }
        Ok(here)
    }

    /// What the name stands for; `None` if there is nothing.
    pub fn kind(&self, name: impl AsRef<OsStr>) -> io::Result<Option<Kind>> {
        let stat = match fs::statat(&self.0, single(name.as_ref())?, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            other => other?,
        };
        Ok(Some(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File {
                executable: stat.st_mode & 0o100 != 0,
                bytes: u64::try_from(stat.st_size).unwrap_or_default(),
            },
            FileType::Directory => Kind::Folder,
            FileType::Symlink => Kind::Link,
            _ => Kind::Special,
        }))
    }

    /// How long ago the entry was changed; `None` if there is none, zero if that lies in the future.
    pub fn age(&self, name: impl AsRef<OsStr>) -> io::Result<Option<Duration>> {
        let stat = match fs::statat(&self.0, single(name.as_ref())?, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            other => other?,
        };
        let changed = UNIX_EPOCH + Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or_default());
        Ok(Some(changed.elapsed().unwrap_or_default()))
    }

    /// All names in the folder, in byte order.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        names.sort();
        Ok(names)
    }

    /// Opens a regular file for reading; anything else is an error, and a pipe does not block.
    pub fn file(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(fs::openat(&self.0, single(name.as_ref())?, flags, Mode::empty())?);
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::other("not a regular file"))
        }
    }

    /// The content of a small regular file; `None` if it does not exist, an error if it is longer than `most`.
    pub fn read(&self, name: impl AsRef<OsStr>, most: u64) -> io::Result<Option<Vec<u8>>> {
        let file = match self.file(name) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let mut content = Vec::new();
        if file.take(most + 1).read_to_end(&mut content)? as u64 > most {
            return Err(io::Error::other(format!("longer than {most} bytes")));
        }
        Ok(Some(content))
    }

    /// Makes a file that must not exist yet, with exactly this mode.
    pub fn create(&self, name: impl AsRef<OsStr>, mode: u32) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(&self.0, single(name.as_ref())?, flags, Mode::from_raw_mode(mode))?;
        fs::fchmod(&fd, Mode::from_raw_mode(mode))?;
        Ok(File::from(fd))
    }

    /// Opens or makes a file that is only used to be locked.
    pub fn lock_file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(fs::openat(
            &self.0,
            single(name.as_ref())?,
            flags,
            Mode::from_raw_mode(0o600),
        )?))
    }

    /// Writes a small file as a whole: it has the old content or the new one, also after a crash.
    pub fn write_whole(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let temporary = format!(".{name}.new");
        self.remove(&temporary)?;
        let mut file = self.create(&temporary, 0o644)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::renameat(&self.0, temporary.as_str(), &self.0, single(name.as_ref())?)?;
        Ok(fs::fsync(&self.0)?)
    }

    /// Where a symbolic link points.
    pub fn link_target(&self, name: impl AsRef<OsStr>) -> io::Result<OsString> {
        let target = fs::readlinkat(&self.0, single(name.as_ref())?, Vec::new())?;
        Ok(OsString::from_vec(target.into_bytes()))
    }

    /// Makes a symbolic link.
    pub fn link(&self, name: impl AsRef<OsStr>, target: &OsStr) -> io::Result<()> {
        Ok(fs::symlinkat(target, &self.0, single(name.as_ref())?)?)
    }

    /// Moves an entry to a name that must be free.
    pub fn rename(&self, name: impl AsRef<OsStr>, to: &Folder, new: impl AsRef<OsStr>) -> io::Result<()> {
        let (name, new) = (single(name.as_ref())?, single(new.as_ref())?);
        match fs::renameat_with(&self.0, name, &to.0, new, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS) => match to.kind(new)? {
                None => Ok(fs::renameat(&self.0, name, &to.0, new)?),
                Some(_) => Err(Errno::EXIST.into()),
            },
            other => Ok(other?),
        }
    }

    /// Moves a file over another one.
    pub fn replace(&self, name: &str, new: &str) -> io::Result<()> {
        Ok(fs::renameat(
            &self.0,
            single(name.as_ref())?,
            &self.0,
            single(new.as_ref())?,
        )?)
    }

    /// Swaps two entries in one step; `false` where the file system cannot do that.
    pub fn exchange(&self, name: impl AsRef<OsStr>, other: &Folder, its: impl AsRef<OsStr>) -> io::Result<bool> {
        let (name, its) = (single(name.as_ref())?, single(its.as_ref())?);
        match fs::renameat_with(&self.0, name, &other.0, its, RenameFlags::EXCHANGE) {
            Err(Errno::INVAL | Errno::NOSYS) => Ok(false),
            other => Ok(other.map(|()| true)?),
        }
    }

    /// Flushes the whole file system that the folder is on.
    pub fn sync_file_system(&self) -> io::Result<()> {
        Ok(fs::syncfs(&self.0)?)
    }

    /// Removes an entry with all that is in it; nothing there is fine. Links are removed, not followed.
    pub fn remove(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        let name = single(name.as_ref())?;
        match self.kind(name)? {
            None => return Ok(()),
            Some(Kind::Folder) => {}
            Some(Kind::File { .. } | Kind::Link | Kind::Special) => {
                return Ok(fs::unlinkat(&self.0, name, AtFlags::empty())?);
            }
        }
        let folder = match self.folder(name) {
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                fs::chmodat(&self.0, name, Mode::RWXU, AtFlags::empty())?;
                self.folder(name)?
            }
            other => other?,
        };
        for entry in folder.names()? {
            if let Err(e) = folder.remove(&entry) {
                if e.kind() != io::ErrorKind::PermissionDenied {
                    return Err(e);
                }
                fs::fchmod(&folder.0, Mode::RWXU)?;
                folder.remove(&entry)?;
            }
        }
        Ok(fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// Removes a folder if it is empty; whether it is gone.
    pub fn remove_if_empty(&self, name: impl AsRef<OsStr>) -> io::Result<bool> {
        match fs::unlinkat(&self.0, single(name.as_ref())?, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn single(name: &OsStr) -> io::Result<&OsStr> {
    let mut names = Path::new(name).components();
    match (names.next(), names.next()) {
        (Some(Component::Normal(one)), None) if one == name => Ok(one),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{name:?} is not a plain name"),
        )),
    }
}

fn names_of(path: &Path) -> io::Result<Vec<&OsStr>> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => names.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                let why = format!("{} is not a plain relative path", path.display());
                return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests;
