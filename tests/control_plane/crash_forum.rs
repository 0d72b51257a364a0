//! The crash matrix of the forum: questions that are asked, escalated, answered, closed and archived, withdrawn, forced
//! off and changed while nobody looks. What came of them must not depend on where the controller was interrupted.
//!
//! Chosen and repeated as `crash_matrix` is, by the same variables.

use metawsm::failpoint::{ALL, Caller};
use serde_json::{Value, json};

use super::crash_judge::{Cases, end_alike, parsed};
use super::crash_keeper::{Keeper, Point};
use super::crash_story::{Ending, forget_streams, place, settled};
use super::forum_life::{a_whole_life, digest, escalated};
use super::harness::forum::{policy, question, say};
use super::harness::manifests::run;
use super::harness::people::Person;
use super::harness::stage::Stage;
use super::validator;

/// The failpoints that a question's life comes by.
const POINTS: [&str; 19] = [
    "drive.after_record",
    "drive.after_finalizer",
    "drive.after_status",
    "drive.before_release",
    "drive.after_release",
    "vanished.before_record",
    "vanished.after_record",
    "lease.after_write",
    "projections.before_batch",
    "projections.after_batch",
    "forum_thread.after_archive",
    "forum_thread.after_remove_archived",
    "sqlite.before_commit",
    "sqlite.after_commit",
    "sqlite.before_change",
    "sqlite.after_change",
    "relay.after_publish",
    "relay.after_mark",
    "relay.after_rewind",
];

/// The effects that only the forum has, in the ways that differ most: part of every run.
const ALWAYS: [&str; 8] = [
    "forum_thread.after_archive=kill",
    "forum_thread.after_archive=error",
    "forum_thread.after_remove_archived=kill",
    "forum_thread.after_remove_archived=error",
    "projections.before_batch=kill",
    "projections.before_batch=error",
    "projections.after_batch=kill",
    "projections.after_batch=error",
];

/// What a bounded run tries beside.
const SINGLES: usize = 2;
const PAIRS: usize = 1;

#[test]
fn crash_points_of_the_forum_are_all_in_its_story() {
    let ours = |name: &str| name.starts_with("forum_thread.") || name.starts_with("projections.");
    let missing: Vec<_> = ALL
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| ours(name) && !POINTS.contains(name))
        .collect();
    assert_eq!(missing, [] as [&str; 0]);
    assert_eq!(points().len(), POINTS.len(), "each is a failpoint");
}

fn points() -> Vec<(&'static str, Caller)> {
    ALL.into_iter().filter(|(name, _)| POINTS.contains(name)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_stories_of_questions_end_as_the_undisturbed_one() {
    let cases = Cases {
        always: ALWAYS.into_iter().map(parsed).collect(),
        points: points(),
        singles: SINGLES,
        pairs: PAIRS,
    };
    end_alike(cases, told).await;
}

/// Tells the story with these interruptions.
async fn told(points: &[Point]) -> Ending {
    let stage = Stage::new().await;
    let code = stage.repository("code");
    let settings = stage.controller("one").with("METAWSM_HOUSEKEEPING_INTERVAL", "1s");
    let rules = "sla: {levels: [1s]}\nretention: {closedThreads: 1s}\n";
    let file = policy(&settings.data, rules);
    let mut keeper = Keeper::start(settings.with("METAWSM_POLICY", file), points);
    let waits = run("r", &["A-1"], &[("code", &code)], json!({"suspend": true}));
    keeper.during(stage.create(&waits)).await;
    keeper.during(a_whole_life(&stage)).await;
    for name in ["kept", "withdrawn", "forced"] {
        let asked = question(name, json!({"runRef": {"name": "r"}}));
        keeper.during(stage.create(&asked)).await;
        keeper.during(escalated(&stage, name, "New")).await;
    }
    keeper.during(stage.delete("ForumThread", "withdrawn")).await;
    keeper.during(stage.until_gone("ForumThread", "withdrawn")).await;
    keeper.during(settled(&stage)).await;

    // While nobody looks, somebody forces a question off, another is changed twice, and Redis forgets everything.
    keeper.down();
    let free = json!({"metadata": {"finalizers": null}});
    stage.patch("ForumThread", "forced", free).await;
    stage.delete("ForumThread", "forced").await;
    stage.until_gone("ForumThread", "forced").await;
    let admin = Person::admin(&stage.cluster);
    let comment = json!({"id": "c1", "kind": "Comment", "body": "Still there?"});
    say(&admin, "kept", comment, "Triaged").await;
    let on = json!({"spec": {"state": "WaitingOperator", "priority": "High"}});
    admin.merge("kept", on).await.expect("it may be changed");
    forget_streams(&stage).await;
    keeper.up();
    let all = |t: &Value| t["status"]["changeCount"] == 3 && t["status"]["postCount"] == 2;
    let recorded = stage.until("ForumThread", "kept", "everything is recorded", all);
    keeper.during(recorded).await;
    let one_left = |r: &Value| r["status"]["forum"] == json!({"open": 1, "waitingHuman": 0, "escalated": 0});
    let counted = stage.until("Run", "r", "its one question is counted", one_left);
    keeper.during(counted).await;
    let place = place(&stage);
    let flaws = keeper.during(validator::flaws(&place)).await;
    Ending {
        happened: (0..points.len()).map(|n| keeper.happened(n)).collect(),
        digest: digest(&stage, "one", &["kept"]).await,
        flaws,
        leaks: vec![],
    }
}
