//! Reads HEAD and refs of a clone as files, and moves one branch the way git does. Runs nothing, so that nothing an
//! agent configured in the clone can run either.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use crate::adapters::nofollow::{Folder, Kind};

/// Longest file that holds one ref.
const REF_LIMIT: u64 = 4096;
/// Largest `packed-refs` that is read: some 500,000 refs.
const PACKED_LIMIT: u64 = 64 * 1024 * 1024;
/// Age at which a lock on one ref or index is nobody's: git holds them for moments, at most for one large `git add`.
const STALE: Duration = Duration::from_secs(600);
/// Deepest nesting of ref names that is followed.
const DEPTH_LIMIT: usize = 16;

/// Where a clone stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// `None`: detached.
    pub branch: Option<String>,
    /// `None`: the branch has no commit yet.
    pub commit: Option<String>,
}

/// Reads `HEAD` of a git dir.
pub fn head(git: &Folder) -> io::Result<Head> {
    let text = read_text(git, "HEAD")?.ok_or_else(|| io::Error::other("it has no HEAD"))?;
    match text.strip_prefix("ref:") {
        None => Ok(Head {
            branch: None,
            commit: Some(object_id(&text)?),
        }),
        Some(name) => {
            let name = name.trim();
            let branch = name
                .strip_prefix("refs/heads/")
                .ok_or_else(|| io::Error::other("HEAD names no branch"))?;
            Ok(Head {
                branch: Some(branch.to_owned()),
                commit: commit_of(git, name)?,
            })
        }
    }
}

/// The commit of one ref, loose before packed.
pub fn commit_of(git: &Folder, name: &str) -> io::Result<Option<String>> {
    let path = Path::new(name);
    let (Some(parent), Some(last)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::other("a ref without a name"));
    };
    if let Some(folder) = git.find(parent)? {
        let content = match folder.kind(last)? {
            Some(Kind::File { .. }) => folder.read(last, REF_LIMIT)?,
            Some(Kind::Folder) | None => None,
            Some(Kind::Link | Kind::Special) => return Err(io::Error::other(format!("{name} is not a file"))),
        };
        if let Some(content) = content {
            return object_id(&String::from_utf8_lossy(&content)).map(Some);
        }
    }
    Ok(packed(git)?
        .into_iter()
        .find(|(packed_name, _)| packed_name == name)
        .map(|(_, id)| id))
}

/// Every ref with its object; a loose one hides a packed one of the same name.
pub fn all(git: &Folder) -> io::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    collect_loose(git, "refs", 0, &mut found)?;
    let loose: HashSet<String> = found.iter().map(|(name, _)| name.clone()).collect();
    found.extend(packed(git)?.into_iter().filter(|(name, _)| !loose.contains(name)));
    Ok(found)
}

fn collect_loose(parent: &Folder, path: &str, depth: usize, found: &mut Vec<(String, String)>) -> io::Result<()> {
    if depth > DEPTH_LIMIT {
        return Err(io::Error::other("refs are nested too deeply"));
    }
    let Some(folder) = parent.find(Path::new(path.rsplit('/').next().unwrap_or(path)))? else {
        return Ok(());
    };
    for name in folder.names()? {
        let Some(text) = name.to_str() else { continue };
        let full = format!("{path}/{text}");
        match folder.kind(&name)? {
            Some(Kind::Folder) => collect_loose(&folder, &full, depth + 1, found)?,
            Some(Kind::File { .. }) if !text.ends_with(".lock") => {
                let content = folder.read(&name, REF_LIMIT)?.unwrap_or_default();
                let content = String::from_utf8_lossy(&content).into_owned();
                if !content.starts_with("ref:") {
                    found.push((full, object_id(&content)?));
                }
            }
            Some(Kind::File { .. } | Kind::Link | Kind::Special) | None => {}
        }
    }
    Ok(())
}

/// Removes a lock file of git that nobody can hold any more: a process that was killed left it, maybe ours.
pub fn drop_stale_lock(folder: &Folder, lock: &str) -> io::Result<()> {
    match folder.age(lock)? {
        Some(age) if age > STALE => folder.remove(lock),
        Some(_) | None => Ok(()),
    }
}

