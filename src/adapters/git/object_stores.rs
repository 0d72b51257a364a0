//! Which folders git reads a local repository's objects from: its own store, those that `info/alternates` names, and
//! wherever a link in them leads. Reads only; judges nothing but what it cannot read.

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Git follows alternates of alternates this deep.
const DEPTH: usize = 5;
/// More stores than any repository of people has.
const MOST: usize = 64;
/// Longest list of alternates that is read.
const LIST_LIMIT: u64 = 64 * 1024;

/// Every real place that objects are read from, `objects` among them. What is named and not there is left out, as git
/// leaves it out.
///
/// # Errors
/// Where a store or a list cannot be read, is quoted, or there are too many.
pub fn object_stores(objects: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut stores = vec![(objects.to_owned(), 0)];
    while let Some((store, depth)) = stores.pop() {
        let Some(real) = real(&store)? else { continue };
        let is_new = found.insert(real.clone());
        // One deeper than git, so that what it would read is seen in any case.
        if !is_new || depth > DEPTH {
            continue;
        }
        found.extend(links_in(&real)?);
        found.extend(links_in(&real.join("pack"))?);
        found.extend(links_in(&real.join("info"))?);
        stores.extend(alternates(&real)?.into_iter().map(|path| (path, depth + 1)));
        if found.len() + stores.len() > MOST {
            return Err(io::Error::other("it reads objects from too many places"));
        }
    }
    Ok(found)
}

fn real(path: &Path) -> io::Result<Option<PathBuf>> {
    match path.canonicalize() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// Where the links among a folder's entries lead.
fn links_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        other => other?,
    };
    let mut led_to = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_symlink() {
            led_to.extend(real(&entry.path())?);
        }
    }
    Ok(led_to)
}

/// The stores that a store names: one a line, relative to itself, `#` for a comment.
fn alternates(store: &Path) -> io::Result<Vec<PathBuf>> {
    use std::os::unix::ffi::OsStringExt as _;
    let file = match std::fs::File::open(store.join("info/alternates")) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        other => other?,
    };
    let mut list = Vec::new();
    file.take(LIST_LIMIT + 1).read_to_end(&mut list)?;
    if list.len() as u64 > LIST_LIMIT {
        return Err(io::Error::other("its list of alternates is too long"));
    }
    let lines = list.split(|byte| *byte == b'\n');
    let mut named = Vec::new();
    for line in lines.filter(|line| !line.is_empty() && line[0] != b'#') {
        if line[0] == b'"' {
            return Err(io::Error::other("its list of alternates has a quoted path"));
        }
        named.push(store.join(std::ffi::OsString::from_vec(line.to_vec())));
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn store(root: &Path, name: &str, alternates: &str) -> PathBuf {
        let store = root.join(name).join("objects");
        std::fs::create_dir_all(store.join("info")).unwrap();
        std::fs::create_dir_all(store.join("pack")).unwrap();
        std::fs::write(store.join("info/alternates"), alternates).unwrap();
        store
    }

    #[test]
    fn alternates_of_alternates_and_links_are_followed_and_circles_end() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().canonicalize().unwrap();
        let one = store(&root, "one", "# a comment\n\n../../two/objects\n/nowhere/at/all\n");
        let two = store(&root, "two", &format!("{}\n", root.join("three/objects").display()));
        let three = store(&root, "three", "../../one/objects");
        let (pack, loose) = (root.join("elsewhere.pack"), root.join("loose"));
        std::fs::write(&pack, "").unwrap();
        std::fs::create_dir(&loose).unwrap();
        symlink(&pack, two.join("pack/pack-1.pack")).unwrap();
        symlink(&loose, three.join("ab")).unwrap();
        let expected = BTreeSet::from([one.clone(), two, three, pack, loose]);
        assert_eq!(object_stores(&one).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_told_is_an_error() {
        let scratch = tempfile::tempdir().unwrap();
        let quoted = store(scratch.path(), "quoted", "\"/some\\057where\"\n");
        assert!(object_stores(&quoted).unwrap_err().to_string().contains("quoted"));
        let long = store(scratch.path(), "long", &"x\n".repeat(40_000));
        assert!(object_stores(&long).unwrap_err().to_string().contains("too long"));
        let many = (0..MOST)
            .map(|n| store(scratch.path(), &format!("s{n}"), ""))
            .map(|path| format!("{}\n", path.display()));
        let many = store(scratch.path(), "many", &many.collect::<String>());
        assert!(object_stores(&many).unwrap_err().to_string().contains("too many"));
    }
}
