//! Copies a database as it is at one moment, whole, beside whoever works with it: written under another name, checked, flushed,
//! and only then named. Never writes over a file. May not change the database that it copies.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use uuid::Uuid;

use super::failure::words;
use super::{HistoryReader, open};
use crate::ports::journal::JournalError;
use crate::ports::read_model::{ReadModel as _, Verdict};

/// A copy that is complete and on the disk, but has no name yet; gone unless it gets one.
pub struct Nameless {
    path: PathBuf,
    /// Bytes of the copy.
    pub bytes: u64,
    /// What its verification said.
    pub verdict: Verdict,
}

/// Writes the copy beside `to` and verifies it.
///
/// # Errors
/// There is no such database, another version wrote it, or the copy cannot be written.
pub async fn copy(from: &Path, to: &Path) -> Result<Nameless, JournalError> {
    let source = open::readers(from).await?;
    let path = beside(to);
    make(&path).map_err(|error| failed(to, &error.to_string()))?;
    let mut made = Nameless {
        path,
        bytes: 0,
        verdict: Verdict::default(),
    };
    let copied = sqlx::query("VACUUM INTO ?1").bind(made.path.to_string_lossy().into_owned());
    let outcome = copied.execute(&source).await;
    source.close().await;
    outcome.map_err(|error| failed(to, &words(&error).0))?;
    let file = File::open(&made.path).and_then(|file| file.sync_all().map(|()| file));
    let length = file.and_then(|file| file.metadata());
    made.bytes = length.map_err(|error| failed(to, &error.to_string()))?.len();
    let reader = HistoryReader::open(&made.path).await?;
    made.verdict = reader.verify_database().await?;
    reader.pool.close().await;
    Ok(made)
}

impl Nameless {
    /// Gives it its name; a file that has it already stays as it is.
    ///
    /// # Errors
    /// Something has that name, or the folder cannot be written.
    pub fn name(self, to: &Path) -> Result<(), JournalError> {
        self.rename(to, RenameFlags::NOREPLACE)
    }

    /// Gives it its name, in place of what has it now.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn replace(self, to: &Path) -> Result<(), JournalError> {
        self.rename(to, RenameFlags::empty())
    }

    fn rename(self, to: &Path, flags: RenameFlags) -> Result<(), JournalError> {
        match renameat_with(CWD, &self.path, CWD, to, flags) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Err(taken(to)),
            // A file system that cannot promise not to replace can at least link, which never replaces.
            Err(Errno::INVAL | Errno::NOSYS) if !flags.is_empty() => link(&self.path, to)?,
            Err(error) => return Err(failed(to, &error.to_string())),
        }
        let folder = File::open(folder_of(to)).and_then(|folder| folder.sync_all());
        folder.map_err(|error| failed(to, &error.to_string()))
    }
}

impl Drop for Nameless {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            // Most are not there; one that cannot be removed is seen by its name.
            let _ = std::fs::remove_file(with_suffix(&self.path, suffix));
        }
    }
}

/// Fails where something has that name.
///
/// # Errors
/// Something has it.
pub fn is_free(to: &Path) -> Result<(), JournalError> {
    match to.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Ok(_) => Err(taken(to)),
        Err(error) => Err(failed(to, &error.to_string())),
    }
}

/// A path with something behind its name, as SQLite names the files beside a database.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn beside(to: &Path) -> PathBuf {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    folder_of(to).join(format!(".{name}.{}.partial", Uuid::new_v4().simple()))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Empty and private: SQLite fills an empty file, and would make one that all may read.
fn make(path: &Path) -> std::io::Result<()> {
    let options = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    options.map(drop)
}

fn link(from: &Path, to: &Path) -> Result<(), JournalError> {
    match std::fs::hard_link(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(taken(to)),
        other => other.map_err(|error| failed(to, &error.to_string())),
    }
}

fn taken(to: &Path) -> JournalError {
    JournalError(format!(
        "'{}' is there already, and nothing is overwritten: name another file",
        to.display()
    ))
}

fn failed(to: &Path, why: &str) -> JournalError {
    JournalError(format!("failed to write '{}': {why}", to.display()))
}
