//! A home repository, a cache, and workspaces made from them, for the tests of the steps.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ports::executor::StepError;
use crate::ports::workspaces::*;
use crate::steps::context::StepContext;

pub struct World {
    _scratch: tempfile::TempDir,
    pub root: PathBuf,
}

pub const UID: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
pub const BRANCH: &str = "task/run-a-1";

impl World {
    /// A home repository with the documents of A-1 on `main`.
    pub fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().canonicalize().unwrap();
        let world = Self {
            _scratch: scratch,
            root,
        };
        std::fs::create_dir_all(world.home()).unwrap();
        world.git(&world.home(), &["init", "-q", "-b", "main"]);
        world.write("README.md", "# home\n");
        world.write("src/lib.rs", "// code\n");
        world.write_ticket("ttmp/2026/11/21/A-1--first", "A-1");
        world.write("ttmp/2026/11/21/A-1--first/reference/01-notes.md", "notes\n");
        world.commit("begin");
        world
    }

    pub fn home(&self) -> PathBuf {
        self.root.join("repos/home")
    }

    pub fn write(&self, path: &str, content: &str) {
        let path = self.home().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub fn write_ticket(&self, directory: &str, ticket: &str) {
        let text = format!("---\nTitle: {ticket}\nTicket: {ticket}\nDocType: index\n---\n\n# {ticket}\n");
        self.write(&format!("{directory}/index.md"), &text);
    }

    pub fn commit(&self, message: &str) -> String {
        self.git(&self.home(), &["add", "-A", "-f"]);
        self.git(&self.home(), &["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&self.home(), &["rev-parse", "HEAD"])
    }

    /// Git as a person runs it: with the repository's own configuration.
    pub fn git(&self, at: &Path, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(at)
            .args(["-c", "user.name=Kim", "-c", "user.email=kim@example.com"])
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    pub fn rules(&self) -> GitRules {
        GitRules {
            allowed_hosts: vec![],
            local_roots: vec![self.root.join("repos")],
            timeout_seconds: 60,
            max_repo_bytes: 0,
        }
    }

    pub fn repo(&self) -> RepoPlan {
        RepoPlan {
            name: "home".into(),
            url: self.home().to_str().unwrap().into(),
            base_branch: "main".into(),
            credential: None,
        }
    }

    pub fn folder(&self) -> PathBuf {
        self.root.join("ws/team/run/a-1")
    }

    pub fn clone(&self) -> PathBuf {
        self.folder().join("home")
    }

    pub fn context(&self) -> StepContext {
        let scratch = self.root.join("scratch");
        std::fs::create_dir_all(&scratch).unwrap();
        let now = "2026-11-21T08:36:39.5Z".parse().unwrap();
        StepContext::new(scratch, now, Some(self.root.join("progress")))
    }

    pub fn prepare_plan(&self) -> PreparePlan {
        PreparePlan {
            folder: self.folder(),
            owner_uid: UID.into(),
            namespace: "team".into(),
            cache_root: self.root.join("cache"),
            branch: BRANCH.into(),
            repos: vec![self.repo()],
            rules: self.rules(),
        }
    }

    pub fn prepare(&self) -> PrepareOutcome {
        crate::steps::prepare::prepare(&self.prepare_plan(), &mut self.context()).unwrap()
    }

    pub fn base(&self) -> String {
        std::fs::read_to_string(self.folder().join(".metawsm/base-home")).unwrap()
    }

    /// Seeds A-1 from the tip of `main`; the workspace must be prepared.
    pub fn seed_plan(&self) -> SeedPlan {
        SeedPlan {
            folder: self.folder(),
            owner_uid: UID.into(),
            namespace: "team".into(),
            cache_root: self.root.join("cache"),
            branch: BRANCH.into(),
            ticket: "A-1".into(),
            home: self.repo(),
            base_commit: self.base(),
            docs_path: "ttmp".into(),
            source: SeedSource::Commit { git_ref: "main".into() },
            last_revision: None,
            brief: None,
            limits: SeedLimits {
                max_files: 1000,
                max_bytes: 10_000_000,
                max_file_bytes: 1_000_000,
                max_depth: 16,
                max_name_bytes: 200,
            },
            rules: self.rules(),
        }
    }

    /// Seeds A-1 from both kinds of source, changed alike.
    pub fn both_plans(&self, change: impl Fn(&mut SeedPlan)) -> [SeedPlan; 2] {
        [SeedSource::WorkingTree, SeedSource::Commit { git_ref: "main".into() }].map(|source| {
            let mut plan = self.seed_plan();
            plan.source = source;
            change(&mut plan);
            plan
        })
    }

    /// The ticket's folder in the home.
    pub fn documents(&self) -> PathBuf {
        self.home().join("ttmp/2026/11/21/A-1--first")
    }

    pub fn seed(&self, plan: &SeedPlan) -> Result<SeedOutcome, StepError> {
        crate::steps::seed::seed(plan, &mut self.context())
    }

    pub fn inspect(&self) -> InspectedRepo {
        let plan = InspectPlan {
            folder: self.folder(),
            branch: BRANCH.into(),
            repos: vec!["home".into()],
            rules: self.rules(),
        };
        crate::steps::inspect::inspect(&plan, &mut self.context())
            .unwrap()
            .repos
            .remove(0)
    }

    /// Cleans up, the last commit of the controller taken for a seed that can be made again.
    pub fn cleanup(&self) -> CleanupOutcome {
        let mut git = std::process::Command::new("git");
        git.args(["log", "-1", "--format=%H", "--committer=controller@metawsm.dev"]);
        let answer = git.current_dir(self.root.join(self.clone())).output().map(|o| o.stdout);
        let last = String::from_utf8(answer.unwrap_or_default()).unwrap();
        self.cleanup_knowing(Some(last.trim().to_owned()))
    }

    pub fn cleanup_knowing(&self, seed_commit: Option<String>) -> CleanupOutcome {
        let plan = CleanupPlan {
            folder: self.folder(),
            owner_uid: UID.into(),
            orphans: self.root.join("ws/.orphans"),
            branch: BRANCH.into(),
            repos: vec![CleanupRepo {
                name: "home".into(),
                base_commit: Some(self.base()),
                seed_commit,
            }],
            rules: self.rules(),
        };
        crate::steps::cleanup::cleanup(&plan, &mut self.context()).unwrap()
    }

    pub fn status(&self) -> String {
        self.git(&self.clone(), &["status", "--porcelain"])
    }

    pub fn ticket(&self) -> PathBuf {
        self.clone().join("ttmp/2026/11/21/A-1--first")
    }
}