/// Moves a branch from `old` to `new`, with git's own lock file, and only if it still stands at `old`.
pub fn advance(git: &Folder, branch: &str, old: &str, new: &str) -> io::Result<()> {
    let path = format!("refs/heads/{branch}");
    let (parent, last) = path
        .rsplit_once('/')
        .ok_or_else(|| io::Error::other("a branch without a name"))?;
    let folder = git.make(Path::new(parent))?;
    let lock = format!("{last}.lock");
    drop_stale_lock(&folder, &lock)?;
    let mut file = folder.create(&lock, 0o644)?;
    let moved = (|| {
        if commit_of(git, &path)?.as_deref() != Some(old) {
            return Err(io::Error::other(format!("the branch {branch} moved meanwhile")));
        }
        file.write_all(format!("{new}\n").as_bytes())?;
        file.sync_all()?;
        folder.replace(&lock, last)
    })();
    if moved.is_err() {
        folder.remove(&lock)?;
    }
    moved
}

fn packed(git: &Folder) -> io::Result<Vec<(String, String)>> {
    let Some(content) = git.read("packed-refs", PACKED_LIMIT)? else {
        return Ok(Vec::new());
    };
    let text = String::from_utf8_lossy(&content);
    let lines = text.lines().filter(|l| !l.starts_with('#') && !l.starts_with('^'));
    lines
        .filter_map(|line| line.split_once(' '))
        .map(|(id, name)| Ok((name.to_owned(), object_id(id)?)))
        .collect()
}

fn read_text(folder: &Folder, name: &str) -> io::Result<Option<String>> {
    Ok(folder
        .read(name, REF_LIMIT)?
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

fn object_id(text: &str) -> io::Result<String> {
    let id = text.trim();
    if matches!(id.len(), 40 | 64) && id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(id.to_owned());
    }
    Err(io::Error::other("a ref holds no object id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";

    fn git_dir(files: &[(&str, &str)]) -> (tempfile::TempDir, Folder) {
        let scratch = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = scratch.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let folder = Folder::open_trusted(scratch.path()).unwrap();
        (scratch, folder)
    }

    #[test]
    fn loose_refs_hide_packed_ones() {
        let packed = format!("# pack-refs\n{ONE} refs/heads/a/b\n{ONE} refs/tags/t\n^{TWO}\n");
        let loose = format!("{TWO}\n");
        let (_scratch, git) = git_dir(&[
            ("HEAD", "ref: refs/heads/a/b\n"),
            ("packed-refs", &packed),
            ("refs/heads/a/b", &loose),
        ]);
        assert_eq!(
            head(&git).unwrap(),
            Head {
                branch: Some("a/b".into()),
                commit: Some(TWO.into())
            }
        );
        let mut refs = all(&git).unwrap();
        refs.sort();
        assert_eq!(
            refs,
            [
                ("refs/heads/a/b".into(), TWO.into()),
                ("refs/tags/t".into(), ONE.into())
            ]
        );
    }

    #[test]
    fn a_branch_moves_only_from_where_it_was_seen() {
        let packed = format!("{ONE} refs/heads/task/x\n");
        let (scratch, git) = git_dir(&[("HEAD", "ref: refs/heads/task/x\n"), ("packed-refs", &packed)]);
        assert!(advance(&git, "task/x", TWO, ONE).is_err());
        advance(&git, "task/x", ONE, TWO).unwrap();
        assert_eq!(head(&git).unwrap().commit.as_deref(), Some(TWO));
        assert!(!scratch.path().join("refs/heads/task/x.lock").exists());
    }

    #[test]
    fn only_a_lock_that_is_old_is_taken_away() {
        let (scratch, git) = git_dir(&[("index.lock", "")]);
        drop_stale_lock(&git, "index.lock").unwrap();
        assert!(scratch.path().join("index.lock").exists());
        let old = std::time::SystemTime::now() - STALE - Duration::from_secs(5);
        std::fs::File::options()
            .write(true)
            .open(scratch.path().join("index.lock"))
            .unwrap()
            .set_modified(old)
            .unwrap();
        drop_stale_lock(&git, "index.lock").unwrap();
        drop_stale_lock(&git, "index.lock").unwrap();
        assert!(!scratch.path().join("index.lock").exists());
    }

    #[test]
    fn a_head_that_leads_elsewhere_is_an_error() {
        for text in [
            "ref: refs/heads/../../x",
            "ref: /etc/passwd",
            "nonsense",
            &"a".repeat(9000),
        ] {
            let (_scratch, git) = git_dir(&[("HEAD", text)]);
            assert!(head(&git).is_err(), "{text:.20}");
        }
    }
}
