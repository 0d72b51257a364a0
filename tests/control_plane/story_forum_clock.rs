//! Deadlines while things go wrong: the controller is down, the policy is edited, the clock jumps.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::faketime;
use crate::harness::controller::Controller;
use crate::harness::forum::{policy, question, say, told};
use crate::harness::people::Person;
use crate::harness::polling::{eventually, never_within};
use crate::harness::stage::{Stage, condition};

async fn escalations(controller: &Controller, thread: &str) -> Vec<Value> {
    told(&controller.database(), thread, "forum.sla.escalation_requested").await
}

#[tokio::test]
async fn what_was_entered_and_fell_due_while_the_controller_was_down_fires_once_and_late() {
    let stage = Stage::new().await;
    let settings = stage.controller("a");
    let file = policy(&settings.data, "sla: {levels: [3s], states: {New: {levels: []}}}\n");
    let mut controller = settings.with("METAWSM_POLICY", file).lead().await;
    stage.create(&question("entered", json!({}))).await;
    stage
        .until("ForumThread", "entered", "it is recorded", |t| {
            t["status"]["state"] == "New"
        })
        .await;
    controller.kill9();
    let admin = Person::admin(&stage.cluster);
    admin
        .merge("entered", json!({"spec": {"state": "WaitingHuman"}}))
        .await
        .unwrap();
    stage.create(&question("made", json!({"state": "WaitingHuman"}))).await;
    // Down for longer than the deadline and the bound of lateness together.
    never_within(Duration::from_secs(10), "somebody else escalates", async || {
        let level = stage.get("ForumThread", "entered").await["status"]["sla"]["level"].as_i64();
        level.filter(|l| *l > 0).map(|l| l.to_string())
    })
    .await;
    controller.restart().await;
    for name in ["entered", "made"] {
        let due = |t: &Value| t["status"]["sla"]["level"] == 1;
        let thread = stage.until("ForumThread", name, "its deadline is escalated", due).await;
        let fired = async || Some(escalations(&controller, name).await).filter(|e| !e.is_empty());
        let fired = eventually("it is told", fired).await;
        assert_eq!(
            (fired.len(), &fired[0]["late"], &fired[0]["level"]),
            (1, &json!(true), &json!(1))
        );
        assert!(fired[0]["lateBySeconds"].as_i64().unwrap() >= 5, "{fired:?}");
        assert_eq!(thread["status"]["sla"]["escalationCount"], 1);
    }
    controller.kill9();
    controller.restart().await;
    let again = async || {
        let mut all = escalations(&controller, "entered").await;
        all.extend(escalations(&controller, "made").await);
        (all.len() > 2).then(|| format!("{all:?}"))
    };
    never_within(Duration::from_secs(5), "a level is escalated again", again).await;
    let audited = async || {
        controller
            .metric("metawsm_sla_audit_success_timestamp_seconds")
            .filter(|at| *at > 0.0)
    };
    eventually("the auditor looked and found none missed", audited).await;
    controller.terminate().await;
}

