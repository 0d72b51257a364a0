//! Steps killed at every boundary of their effects, with the real program; then tried again to the same end.
//! Needs the feature `failpoints`.
#![cfg(feature = "failpoints")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

struct World {
    scratch: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self {
            scratch: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir_all(world.at("repos/home/ttmp/x")).unwrap();
        world.git("repos/home", &["init", "-q", "-b", "main"]);
        world.write("repos/home/ttmp/x/index.md", "---\nTicket: A-1\nDocType: index\n---\n");
        world.commit();
        world
    }

    fn at(&self, path: &str) -> PathBuf {
        self.scratch.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.at(path), text).unwrap();
    }

    fn commit(&self) {
        self.git("repos/home", &["add", "-A"]);
        self.git("repos/home", &["commit", "-qm", "c"]);
    }

    fn git(&self, at: &str, arguments: &[&str]) -> String {
        let identity = ["-c", "user.name=Kim", "-c", "user.email=kim@example.com"];
        let output = Command::new("git")
            .current_dir(self.at(at))
            .args(identity)
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments:?} {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn rules(&self) -> Value {
        json!({ "allowedHosts": [], "localRoots": [self.at("repos")], "timeoutSeconds": 60 })
    }

    fn repo(&self) -> Value {
        json!({ "name": "home", "url": self.at("repos/home"), "baseBranch": "main" })
    }

    fn plan(&self, step: &str) -> Value {
        let base = std::fs::read_to_string(self.at("ws/n/r/t/.metawsm/base-home")).unwrap_or_default();
        let mut plan = json!({
            "folder": self.at("ws/n/r/t"), "ownerUid": "u-1", "namespace": "n", "cacheRoot": self.at("cache"),
            "branch": "task/t", "rules": self.rules(),
        });
        let more = match step {
            "prepare" => json!({ "repos": [self.repo()] }),
            "seed" => json!({
                "ticket": "A-1", "home": self.repo(), "baseCommit": base, "docsPath": "ttmp",
                "source": { "kind": "commit", "ref": "main" }, "lastRevision": null, "brief": null,
                "limits": { "maxFiles": 9, "maxBytes": 9999, "maxFileBytes": 9999, "maxDepth": 9, "maxNameBytes": 99 },
            }),
            _ => json!({ "orphans": self.at("ws/.orphans"), "repos": [{ "name": "home", "baseCommit": base }] }),
        };
        plan.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        plan
    }

    /// The outcome, `None` if the step was killed.
    fn run(&self, step: &str, failpoint: Option<&str>) -> Option<Value> {
        let (plan, outcome) = (self.at("plan.json"), self.at("outcome.json"));
        let _ = std::fs::remove_file(&outcome);
        std::fs::write(&plan, self.plan(step).to_string()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_metawsm"));
        command
            .args(["step", step, "--plan"])
            .arg(&plan)
            .arg("--outcome")
            .arg(&outcome);
        if let Some(name) = failpoint {
            command.env("FAILPOINTS", format!("{name}=return(kill)"));
        }
        let status = command.status().unwrap();
        assert_eq!(
            status.code().is_none(),
            failpoint.is_some(),
            "{failpoint:?}: {:?}",
            read(&outcome).map(String::from_utf8)
        );
        Some(serde_json::from_slice(&read(&outcome)?).unwrap())
    }

    fn status(&self) -> String {
        self.git("ws/n/r/t/home", &["status", "--porcelain"])
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    std::fs::read(path).ok()
}

#[test]
fn prepare_comes_to_the_same_end_from_everywhere() {
    for place in [
        "prepare.before_owner",
        "prepare.after_fetch",
        "prepare.after_clone",
        "prepare.after_rename",
        "before_outcome",
    ] {
        let world = World::new();
        assert_eq!(world.run("prepare", Some(&format!("step.{place}"))), None);
        let outcome = world.run("prepare", None).unwrap();
        let tip = world.git("repos/home", &["rev-parse", "HEAD"]);
        assert_eq!(outcome["ok"]["repos"][0]["baseCommit"], tip, "{place}");
        assert_eq!(world.status(), "");
        assert!(
            !world.at("ws/.orphans").exists(),
            "{place}: what an own attempt left is no orphan"
        );
    }
}

#[test]
fn seed_comes_to_the_same_end_from_everywhere_also_if_the_source_moved_on() {
    let places = [
        "seed.after_fetch",
        "seed.after_copy",
        "seed.before_exchange",
        "seed.after_exchange",
        "seed.before_commit",
        "seed.after_commit",
        "before_outcome",
    ];
    for (place, moved_on) in places.iter().flat_map(|place| [(place, false), (place, true)]) {
        let world = World::new();
        world.run("prepare", None).unwrap();
        world.write("repos/home/ttmp/x/new.md", "one\n");
        world.commit();
        assert_eq!(world.run("seed", Some(&format!("step.{place}"))), None);
        let expected = if moved_on { "two\n" } else { "one\n" };
        if moved_on {
            world.write("repos/home/ttmp/x/new.md", expected);
            world.commit();
        }
        let outcome = world.run("seed", None).unwrap();
        assert_eq!(outcome["error"], Value::Null, "{place} {moved_on}: {outcome}");
        assert_eq!(
            world.git("ws/n/r/t/home", &["show", "HEAD:ttmp/x/new.md"]),
            expected.trim(),
            "{place}"
        );
        assert_eq!(world.status(), "", "{place} {moved_on}");
        world.git("ws/n/r/t/home", &["fsck", "--no-progress"]);
        let head = world.git("ws/n/r/t/home", &["rev-parse", "HEAD"]);
        if !place.ends_with("before_outcome") {
            assert_eq!(outcome["ok"]["commit"], head, "{place} {moved_on}");
        }
    }
}

#[test]
fn cleanup_comes_to_the_same_end_from_everywhere() {
    for place in [
        "cleanup.before_removal",
        "cleanup.during_removal",
        "cleanup.after_removal",
        "before_outcome",
    ] {
        let world = World::new();
        world.run("prepare", None).unwrap();
        assert_eq!(world.run("cleanup", Some(&format!("step.{place}"))), None);
        let outcome = world.run("cleanup", None).unwrap();
        assert_eq!(outcome["ok"]["setAside"], Value::Null, "{place}");
        assert!(!world.at("ws/n").exists(), "{place}");
    }
}
