//! Which services there are, by their folders. A folder that cannot be listed is an error, never no services.

use std::io;
use std::path::{Path, PathBuf};

use crate::adapters::service_folder as files;
use crate::ports::services::ServiceKey;

/// Whose service the folder is; `None` where it does not tell, or goes meanwhile.
pub fn key_of(path: &Path) -> Option<ServiceKey> {
    files::read(&files::open(path).ok()??, files::KEY).ok()?
}

/// Every service's folder.
pub fn folders(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for run in below(root)? {
        all.extend(below(&run)?);
    }
    Ok(all)
}

/// The folders in a folder; what is not there holds none.
pub fn below(path: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        other => other?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let paths = paths.collect::<io::Result<Vec<_>>>()?;
    Ok(paths.into_iter().filter(|path| path.is_dir()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_cannot_be_listed_are_not_taken_for_none() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("services");
        assert_eq!(folders(&root).unwrap(), Vec::<PathBuf>::new(), "nothing was served yet");
        std::fs::create_dir_all(root.join("u-1/r--a-1")).unwrap();
        assert_eq!(folders(&root).unwrap(), [root.join("u-1/r--a-1")]);
        std::fs::remove_dir_all(&root).unwrap();
        std::fs::write(&root, "no folder").unwrap();
        folders(&root).unwrap_err();
    }
}