#[tokio::test]
async fn an_edited_policy_holds_from_the_next_entry_on_and_a_wrong_one_never() {
    let stage = Stage::new().await;
    let settings = stage.controller("a");
    let folder = settings.data.clone();
    let file = policy(&folder, "sla: {levels: [1h]}\n");
    let mut controller = settings.with("METAWSM_POLICY", file).lead().await;
    stage.create(&question("q", json!({}))).await;
    let snapshotted = |t: &Value| t["status"]["sla"]["policy"]["levels"] == json!(["1h"]);
    let before = stage
        .until("ForumThread", "q", "it took the policy of its entry", snapshotted)
        .await;
    policy(&folder, "sla: {levels: [2s]}\n");
    let taken = async || (controller.log().matches("policy taken").count() == 2).then_some(());
    eventually("the new policy is taken", taken).await;
    let admin = Person::admin(&stage.cluster);
    let comment = json!({"id": "c1", "kind": "Comment", "body": "Hm."});
    admin
        .patch("q", json!([{"op": "add", "path": "/spec/posts/-", "value": comment}]))
        .await
        .unwrap();
    let after = stage
        .until("ForumThread", "q", "the comment is recorded", |t| {
            t["status"]["postCount"] == 2
        })
        .await;
    assert_eq!(
        before["status"]["sla"], after["status"]["sla"],
        "neither the policy nor a post moves the clock"
    );
    assert_eq!(before["status"]["stateSince"], before["metadata"]["creationTimestamp"]);

    policy(&folder, "sla: {levels: [soon]}\n");
    let refused = async || controller.metric("metawsm_policy_valid").filter(|valid| *valid == 0.0);
    eventually("the wrong policy is refused", refused).await;
    let at_lease = async || {
        let notes = stage.cluster.events_about("metawsm").await;
        notes.into_iter().find(|(_, reason, _)| reason == "PolicyInvalid")
    };
    let (_, _, words) = eventually("people are told at the Lease", at_lease).await;
    assert!(words.contains("line 1") && words.contains("sla.levels[0]"), "{words}");
    controller.kill9();
    controller.restart().await;
    admin
        .merge("q", json!({"spec": {"state": "WaitingHuman"}}))
        .await
        .unwrap();
    let fired = |t: &Value| t["status"]["sla"]["level"] == 1 && t["status"]["state"] == "WaitingHuman";
    let thread = stage
        .until(
            "ForumThread",
            "q",
            "the last good policy holds, also after a restart",
            fired,
        )
        .await;
    assert_eq!(thread["status"]["sla"]["policy"]["levels"], json!(["2s"]));
    controller.terminate().await;
}

#[tokio::test]
async fn a_clock_that_jumps_a_day_ahead_and_back_escalates_nothing_early() {
    let Some(library) = faketime::library() else {
        println!("skipped: install the package 'faketime' to let the clock jump");
        return;
    };
    for _ in 0..5 {
        if let Some(told) = jumped_and_back(library.clone().into()).await {
            assert_eq!(told, [] as [Value; 0]);
            return;
        }
    }
    panic!("the clock was never set back within the minute");
}

/// The escalations of a question that the clock jumped away from and back to; `None` where that took so long that the
/// clock was believed meanwhile, as it should be.
async fn jumped_and_back(library: OsString) -> Option<Vec<Value>> {
    let stage = Stage::new().await;
    let time = tempfile::NamedTempFile::new().unwrap();
    let set = |offset: &str| std::fs::write(time.path(), offset).unwrap();
    set("+0");
    let settings = stage.controller("a");
    let file = policy(&settings.data, "sla: {levels: [1h]}\n");
    let mut controller = settings
        .with("METAWSM_POLICY", file)
        .with("LD_PRELOAD", library)
        .with("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .with("FAKETIME_NO_CACHE", "1")
        .with("FAKETIME_TIMESTAMP_FILE", time.path())
        .lead()
        .await;
    stage.create(&question("q", json!({}))).await;
    stage
        .until("ForumThread", "q", "its clock runs", |t| {
            !t["status"]["sla"]["deadline"].is_null()
        })
        .await;
    let left = Instant::now();
    set("+1d");
    let jumped = async || controller.metric("metawsm_clock_jumps_total").filter(|n| *n >= 1.0);
    eventually("the jump is seen", jumped).await;
    let admin = Person::admin(&stage.cluster);
    let comment = json!({"id": "c1", "kind": "Comment", "body": "Still there?"});
    say(&admin, "q", comment, "New").await;
    let held = |t: &Value| condition(t, "WithinSLA")["reason"] == "ClockJumped";
    let believed = |t: &Value| t["status"]["sla"]["level"] == 1;
    let seen = stage
        .until("ForumThread", "q", "it says why nothing is escalated", |t| {
            held(t) || believed(t)
        })
        .await;
    set("+0");
    // Escalations wait for one minute from when the jump was seen.
    if left.elapsed() >= Duration::from_secs(60) {
        return None;
    }
    assert!(held(&seen), "{seen:#}");
    let right = |t: &Value| condition(t, "WithinSLA")["reason"] == "InTime";
    stage
        .until(
            "ForumThread",
            "q",
            "the clock is right again and the minute is over",
            right,
        )
        .await;
    stage.until_told(&controller.database()).await;
    let told = escalations(&controller, "q").await;
    controller.terminate().await;
    Some(told)
}
