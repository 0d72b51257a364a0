//! Documents that an agent changed are never overwritten, in whatever order it works, the source moves on, and seeds are
//! asked for, killed and tried again: the real program on real repositories. Seeds are killed after a random time, and
//! with the feature `failpoints` also at a random boundary of their effects. `METAWSM_TEST_FULL=1` tries many more.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

/// Where a seed can be killed.
const BOUNDARIES: [&str; 9] = [
    "seed.after_fetch",
    "seed.after_copy",
    "seed.before_exchange",
    "seed.unverified",
    "seed.after_exchange",
    "seed.before_commit",
    "seed.after_commit",
    "before_outcome",
    "seed.after_copy",
];

#[derive(Clone, Debug)]
enum Happening {
    AgentEdits,
    AgentAdds,
    AgentDeletesFolder,
    AgentCommits,
    AgentReverts,
    SourceMovesOn,
    Seed,
    SeedKilledAfter(u16),
    SeedKilledAt(usize),
    /// The controller forgets what was seeded last: its status was lost with the Run's.
    Forget,
}

fn happenings() -> impl Strategy<Value = Happening> {
    prop_oneof![
        2 => Just(Happening::AgentEdits),
        1 => Just(Happening::AgentAdds),
        1 => Just(Happening::AgentDeletesFolder),
        2 => Just(Happening::AgentCommits),
        2 => Just(Happening::AgentReverts),
        3 => Just(Happening::SourceMovesOn),
        3 => Just(Happening::Seed),
        2 => (0u16..200).prop_map(Happening::SeedKilledAfter),
        4 => (0..BOUNDARIES.len()).prop_map(Happening::SeedKilledAt),
        1 => Just(Happening::Forget),
    ]
}

struct World {
    scratch: tempfile::TempDir,
    rounds: u32,
    last_revision: Option<String>,
    /// What the agent wrote and did not take back: path and content; `None`: it deleted the folder.
    work: Vec<(String, Option<String>)>,
    /// How often the source moved on.
    source: u32,
    /// What of it the last seed that came to its end had put there; `None` where a killed one makes that unsure.
    seeded: Option<u32>,
}

const TICKET: &str = "ws/n/r/t/home/ttmp/x";

impl World {
    fn new() -> Self {
        let world = Self {
            scratch: tempfile::tempdir().unwrap(),
            rounds: 0,
            last_revision: None,
            work: Vec::new(),
            source: 0,
            seeded: None,
        };
        std::fs::create_dir_all(world.at("repos/home/ttmp/x")).unwrap();
        world.git("repos/home", &["init", "-q", "-b", "main"]);
        world.write("repos/home/ttmp/x/index.md", "---\nTicket: A-1\nDocType: index\n---\n");
        world.write("repos/home/ttmp/x/notes.md", "begin\n");
        world.commit("repos/home");
        world.step("prepare", &[], None);
        world
    }

    fn at(&self, path: &str) -> PathBuf {
        self.scratch.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        std::fs::write(self.at(path), text).unwrap();
    }

    fn commit(&self, at: &str) {
        self.git(at, &["add", "-A"]);
        self.git(at, &["commit", "-q", "--allow-empty", "-m", "c"]);
    }

    fn git(&self, at: &str, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(self.at(at))
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
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?} {words}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn plan(&self, step: &str) -> Value {
        let repo = json!({ "name": "home", "url": self.at("repos/home"), "baseBranch": "main" });
        let base = std::fs::read_to_string(self.at("ws/n/r/t/.metawsm/base-home")).unwrap_or_default();
        let mut plan = json!({
            "folder": self.at("ws/n/r/t"), "ownerUid": "u-1", "namespace": "n", "cacheRoot": self.at("cache"),
            "branch": "task/t",
            "rules": { "allowedHosts": [], "localRoots": [self.at("repos")], "timeoutSeconds": 60 },
        });
        let more = match step {
            "prepare" => json!({ "repos": [repo] }),
            _ => json!({
                "ticket": "A-1", "home": repo, "baseCommit": base, "docsPath": "ttmp",
                "source": { "kind": "commit", "ref": "main" }, "lastRevision": self.last_revision, "brief": null,
                "limits": { "maxFiles": 99, "maxBytes": 9999, "maxFileBytes": 9999, "maxDepth": 9, "maxNameBytes": 99 },
            }),
        };
        plan.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        plan
    }

