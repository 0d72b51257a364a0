//! A folder with repositories, and steps done on them by the real program under the Local executor.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use metawsm::adapters::executor_local::LocalExecutor;
use metawsm::ports::executor::{Executor, StepError, StepKey, StepName, StepState};
use metawsm::ports::secrets::{Credential, StepSecrets};
use serde_json::{Value, json};

/// Far more than any of the waits needs on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(240);

pub struct Stage {
    scratch: tempfile::TempDir,
    pub executor: LocalExecutor,
}

/// One prepare of one workspace.
pub struct Order<'a> {
    pub namespace: &'a str,
    pub run: &'a str,
    pub url: &'a str,
    /// The Secret's identity and what it holds.
    pub credential: Option<(&'a str, Credential)>,
    pub timeout_seconds: u64,
    pub max_repo_bytes: u64,
}

impl<'a> Order<'a> {
    pub fn new(run: &'a str, url: &'a str) -> Self {
        Self {
            namespace: "team",
            run,
            url,
            credential: None,
            timeout_seconds: 60,
            max_repo_bytes: 1 << 30,
        }
    }

    pub fn opened(self, id: &'a str, credential: &Credential) -> Self {
        Self {
            credential: Some((id, credential.clone())),
            ..self
        }
    }

    pub fn key(&self, step: StepName) -> StepKey {
        StepKey {
            namespace: self.namespace.into(),
            run: self.run.into(),
            run_uid: format!("{}-{}", self.namespace, self.run),
            workspace: "w".into(),
            step,
            attempt: 1,
        }
    }
}

impl Stage {
    /// With a repository `repos/home` that has the documents of A-1.
    pub fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let executor = LocalExecutor::open(&scratch.path().join("data"), env!("CARGO_BIN_EXE_metawsm").into(), 4);
        let stage = Self {
            scratch,
            executor: executor.unwrap(),
        };
        std::fs::create_dir_all(stage.at("repos/home/ttmp/a")).unwrap();
        stage.git("repos/home", &["init", "-q", "-b", "main"]);
        stage.write(
            "repos/home/ttmp/a/index.md",
            "---\nTitle: A\nTicket: A-1\nDocType: index\n---\n",
        );
        stage.commit("repos/home");
        stage
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.scratch.path().join(path)
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub fn commit(&self, repo: &str) {
        self.git(repo, &["add", "-A"]);
        self.git(repo, &["commit", "-qm", "c"]);
    }

    pub fn git(&self, at: &str, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(self.at(at))
            .args(["-c", "user.name=Kim", "-c", "user.email=kim@example.com"])
            .args(arguments)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?} {error}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn plan(&self, order: &Order<'_>) -> Value {
        let hosts = ["127.0.0.1"];
        let repo = json!({
            "name": "home", "url": order.url, "baseBranch": "main",
            "credential": order.credential.as_ref().map(|(id, _)| *id),
        });
        json!({
            "folder": self.at("ws").join(order.namespace).join(order.run).join("a-1"),
            "ownerUid": "u", "namespace": order.namespace, "cacheRoot": self.at("data/cache"), "branch": "task/a",
            "repos": [repo.clone()], "home": repo,
            "rules": {
                "allowedHosts": hosts, "localRoots": [self.at("repos")], "timeoutSeconds": order.timeout_seconds,
                "maxRepoBytes": order.max_repo_bytes,
            },
            "ticket": "A-1", "docsPath": "ttmp", "source": { "kind": "commit", "ref": "main" },
            "lastRevision": null, "brief": null, "baseCommit": "",
            "limits": { "maxFiles": 9, "maxBytes": 9999, "maxFileBytes": 9999, "maxDepth": 9, "maxNameBytes": 99 },
        })
    }

    pub async fn start(&self, order: &Order<'_>) {
        let secrets: StepSecrets = order
            .credential
            .iter()
            .map(|(_, c)| ("home".to_owned(), c.clone()))
            .collect();
        let key = order.key(StepName::Prepare);
        self.executor.start(&key, &self.plan(order), &secrets).await.unwrap();
    }

    pub async fn ended(&self, key: &StepKey) -> Result<Value, StepError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.executor.look(key).await.unwrap() {
                StepState::Succeeded { outcome, .. } => return Ok(outcome),
                StepState::Failed { error, .. } => return Err(error),
                StepState::NotStarted | StepState::Running { .. } => {}
            }
            assert!(Instant::now() < deadline, "the step never ended");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn prepare(&self, order: &Order<'_>) -> Result<Value, StepError> {
        self.start(order).await;
        self.ended(&order.key(StepName::Prepare)).await
    }

    pub async fn seed(&self, order: &Order<'_>, base: &str) -> Result<Value, StepError> {
        let secrets: StepSecrets = order
            .credential
            .iter()
            .map(|(_, c)| ("home".to_owned(), c.clone()))
            .collect();
        let mut plan = self.plan(order);
        plan["baseCommit"] = base.into();
        let key = order.key(StepName::Seed);
        self.executor.start(&key, &plan, &secrets).await.unwrap();
        self.ended(&key).await
    }

    pub fn step_folder(&self, key: &StepKey) -> PathBuf {
        let steps = self.at("data/steps").join(&key.run_uid).join(&key.workspace);
        steps.join(format!("{}-{}", key.step.as_str(), key.attempt))
    }

    /// The files of the controller and of the workspaces that hold any of the words.
    pub fn files_with(&self, words: &[&str]) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for root in ["data", "ws"] {
            visit(&self.at(root), &mut |path, content| {
                if words.iter().any(|word| contains(content, word.as_bytes())) {
                    found.push(path.to_owned());
                }
            });
        }
        found
    }

    /// What is on the disk below a folder.
    pub fn bytes(&self, path: &str) -> u64 {
        let mut total = 0;
        visit(&self.at(path), &mut |_, content| total += content.len() as u64);
        total
    }
}

/// Command lines of all processes that hold the word.
pub fn command_lines_with(word: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines
        .filter(|line| contains(line, word.as_bytes()))
        .map(|line| String::from_utf8_lossy(&line).into_owned())
        .collect()
}

fn contains(content: &[u8], word: &[u8]) -> bool {
    content.windows(word.len()).any(|part| part == word)
}

fn visit(folder: &Path, each: &mut impl FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            visit(&path, each);
        } else if let Ok(content) = std::fs::read(&path) {
            each(&path, &content);
        }
    }
}
