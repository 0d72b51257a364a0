//! A home repository and workspaces of it, and the little arithmetic that the benchmarks share.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use metawsm::ports::workspaces::{GitRules, PreparePlan, RepoPlan, SeedLimits, SeedPlan, SeedSource};
use metawsm::steps::context::StepContext;
use metawsm::steps::prepare::prepare;

const UID: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

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

    fn repo(&self) -> RepoPlan {
        RepoPlan {
            name: "home".into(),
            url: self.home().to_str().unwrap().into(),
            base_branch: "main".into(),
            credential: None,
        }
    }

    fn rules(&self) -> GitRules {
        GitRules {
            allowed_hosts: vec![],
            local_roots: vec![self.root.join("repos")],
            timeout_seconds: 600,
            max_repo_bytes: 0,
        }
    }

    fn folder(&self, run: &str) -> PathBuf {
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

    pub fn seed_plan(&self, run: &str) -> SeedPlan {
        let base = fs::read_to_string(self.folder(run).join(".metawsm/base-home")).unwrap();
        SeedPlan {
            folder: self.folder(run),
            owner_uid: UID.into(),
            namespace: "team".into(),
            cache_root: self.root.join("cache"),
            branch: format!("task/{run}"),
            ticket: "A-1".into(),
            home: self.repo(),
            base_commit: base,
            docs_path: "ttmp".into(),
            source: SeedSource::WorkingTree,
            last_revision: None,
            brief: None,
            limits: SeedLimits {
                max_files: 100_000,
                max_bytes: 1 << 30,
                max_file_bytes: 1 << 20,
                max_depth: 32,
                max_name_bytes: 255,
            },
            rules: self.rules(),
        }
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

pub fn timed(work: impl FnOnce()) -> Duration {
    timed_with(work).0
}

pub fn timed_with<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let value = work();
    (begun.elapsed(), value)
}

/// A folder that goes with the value, below `BENCH_DIR` where that is set.
pub fn scratch() -> tempfile::TempDir {
    match std::env::var_os("BENCH_DIR") {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    }
    .unwrap()
}

pub fn rounds(usual: usize) -> usize {
    number("BENCH_ROUNDS", usual)
}

/// What a variable says, or what is usual.
pub fn number(variable: &str, usual: usize) -> usize {
    std::env::var(variable)
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(usual)
}

pub fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

pub fn ratio(one: Duration, other: Duration) -> String {
    format!("{:.2}x", one.as_secs_f64() / other.as_secs_f64())
}

/// How many in a second.
pub fn rate(count: usize, took: Duration) -> String {
    let count = f64::from(u32::try_from(count).unwrap());
    format!("{:.0}/s", count / took.as_secs_f64())
}

pub fn header(what: &str, rounds: usize) {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    println!("\n{what}: {rounds} rounds on {processors} processors");
}
