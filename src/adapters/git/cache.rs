//! One bare copy of a repository per (namespace, URL, credential), from which workspaces are cloned. Its refs live below
//! `refs/remotes/origin/`, so that pruning never touches a workspace's branch. Nothing an agent wrote gets in here.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use super::access::Access;
use super::call::GitCall;
use super::location::{Remote, locate};
use super::remote_failure::Attempt;
use crate::kernel::repo_url::normalise;
use crate::ports::executor::StepError;
use crate::ports::secrets::StepSecrets;
use crate::ports::workspaces::{GitRules, RepoPlan};

/// A cache on disk.
pub struct Cache<'a> {
    git_dir: PathBuf,
    lock: PathBuf,
    repo: &'a RepoPlan,
    remote: Remote,
    rules: &'a GitRules,
}

impl<'a> Cache<'a> {
    /// The cache of that repository; nothing is read or made yet, but the URL is judged.
    pub fn of(root: &Path, namespace: &str, repo: &'a RepoPlan, rules: &'a GitRules) -> Result<Self, StepError> {
        let remote = locate(&repo.url, rules)?;
        let credential = repo.credential.as_deref().unwrap_or_default();
        let key = format!("{}{}", family_of(namespace, &repo.url), digest(credential, 8));
        Ok(Self {
            git_dir: root.join(&key),
            lock: root.join(format!("{key}.lock")),
            repo,
            remote,
            rules,
        })
    }

    /// Where the repository is.
    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    /// Brings the cache up to date, with the Run's own credential: what is in the cache helps nobody whom the remote
    /// refuses. Waits for whoever else works on it; the deadline of that one bounds the wait.
    pub fn fetch(&self, secrets: &StepSecrets) -> Result<(), StepError> {
        let credential = secrets.of(&self.repo.name);
        if self.repo.credential.is_some() != credential.is_some() {
            let why = format!(
                "the step was not given what opens \"{}\"; it is tried again",
                self.repo.url
            );
            return Err(StepError::passing("SecretNotFound", why));
        }
        let access = Access::to(&self.remote, credential)?;
        let _lock = self.lock()?;
        self.make()?;
        let what = format!(
            "remove what an earlier fetch of \"{}\" left half received",
            self.repo.url
        );
        self.drop_leftovers().map_err(StepError::io(&what))?;
        let attempt = Attempt {
            url: &self.repo.url,
            credential,
        };
        self.fetch_with(&access).map_err(|error| {
            let left = self.tidy_after(&error);
            let told = attempt.explain(error);
            match left {
                Ok(()) => told,
                Err(error) => StepError {
                    message: format!("{}; what it left could not be removed: {error}", told.message),
                    ..told
                },
            }
        })
    }

    /// Removes what a fetch that failed left; all there is, where that is more than is allowed.
    fn tidy_after(&self, error: &StepError) -> io::Result<()> {
        self.drop_leftovers()?;
        match error.reason.as_str() {
            "RepoTooLarge" => std::fs::remove_dir_all(&self.git_dir),
            _ => Ok(()),
        }
    }

    fn fetch_with(&self, access: &Access) -> Result<(), StepError> {
        let call = access.given_to(self.call(Some(self.remote.protocol)));
        call.bounded(&self.git_dir, self.rules)
            .args(&[
                "fetch",
                "--quiet",
                "--prune",
                "--force",
                "--no-tags",
                "--no-write-fetch-head",
                "--",
            ])
            .operands([self.remote.address.as_str()])
            .operands(["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"])
            .line()
            .map(drop)
    }

