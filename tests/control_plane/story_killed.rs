//! kill -9 of the controller, at one moment and at many: what comes out is what an undisturbed controller makes.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rustix::process::Pid;
use serde_json::{Value, json};

use crate::harness::controller::Controller;
use crate::harness::files::files_below;
use crate::harness::history::{audit_of, verify};
use crate::harness::kstatus::Verdict;
use crate::harness::leftovers;
use crate::harness::manifests::run;
use crate::harness::polling::{PATIENCE, eventually, first};
use crate::harness::repositories::{Repository, git};
use crate::harness::stage::Stage;

/// Enough that the seed takes longer than it takes to see that it runs.
const DOCUMENTS: usize = 1500;

/// What must be the same whatever happened on the way.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// In both workspaces.
    files: Vec<BTreeMap<String, (bool, String)>>,
    /// Commits on the workspaces' branches, and the trees they end in.
    commits: Vec<(String, String)>,
    status: Value,
    topology: Value,
    events: BTreeMap<String, Vec<String>>,
}

fn home(stage: &Stage) -> Repository {
    let docs = stage.home_of("docs", &["A-1", "B-1"]);
    docs.git(&["checkout", "--quiet", "-b", "fresh"]);
    for ticket in ["A-1", "B-1"] {
        let folder = docs.ticket(ticket);
        docs.many_documents(&folder, DOCUMENTS);
    }
    docs.commit("Write a lot");
    docs
}

fn manifest(docs: &Repository) -> Value {
    run(
        "relay",
        &["A-1", "B-1"],
        &[("docs", docs)],
        json!({"docSeedRef": "fresh"}),
    )
}

async fn outcome(stage: &Stage, controller: &Controller) -> Outcome {
    stage.until_run_is("relay", Verdict::Current).await;
    let active = |events: &[metawsm::kernel::envelope::Envelope]| {
        events.iter().any(|e| e.event.data["to"] == "Active").then_some(())
    };
    stage.streams().until("the Run became active", active).await;
    // Serving is no part of being ready: it comes a moment later, and what the endpoints say later still.
    stage.until_quiet(&controller.database()).await;
    let (settled, topology) = (stage.run("relay").await, stage.topology("a-1").await);
    let clones = ["A-1", "B-1"].map(|ticket| controller.workspace("relay", ticket).join("docs"));
    let count = |clone: &Path| git(clone, &["rev-list", "--count", "HEAD"]);
    let tree = |clone: &Path| git(clone, &["rev-parse", "HEAD^{tree}"]);
    Outcome {
        files: clones.iter().map(|clone| files_below(clone)).collect(),
        commits: clones.iter().map(|clone| (count(clone), tree(clone))).collect(),
        status: timeless(&settled["status"]),
        topology: timeless(&topology["status"]),
        events: events_per_subject(stage).await,
    }
}

/// Without what may differ between two equal runs: times, numbers of tries, places on disk, hashes that hold times.
fn timeless(value: &Value) -> Value {
    // `bytes` of a workspace is what the last inspection measured; those of a seed are in its event as well.
    const PASSING: [&str; 17] = [
        "bytes",
        "at",
        "attempts",
        "attempt",
        "syncedAt",
        "freshnessAt",
        "indexedAt",
        "updatedAt",
        "lastTransitionTime",
        "path",
        "prevHash",
        "commit",
        "headCommit",
        "since",
        "runUID",
        "seq",
        "journal",
    ];
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(name, _)| !PASSING.contains(&name.as_str()));
            let mut kept: serde_json::Map<_, _> = kept.map(|(name, value)| (name.clone(), timeless(value))).collect();
            // It says of when the index is.
            if map.get("type").is_some_and(|kind| kind == "Fresh") {
                kept.remove("message");
            }
            Value::Object(kept)
        }
        Value::Array(list) => list.iter().map(timeless).collect(),
        other => other.clone(),
    }
}

/// The authority moves with what the endpoints say and when: where it ends is what counts.
const MOVED: &str = "topology.authority.changed";

/// Subject to what was told of it, in order: the type, and what tells it from others of its type. What is told of the
/// servers themselves is left out: it depends on when they are asked.
async fn events_per_subject(stage: &Stage) -> BTreeMap<String, Vec<String>> {
    let all = stage.streams().all().await;
    let mut ids: Vec<_> = all.iter().map(|(_, e)| e.event.event_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all.len(), "no event twice");
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, envelope) in all {
        let event = envelope.event;
        if event.event_type.starts_with("docs.") {
            continue;
        }
        let subject = event.subject.replace(stage.namespace(), "namespace");
        let told = format!(
            "{} {} {}",
            event.event_type,
            event.ticket.unwrap_or_default(),
            event.data["to"]
        );
        let so_far = found.entry(subject).or_default();
        if event.event_type == MOVED {
            so_far.retain(|told| !told.starts_with(MOVED));
        }
        so_far.push(told);
    }
    // Two workspaces race for who is first; that is no order.
    for told in found.values_mut() {
        told[1..].sort();
    }
    found
}

