//! Folders as values that can be compared.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Relative path to (executable, content) of every file below a folder; `.git` is left out. Empty where there is none.
pub fn files_below(folder: &Path) -> BTreeMap<String, (bool, String)> {
    let mut found = BTreeMap::new();
    collect(folder, folder, &mut found);
    found
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, (bool, String)>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|n| n == ".git") {
            continue;
        }
        // Where somebody still works, files are written beside their place and renamed.
        let Some(meta) = there(fs::symlink_metadata(&path)) else {
            continue;
        };
        if meta.is_dir() {
            collect(root, &path, found);
            continue;
        }
        let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        let content = if meta.is_symlink() {
            there(fs::read_link(&path)).map(|to| format!("-> {}", to.display()))
        } else {
            there(fs::read(&path)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        if let Some(content) = content {
            found.insert(name, (meta.permissions().mode() & 0o111 != 0, content));
        }
    }
}

/// `None` for what went since it was listed.
fn there<T>(read: io::Result<T>) -> Option<T> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        read => Some(read.unwrap()),
    }
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
