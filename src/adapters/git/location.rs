//! The rule on repository URLs applied to this machine: the pure rule of the kernel, and for local repositories that
//! nothing of them lies outside the allowed folders: symbolic links, git files and alternates included.

use std::path::{Path, PathBuf};

use super::call::GitCall;
use super::object_stores::object_stores;
use crate::kernel::repo_url::{self, RepoLocation};
use crate::ports::executor::StepError;
use crate::ports::workspaces::GitRules;

/// A repository that may be read, and how.
#[derive(Clone, Debug)]
pub struct Remote {
    /// What git is given: the URL as written, or the real path.
    pub address: String,
    /// The one transport it needs: `https`, `ssh` or `file`.
    pub protocol: &'static str,
    /// For local repositories: where it really is.
    pub path: Option<PathBuf>,
}

/// Accepts or refuses a repository.
pub fn locate(url: &str, rules: &GitRules) -> Result<Remote, StepError> {
    let location = repo_url::check(url, &rules.allowed_hosts, &rules.local_roots)
        .map_err(|refusal| StepError::lasting(refusal.reason, refusal.message))?;
    let remote = |protocol| Remote {
        address: url.to_owned(),
        protocol,
        path: None,
    };
    match location {
        RepoLocation::Https { .. } => Ok(remote("https")),
        RepoLocation::Ssh { .. } => Ok(remote("ssh")),
        RepoLocation::Local { path } => local(url, &path, rules),
    }
}

fn local(url: &str, path: &Path, rules: &GitRules) -> Result<Remote, StepError> {
    let missing = |why: &dyn std::fmt::Display| {
        StepError::passing(
            "RepoNotFound",
            format!("there is no git repository at \"{url}\": {why}"),
        )
    };
    let real = path.canonicalize().map_err(|e| missing(&e))?;
    let roots: Vec<PathBuf> = rules.local_roots.iter().filter_map(|r| r.canonicalize().ok()).collect();
    let allowed = |path: &Path| roots.iter().any(|root| path.starts_with(root) && path != root);
    let refused = || {
        let why = format!("\"{url}\" leads outside the folders that the settings allow for local repositories");
        StepError::lasting("LocalRepoNotAllowed", why)
    };
    if !allowed(&real) {
        return Err(refused());
    }
    let ceiling = real.parent().unwrap_or(Path::new("/")).to_owned();
    let found = GitCall::new(rules, None)
        .env("GIT_CEILING_DIRECTORIES", ceiling)
        .within(&real)
        .args(&["rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir"])
        .line()
        .map_err(|e| {
            if e.reason == "GitFailed" {
                missing(&e.message)
            } else {
                e
            }
        })?;
    for part in found.lines() {
        let part = Path::new(part).canonicalize().map_err(|e| missing(&e))?;
        if !allowed(&part) {
            return Err(refused());
        }
        let stores = object_stores(&part.join("objects")).map_err(|error| {
            let why = format!("\"{url}\": where its objects lie cannot be told: {error}");
            StepError::lasting("LocalRepoNotAllowed", why)
        })?;
        if let Some(outside) = stores.iter().find(|store| !allowed(store)) {
            let why = format!(
                "\"{url}\" reads objects from \"{}\" (info/alternates or a link), outside the folders that the settings \
                 allow for local repositories; copy them in with \"git repack -a -d\" and remove info/alternates",
                outside.display()
            );
            return Err(StepError::lasting("LocalRepoNotAllowed", why));
        }
    }
    let address = real
        .to_str()
        .ok_or_else(|| missing(&"its path is not valid text"))?
        .to_owned();
    Ok(Remote {
        address,
        protocol: "file",
        path: Some(real),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn local_repositories_cannot_lead_out_of_the_allowed_folders() {
        let scratch = tempfile::tempdir().unwrap();
        let roots = scratch.path().join("roots");
        let init = |path: &Path| {
            std::fs::create_dir_all(path).unwrap();
            let rules = GitRules {
                timeout_seconds: 20,
                ..GitRules::default()
            };
            GitCall::new(&rules, None)
                .within(path)
                .args(&["init", "--quiet"])
                .line()
                .unwrap();
        };
        init(&roots.join("good"));
        init(&scratch.path().join("outside"));
        symlink(scratch.path().join("outside"), roots.join("linked")).unwrap();
        std::fs::create_dir(roots.join("gitfile")).unwrap();
        let line = format!("gitdir: {}\n", scratch.path().join("outside/.git").display());
        std::fs::write(roots.join("gitfile/.git"), line).unwrap();
        std::fs::create_dir(roots.join("plain")).unwrap();
        for (name, objects) in [("sharing", "roots/good"), ("borrowing", "outside")] {
            init(&roots.join(name));
            let objects = scratch.path().join(objects).join(".git/objects");
            let list = roots.join(name).join(".git/objects/info/alternates");
            std::fs::write(list, format!("{}\n", objects.display())).unwrap();
        }

        let rules = GitRules {
            local_roots: vec![roots.clone()],
            timeout_seconds: 20,
            ..GitRules::default()
        };
        let verdict = |name: &str| {
            let url = roots.join(name);
            locate(url.to_str().unwrap(), &rules)
                .map(|r| r.protocol)
                .map_err(|e| e.reason)
        };
        assert_eq!(verdict("good"), Ok("file"));
        assert_eq!(verdict("linked"), Err("LocalRepoNotAllowed".into()));
        assert_eq!(verdict("gitfile"), Err("LocalRepoNotAllowed".into()));
        assert_eq!(verdict("sharing"), Ok("file"));
        assert_eq!(verdict("borrowing"), Err("LocalRepoNotAllowed".into()));
        assert_eq!(verdict("plain"), Err("RepoNotFound".into()));
        assert_eq!(verdict("absent"), Err("RepoNotFound".into()));
    }
}
