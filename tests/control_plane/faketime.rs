//! Where the library is that lets a process's clock jump, if it is installed.

use std::path::PathBuf;

pub fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.filter_map(|e| Some(e.ok()?.path()));
    folders
        .map(|f| f.join("faketime/libfaketimeMT.so.1"))
        .find(|f| f.exists())
}