    /// The outcome; `None` if the step was killed before it wrote one.
    fn step(&self, step: &str, environment: &[(&str, &str)], kill_after: Option<Duration>) -> Option<Value> {
        let (plan, outcome) = (self.at("plan.json"), self.at("outcome.json"));
        let _ = std::fs::remove_file(&outcome);
        std::fs::write(&plan, self.plan(step).to_string()).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_metawsm"))
            .args(["step", step, "--plan"])
            .arg(&plan)
            .arg("--outcome")
            .arg(&outcome)
            .envs(environment.iter().copied())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        if let Some(after) = kill_after {
            std::thread::sleep(after);
            let _ = child.kill();
        }
        child.wait().unwrap();
        let text = std::fs::read(&outcome).ok()?;
        Some(serde_json::from_slice(&text).unwrap())
    }

    fn happen(&mut self, what: &Happening) {
        self.rounds += 1;
        let there = self.at(TICKET).exists();
        match what {
            Happening::AgentEdits if there => self.agent_writes("notes.md"),
            Happening::AgentAdds if there => {
                let name = format!("own-{}.md", self.rounds);
                self.agent_writes(&name);
            }
            Happening::AgentDeletesFolder if there && self.work.is_empty() => {
                std::fs::remove_dir_all(self.at(TICKET)).unwrap();
                self.work.push((String::new(), None));
            }
            Happening::AgentEdits | Happening::AgentAdds | Happening::AgentDeletesFolder => {}
            Happening::AgentCommits => {
                let _ = std::fs::remove_file(self.at("ws/n/r/t/home/.git/index.lock"));
                self.commit("ws/n/r/t/home");
            }
            Happening::AgentReverts => self.agent_reverts(),
            Happening::SourceMovesOn => {
                self.write("repos/home/ttmp/x/notes.md", &format!("source {}\n", self.rounds));
                self.commit("repos/home");
                self.source += 1;
            }
            Happening::Seed => {
                let outcome = self.step("seed", &[], None).expect("there is an outcome");
                self.judge(&outcome);
            }
            Happening::SeedKilledAfter(milliseconds) => {
                let after = Duration::from_millis(u64::from(*milliseconds));
                self.seeded = None;
                if let Some(outcome) = self.step("seed", &[], Some(after)) {
                    self.judge(&outcome);
                }
            }
            Happening::SeedKilledAt(place) => {
                let points = format!("step.{}=return(kill)", BOUNDARIES[*place]);
                self.seeded = None;
                if let Some(outcome) = self.step("seed", &[("FAILPOINTS", &points)], None) {
                    self.judge(&outcome);
                }
            }
            Happening::Forget => self.last_revision = None,
        }
        self.nothing_is_lost();
    }

    fn agent_writes(&mut self, name: &str) {
        let text = format!("the agent's own words {}\n", self.rounds);
        self.write(&format!("{TICKET}/{name}"), &text);
        self.work.retain(|(path, _)| path != name && !path.is_empty());
        self.work.push((name.to_owned(), Some(text)));
    }

    /// As the message of the refusal says.
    fn agent_reverts(&mut self) {
        let base = std::fs::read_to_string(self.at("ws/n/r/t/.metawsm/base-home")).unwrap();
        let _ = std::fs::remove_file(self.at("ws/n/r/t/home/.git/index.lock"));
        let _ = std::fs::remove_dir_all(self.at(TICKET));
        self.git("ws/n/r/t/home", &["checkout", base.trim(), "--", "ttmp/x"]);
        self.work.clear();
    }

    fn judge(&mut self, outcome: &Value) {
        if let Some(revision) = outcome["ok"]["revision"].as_str() {
            let kept = outcome["ok"]["kept"] == true;
            assert_eq!(
                kept,
                !self.work.is_empty(),
                "{outcome}; the agent's work: {:?}",
                self.work
            );
            let newer = kept && self.seeded.is_some_and(|seeded| seeded != self.source);
            assert!(!newer, "the source has something newer: {outcome}");
            self.last_revision = Some(revision.to_owned());
            self.seeded = Some(self.source);
            return;
        }
        assert_ne!(self.seeded, Some(self.source), "the source has nothing new: {outcome}");
        let error = &outcome["error"];
        assert_eq!(error["reason"], "WorkspaceDiverged", "{error}");
        assert_eq!(error["retriable"], false);
        assert!(error["message"].as_str().unwrap().contains("git checkout"));
        assert!(!self.work.is_empty(), "refused without any work: {error}");
    }

    fn nothing_is_lost(&self) {
        for (path, text) in &self.work {
            let found = std::fs::read_to_string(self.at(TICKET).join(path)).ok();
            match text {
                Some(text) => assert_eq!(found.as_ref(), Some(text), "{path}"),
                None => assert!(!self.at(TICKET).exists(), "what the agent deleted is back"),
            }
        }
    }
}

