//! Which Runs may have a folder below a root, by uid: to look at one that has none need not cost a way to the disk, and
//! most Runs are at rest. A Run too many costs such a look; one too few there is not, for each is added before its first
//! folder is made. May not look into the folders.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The Runs of one root.
#[derive(Debug, Default)]
pub struct KnownRuns(Mutex<HashSet<String>>);

impl KnownRuns {
    /// The Runs of these folders, each `levels` below its Run's.
    ///
    /// # Errors
    /// A folder that is of no Run.
    pub fn of(folders: &[PathBuf], levels: usize) -> io::Result<Self> {
        let uid = |folder: &PathBuf| {
            let run = folder.ancestors().nth(levels).and_then(Path::file_name);
            let name = run.and_then(|name| name.to_str()).map(str::to_owned);
            name.ok_or_else(|| io::Error::other(format!("'{}' is of no run", folder.display())))
        };
        let uids = folders.iter().map(uid).collect::<io::Result<_>>()?;
        Ok(Self(Mutex::new(uids)))
    }

    /// The Run is about to have a folder.
    pub fn add(&self, uid: &str) {
        self.lock().insert(uid.to_owned());
    }

    /// Nothing is left of it.
    pub fn remove(&self, uid: &str) {
        self.lock().remove(uid);
    }

    /// Whether there may be a folder of it.
    pub fn may_have(&self, uid: &str) -> bool {
        self.lock().contains(uid)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_known_by_its_folders_until_nothing_is_left_of_it() {
        let known = KnownRuns::of(
            &["/data/steps/one/w/seed-1".into(), "/data/steps/two/w/seed-1".into()],
            2,
        )
        .unwrap();
        assert!(known.may_have("one") && known.may_have("two") && !known.may_have("w"));
        known.remove("one");
        known.add("three");
        assert!(!known.may_have("one") && known.may_have("three"));
        assert!(KnownRuns::of(&["/".into()], 2).is_err());
    }
}
