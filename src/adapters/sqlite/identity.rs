//! Whether the file at a path is still the one that was opened. SQLite goes on writing into a file that was deleted.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failpoint::sabotaged;

/// How often it is looked: so much may be written into nowhere. One `stat` costs a microsecond.
const LOOK: Duration = Duration::from_secs(1);

/// The file that a path led to.
pub struct FileIdentity {
    path: PathBuf,
    file: Option<(u64, u64)>,
}

impl FileIdentity {
    /// The file that is there now.
    pub fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: file_at(path),
        }
    }

    fn moved(&self) -> bool {
        file_at(&self.path) != self.file && !sabotaged("sabotage.sqlite.never_looks")
    }

    /// Returns once another file, or none, is there.
    pub async fn until_moved(&self) {
        while !self.moved() {
            tokio::time::sleep(LOOK).await;
        }
        tracing::error!(
            path = %self.path.display(),
            "the database file is not there any more: it was removed, moved or replaced; ending, so that the next \
             start opens what is there or rebuilds it"
        );
    }
}

fn file_at(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_removed_or_replaced_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&path, "").unwrap();
        std::fs::write(&other, "").unwrap();
        let identity = FileIdentity::of(&path);
        assert!(!identity.moved(), "it is still there");
        std::fs::rename(&other, &path).unwrap();
        assert!(identity.moved());
        std::fs::remove_file(&path).unwrap();
        assert!(identity.moved());
    }
}