fn cases() -> ProptestConfig {
    let full = std::env::var("METAWSM_TEST_FULL").is_ok();
    ProptestConfig {
        cases: if full { 400 } else { 10 },
        max_shrink_iters: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_an_agent_changed_is_never_overwritten(history in prop::collection::vec(happenings(), 1..14)) {
        let mut world = World::new();
        for happening in &history {
            world.happen(happening);
        }
        // Once the agent took its changes back, everything goes on.
        world.happen(&Happening::AgentReverts);
        world.happen(&Happening::SourceMovesOn);
        let outcome = world.step("seed", &[], None).unwrap();
        prop_assert!(outcome["error"].is_null(), "{}", outcome);
        let expected = std::fs::read(world.at("repos/home/ttmp/x/notes.md")).unwrap();
        prop_assert_eq!(std::fs::read(world.at(TICKET).join("notes.md")).unwrap(), expected);
        let _ = std::fs::remove_file(world.at("ws/n/r/t/home/.git/index.lock"));
        prop_assert_eq!(world.git("ws/n/r/t/home", &["status", "--porcelain"]), "");
    }
}

/// Between the look at the documents and the exchange an agent may write; a crash right then must not cost its words.
#[cfg(feature = "failpoints")]
#[test]
fn words_written_at_the_moment_of_the_exchange_outlive_a_crash() {
    // On a busy machine the moment may be over before the agent has written.
    let written = [1_500, 15_000, 150_000].into_iter().any(outlives_a_crash);
    assert!(written, "nothing was written in time");
}

/// The moment lasts so many milliseconds; `false` where the words may have come after it.
#[cfg(feature = "failpoints")]
fn outlives_a_crash(moment: u64) -> bool {
    let mut world = World::new();
    world.happen(&Happening::Seed);
    world.happen(&Happening::SourceMovesOn);
    let points = format!("step.seed.before_exchange=sleep({moment});step.seed.unverified=return(kill)");
    let in_time = std::thread::scope(|scope| {
        let mut not_yet = std::time::Instant::now();
        let seed = scope.spawn(|| world.step("seed", &[("FAILPOINTS", &points)], None));
        let record = world.at("ws/n/r/t/.metawsm/seed.json");
        loop {
            let looked = std::time::Instant::now();
            if std::fs::read_to_string(&record).is_ok_and(|text| text.contains("false")) {
                break;
            }
            not_yet = looked;
            std::thread::sleep(Duration::from_millis(5));
        }
        world.write(&format!("{TICKET}/notes.md"), "at the last moment\n");
        let in_time = not_yet.elapsed() < Duration::from_millis(moment);
        assert_eq!(seed.join().unwrap(), None, "it was killed");
        in_time
    });
    if !in_time {
        return false;
    }
    let outcome = world.step("seed", &[], None).unwrap();
    assert_eq!(outcome["error"]["reason"], "WorkspaceDiverged", "{outcome}");
    let notes = std::fs::read_to_string(world.at(TICKET).join("notes.md")).unwrap();
    assert_eq!(notes, "at the last moment\n");
    true
}

/// Seeded once more for nothing, an edited workspace is no trouble; a clone that took another's place is.
#[test]
fn a_source_with_nothing_new_leaves_an_edited_workspace_in_peace_but_only_the_clone_it_was_seeded_into() {
    let mut world = World::new();
    world.happen(&Happening::SourceMovesOn);
    world.happen(&Happening::Seed);
    world.happen(&Happening::AgentEdits);
    world.happen(&Happening::AgentCommits);
    let kept = world.step("seed", &[], None).unwrap();
    assert_eq!(kept["ok"]["kept"], true, "{kept}");
    assert_eq!(kept["ok"]["commit"], Value::Null, "{kept}");
    world.nothing_is_lost();

    std::fs::remove_dir_all(world.at("ws/n/r/t/home")).unwrap();
    world.step("prepare", &[], None);
    let base = std::fs::read_to_string(world.at("ws/n/r/t/.metawsm/base-home")).unwrap();
    let older = world.git("repos/home", &["rev-parse", "main~1"]);
    world.git("ws/n/r/t/home", &["reset", "-q", "--hard", older.trim()]);
    assert_ne!(base.trim(), older.trim());
    world.agent_writes("notes.md");
    let refused = world.step("seed", &[], None).unwrap();
    assert_eq!(refused["error"]["reason"], "WorkspaceDiverged", "{refused}");
    world.nothing_is_lost();
}
