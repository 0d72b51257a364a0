//! Which symbolic links may be copied: those that cannot lead out of the ticket's folder, whatever else is in it. Pure.

use std::ffi::OsStr;
use std::path::{Component, Path};

use crate::adapters::git::still::is_git;

/// Whether a link at `path` (relative to the ticket's folder) may be kept. `..` is allowed only at the beginning of the
/// target: there it leaves real folders; behind a name, which may be a link itself, it could lead anywhere.
pub fn stays_inside(path: &Path, target: &OsStr) -> bool {
    if target.is_empty() {
        return false;
    }
    let mut depth = path.components().count().saturating_sub(1);
    let mut named = false;
    for component in Path::new(target).components() {
        match component {
            Component::RootDir | Component::Prefix(_) => return false,
            Component::CurDir => {}
            Component::ParentDir if named || depth == 0 => return false,
            Component::ParentDir => depth -= 1,
            Component::Normal(name) if is_git(name) => return false,
            Component::Normal(_) => named = true,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_kept_only_where_they_cannot_leave() {
        let table = [
            ("a", "b", true),
            ("a", "./b/c", true),
            ("d/a", "../b", true),
            ("d/a", "..", true),
            ("a", "..", false),
            ("d/a", "../../b", false),
            ("a", "/etc/passwd", false),
            ("a", "b/../../c", false),
            ("d/a", "b/../c", false),
            ("a", ".git/config", false),
            ("a", "", false),
        ];
        for (path, target, expected) in table {
            assert_eq!(
                stays_inside(Path::new(path), OsStr::new(target)),
                expected,
                "{path} -> {target}"
            );
        }
    }
}
