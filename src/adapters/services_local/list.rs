//! Which services there are, by their folders. A folder that cannot be listed is an error, never no services.

use std::io;
use std::path::{Path, PathBuf};

use tracing::{debug, warn};

use crate::adapters::service_folder as files;
use crate::ports::services::ServiceKey;

/// Whose service the folder is; `None` where it does not tell, or goes meanwhile.
fn key_of(path: &Path) -> io::Result<Option<ServiceKey>> {
    match files::open(path)? {
        Some(folder) => files::read(&folder, files::KEY),
        None => Ok(None),
    }
}

/// Every service's folder with whose it is. One that cannot be read may not stop the others: it is told and passed over.
pub fn keyed(root: &Path, tell: impl Fn(&Path, &io::Error)) -> io::Result<Vec<(PathBuf, ServiceKey)>> {
    let mut all = Vec::new();
    for path in folders(root)? {
        match key_of(&path) {
            Ok(Some(key)) => all.push((path, key)),
            Ok(None) => {}
            Err(error) => tell(&path, &error),
        }
    }
    Ok(all)
}

/// Tells of such a folder where that is not done all the while.
pub fn loudly(path: &Path, error: &io::Error) {
    warn!(path = %path.display(), %error, "a docs server's folder cannot be read; nobody knows whose it is");
}

/// Tells of such a folder where it is looked at all the while.
pub fn quietly(path: &Path, error: &io::Error) {
    debug!(path = %path.display(), %error, "a docs server's folder cannot be read");
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

    #[test]
    fn a_folder_that_cannot_be_read_is_told_and_stops_no_other() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        let key = r#"{"namespace":"team","run":"r","runUid":"u-1","workspace":"r--a-1","ticket":"A-1"}"#;
        for (workspace, content) in [("broken", "{"), ("r--a-1", key)] {
            let folder = root.join("u-1").join(workspace);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(files::KEY), content).unwrap();
        }
        std::fs::create_dir_all(root.join("u-1/silent")).unwrap();
        let told = std::cell::RefCell::new(vec![]);
        let found = keyed(root, |path, _| told.borrow_mut().push(path.to_owned())).unwrap();
        assert_eq!(told.into_inner(), [root.join("u-1/broken")]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1.run, "r");
    }
}