/// Compares without printing thousands of files.
fn same(mut one: Outcome, mut other: Outcome) {
    for (files, others) in std::mem::take(&mut one.files)
        .iter()
        .zip(&std::mem::take(&mut other.files))
    {
        let different = files
            .iter()
            .filter(|(path, file)| others.get(*path) != Some(file))
            .map(|(path, _)| path);
        assert_eq!(different.collect::<Vec<_>>(), Vec::<&String>::new());
        assert_eq!(files.len(), others.len());
    }
    assert_eq!(one, other);
}

async fn undisturbed(repositories: &Stage, docs: &Repository) -> Outcome {
    let mut stage = Stage::new().await;
    stage.use_repositories_of(repositories);
    let controller = stage.controller("calm").lead().await;
    stage.create(&manifest(docs)).await;
    outcome(&stage, &controller).await
}

/// Waits until a seed is under way, and holds it there: what is done next may take as long as it will.
async fn while_seeding(controller: &Controller) -> Vec<Pid> {
    let data = controller.data();
    let seeding = async || {
        if leftovers::seeding(data) == 0 {
            return None;
        }
        let held = leftovers::hold(data);
        if leftovers::seeding(data) > 0 {
            return Some(held);
        }
        leftovers::go_on(&held);
        None
    };
    eventually("a seed is under way", seeding).await
}

#[tokio::test]
async fn a_controller_killed_while_seeding_ends_where_an_undisturbed_one_does() {
    let stage = Stage::new().await;
    let docs = home(&stage);
    let mut controller = stage.controller("a").lead().await;
    stage.create(&manifest(&docs)).await;
    let held = while_seeding(&controller).await;
    controller.kill9();
    assert_ne!(
        stage.run("relay").await["status"]["phase"],
        "Active",
        "it was in the middle"
    );
    leftovers::go_on(&held);
    controller.restart().await;
    let disturbed = outcome(&stage, &controller).await;
    for files in &disturbed.files {
        assert_eq!(
            files.len(),
            DOCUMENTS + 7,
            "a README, three documents of each ticket, and all the notes"
        );
    }
    same(disturbed, undisturbed(&stage, &docs).await);
    verify(&controller.database()).await;
}

#[tokio::test]
async fn a_controller_killed_with_its_steps_tries_them_again_and_says_so() {
    let stage = Stage::new().await;
    let docs = home(&stage);
    let mut controller = stage.controller("a").lead().await;
    stage.create(&manifest(&docs)).await;
    while_seeding(&controller).await;
    controller.kill9();
    leftovers::end(controller.data());
    controller.restart().await;
    let mut disturbed = outcome(&stage, &controller).await;
    let mut calm = undisturbed(&stage, &docs).await;
    let told = disturbed.events.get_mut("Run/namespace/relay").unwrap();
    let failed = told.iter().filter(|e| e.starts_with("run.docs.seed_failed")).count();
    assert!((1..=2).contains(&failed), "once per step that was killed: {told:?}");
    disturbed.events.clear();
    calm.events.clear();
    same(disturbed, calm);
    let audit = audit_of(&controller.database(), "Run", "relay").await;
    let reasons: Vec<_> = audit
        .iter()
        .filter(|l| l["type"] == "SeedFailed")
        .map(|l| l["facts"]["reason"].clone())
        .collect();
    assert!(reasons.iter().all(|r| r == "Killed"), "{reasons:?}");
}

#[tokio::test]
async fn a_controller_killed_again_and_again_ends_where_an_undisturbed_one_does() {
    let stage = Stage::new().await;
    let docs = home(&stage);
    let mut controller = stage.controller("a").lead().await;
    stage.create(&manifest(&docs)).await;
    let mut kills = 0;
    for round in 0..20u64 {
        let length = Duration::from_millis(40 + round * 37 % 500);
        let active = async || (stage.run("relay").await["status"]["phase"] == "Active").then_some(());
        // A test that was stopped for a while kills late, and not less often.
        if first(length, active).await.is_some() && kills >= 3 {
            break;
        }
        controller.kill9();
        kills += 1;
        controller.restart_only();
    }
    assert!(kills >= 3, "killed {kills} times");
    assert!(
        first(PATIENCE, async || controller.leads().then_some(()))
            .await
            .is_some()
    );
    let disturbed = outcome(&stage, &controller).await;
    same(disturbed, undisturbed(&stage, &docs).await);
    verify(&controller.database()).await;
}