    /// Removes what a fetch that was killed left half received; git itself would keep it for ever. Under the lock.
    fn drop_leftovers(&self) -> io::Result<()> {
        for folder in std::fs::read_dir(self.git_dir.join("objects"))? {
            let folder = folder?;
            if !folder.file_type()?.is_dir() {
                continue;
            }
            for entry in std::fs::read_dir(folder.path())? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().starts_with("tmp_") {
                    std::fs::remove_file(entry.path())?;
                }
            }
        }
        Ok(())
    }

    /// The commit at the tip of a branch.
    pub fn branch(&self, branch: &str) -> Result<Option<String>, StepError> {
        self.commit_of(&format!("refs/remotes/origin/{branch}"), branch)
    }

    /// The commit that a branch, tag or commit id names, in this order.
    pub fn resolve(&self, name: &str) -> Result<Option<String>, StepError> {
        let short = name.strip_prefix("refs/heads/").unwrap_or(name);
        if let Some(commit) = self.branch(short)? {
            return Ok(Some(commit));
        }
        let tag = name.strip_prefix("refs/tags/").unwrap_or(name);
        if let Some(commit) = self.commit_of(&format!("refs/tags/{tag}"), tag)? {
            return Ok(Some(commit));
        }
        let is_id = (7..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_hexdigit());
        if is_id { self.commit_of(name, name) } else { Ok(None) }
    }

    fn commit_of(&self, expression: &str, name: &str) -> Result<Option<String>, StepError> {
        if !is_plain_name(name) {
            return Ok(None);
        }
        let found = self
            .call(None)
            .args(&["rev-parse", "--verify", "--quiet", "--end-of-options"])
            .operands([format!("{expression}^{{commit}}")])
            .accept(&[0, 1, 128])
            .line()?;
        Ok(Some(found).filter(|id| id.len() >= 40))
    }

    /// Makes a plain clone of the cache at `target`, with `branch` at `commit` checked out and the real URL as origin.
    /// Objects are hard links, so the copy shares nothing that a later command could change. `--local` would say the same
    /// but refuse where the cache is on another file system; without it git copies there.
    pub fn clone_to(&self, target: &Path, branch: &str, commit: &str) -> Result<(), StepError> {
        {
            let _lock = self.lock()?;
            self.new_call(Some("file"))
                .args(&["clone", "--quiet", "--no-checkout", "--template=", "--origin=origin"])
                .args(&[
                    "-c",
                    "remote.origin.fetch=+refs/remotes/origin/*:refs/remotes/origin/*",
                    "--",
                ])
                .operands([self.git_dir.as_os_str(), target.as_os_str()])
                .line()?;
        }
        let git_dir = target.join(".git");
        let configure = |arguments: &[&str], values: &[&str]| {
            let file: OsString = git_dir.join("config").into();
            self.new_call(None)
                .args(&["config", "--file"])
                .operands([file])
                .args(arguments)
                .operands(values)
                .line()
        };
        configure(&["--replace-all"], &["remote.origin.url", &self.repo.url])?;
        configure(
            &["--replace-all"],
            &["remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"],
        )?;
        self.new_call(None)
            .git_dir(&git_dir)
            .env("GIT_WORK_TREE", target)
            .within(target)
            .bounded(target, self.rules)
            .args(&["checkout", "--quiet", "--no-track", "-B"])
            .operands([branch, commit])
            .args(&["--"])
            .line()?;
        Ok(())
    }

    /// A call on the cache itself.
    pub fn call(&self, protocol: Option<&str>) -> GitCall {
        self.new_call(protocol).git_dir(&self.git_dir)
    }

    fn new_call(&self, protocol: Option<&str>) -> GitCall {
        GitCall::new(self.rules, protocol)
    }

    fn lock(&self) -> Result<File, StepError> {
        let what = format!("lock the cache of \"{}\"", self.repo.url);
        if let Some(root) = self.lock.parent() {
            std::fs::create_dir_all(root).map_err(StepError::io(&what))?;
        }
        let file = File::options()
            .create(true)
            .append(true)
            .open(&self.lock)
            .map_err(StepError::io(&what))?;
        rustix::io::retry_on_intr(|| flock(&file, FlockOperation::LockExclusive))
            .map_err(|e| StepError::io(&what)(e.into()))?;
        Ok(file)
    }

    /// A cache without its `config` was never finished and is begun anew.
    fn make(&self) -> Result<(), StepError> {
        if self.git_dir.join("config").is_file() {
            return Ok(());
        }
        let what = format!("make the cache of \"{}\"", self.repo.url);
        let half = self.git_dir.with_extension("new");
        for leftover in [&half, &self.git_dir] {
            match std::fs::remove_dir_all(leftover) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(StepError::io(&what)(e)),
                _ => {}
            }
        }
        self.new_call(None)
            .args(&[
                "init",
                "--quiet",
                "--bare",
                "--template=",
                "--initial-branch=none",
                "--",
            ])
            .operands([half.as_os_str()])
            .line()?;
        std::fs::rename(&half, &self.git_dir).map_err(StepError::io(&what))
    }
}

/// How the names of a repository's caches begin; what follows tells credentials apart.
pub fn family_of(namespace: &str, url: &str) -> String {
    digest(&format!("{namespace}\n{}", normalise(url)), 24)
}

fn digest(text: &str, digits: usize) -> String {
    let mut digest = hex::encode(Sha256::digest(text));
    digest.truncate(digits);
    digest
}

/// Whether the name can be put into a ref without meaning anything else to git.
fn is_plain_name(name: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    let empty_part = name
        .split('/')
        .any(|part| part.is_empty() || part.starts_with('.') || part.ends_with(".lock"));
    !empty_part && !name.starts_with('-') && !name.contains("..") && !name.contains("@{") && !name.chars().any(odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_become_refs() {
        let table = [
            ("main", true),
            ("feature/x-1", true),
            ("v1.2.3", true),
            ("main~1", false),
            ("a..b", false),
            ("@{u}", false),
            ("main^{/x}", false),
            ("-x", false),
            ("../heads/x", false),
            ("a//b", false),
            ("a b", false),
            ("", false),
        ];
        for (name, expected) in table {
            assert_eq!(is_plain_name(name), expected, "{name:?}");
        }
    }
}
