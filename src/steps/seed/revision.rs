//! The revision of a folder of documents: one hash over what is in it, whatever way it came there. Pure.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// How a file is kept, in git's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileMode {
    Plain,
    Executable,
    Link,
}

impl FileMode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "100644",
            Self::Executable => "100755",
            Self::Link => "120000",
        }
    }
}

/// Everything in a folder, as it is collected.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    entries: Vec<(PathBuf, FileMode, [u8; 32])>,
    /// Of all files together; links count with their target's length.
    pub bytes: u64,
    /// Something was too large to be read, so the revision is nobody's.
    pub unread: bool,
}

impl Contents {
    /// Adds one file or link.
    pub fn add(&mut self, path: &Path, mode: FileMode, digest: [u8; 32], bytes: u64) {
        self.entries.push((path.to_owned(), mode, digest));
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// How many files and links there are.
    pub fn files(&self) -> u64 {
        self.entries.len() as u64
    }

    /// `sha256:` over the sorted (path, mode, content).
    pub fn revision(&self) -> String {
        let mut sorted: Vec<_> = self.entries.iter().collect();
        sorted.sort_by(|a, b| a.0.as_os_str().as_bytes().cmp(b.0.as_os_str().as_bytes()));
        let mut hash = Sha256::new();
        for (path, mode, digest) in sorted {
            hash.update(path.as_os_str().as_bytes());
            hash.update([0]);
            hash.update(mode.as_str());
            hash.update([0]);
            hash.update(digest);
        }
        format!("sha256:{}", hex::encode(hash.finalize()))
    }
}

/// The digest of a content held in memory.
pub fn digest(content: &[u8]) -> [u8; 32] {
    Sha256::digest(content).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(entries: &[(&str, FileMode, &str)]) -> String {
        let mut contents = Contents::default();
        for (path, mode, content) in entries {
            contents.add(Path::new(path), *mode, digest(content.as_bytes()), 0);
        }
        contents.revision()
    }

    #[test]
    fn order_does_not_matter_but_path_mode_and_content_do() {
        let (plain, executable) = (FileMode::Plain, FileMode::Executable);
        let one = of(&[("a", plain, "x"), ("b/c", plain, "y")]);
        assert_eq!(one, of(&[("b/c", plain, "y"), ("a", plain, "x")]));
        assert_ne!(one, of(&[("b/c", plain, "x"), ("a", plain, "y")]));
        assert_ne!(one, of(&[("a", executable, "x"), ("b/c", plain, "y")]));
        assert_ne!(one, of(&[("a", plain, "x"), ("b/d", plain, "y")]));
    }
}
