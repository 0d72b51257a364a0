//! A home repository and workspaces of it. Measures nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use metawsm::ports::workspaces::{GitRules, PreparePlan, RepoPlan};
use metawsm::steps::context::StepContext;
use metawsm::steps::prepare::prepare;

use super::scratch::scratch;

/// Who the workspaces are made for.
pub const UID: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

pub struct World {
    _scratch: tempfile::TempDir,
    pub root: PathBuf,
}

impl World {
    pub fn new() -> Self {
        let scratch = scratch();
        let root = scratch.path().canonicalize().unwrap();
        let world = Self {
            _scratch: scratch,
            root,
        };
        fs::create_dir_all(world.home()).unwrap();
        git(&world.home(), &["init", "-q", "-b", "main"]);
        world
    }

    pub fn home(&self) -> PathBuf {
        self.root.join("repos/home")
    }

    pub fn documents(&self) -> PathBuf {
        self.home().join("ttmp/2026/11/21/A-1--first")
    }

    /// So many documents of some 2 KiB, fifty in a folder; every round changes them all.
    pub fn write_documents(&self, files: usize, round: usize) {
        let folder = self.documents();
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("index.md"), "---\nTicket: A-1\nDocType: index\n---\n").unwrap();
        for file in 1..files {
            let folder = folder.join(format!("{:03}", file / 50));
            fs::create_dir_all(&folder).unwrap();
            let text = format!(
                "# {file} in round {round}\n\n{}",
                "Some words of a document.\n".repeat(80)
            );
            fs::write(folder.join(format!("{file:05}.md")), text).unwrap();
        }
    }

    pub fn commit(&self) {
        git(&self.home(), &["add", "--all"]);
        git(&self.home(), &["commit", "-qm", "documents"]);
    }

    pub fn context(&self) -> StepContext {
        let scratch = self.root.join("scratch");
        fs::create_dir_all(&scratch).unwrap();
        StepContext::new(scratch, "2026-11-21T08:36:39.5Z".parse().unwrap(), None)
    }

    pub fn repo(&self) -> RepoPlan {
        RepoPlan {
            name: "home".into(),
            url: self.home().to_str().unwrap().into(),
            base_branch: "main".into(),
            credential: None,
        }
    }

    pub fn rules(&self) -> GitRules {
        GitRules {
            allowed_hosts: vec![],
            local_roots: vec![self.root.join("repos")],
            timeout_seconds: 600,
            max_repo_bytes: 0,
        }
    }

    pub fn folder(&self, run: &str) -> PathBuf {
        self.root.join("workspaces/team").join(run).join("a-1")
    }

    pub fn prepare(&self, run: &str) {
        let plan = PreparePlan {
            folder: self.folder(run),
            owner_uid: UID.into(),
            namespace: "team".into(),
            cache_root: self.root.join("cache"),
            branch: format!("task/{run}"),
            repos: vec![self.repo()],
            rules: self.rules(),
        };
        prepare(&plan, &mut self.context()).expect("the workspace is made");
    }
}

pub fn git(at: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .current_dir(at)
        .args([
            "-c",
            "user.name=Kim",
            "-c",
            "user.email=kim@example.com",
            "-c",
            "gc.auto=0",
        ])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .status();
    assert!(done.unwrap().success(), "git {arguments:?}");
}
