//! The cache holds little of a question, and nothing of what it lacks is lost: what was recorded stays byte for byte as it
//! was, whatever the controller writes after a restart, failures included. And the auditor counts the deadline that a
//! controller which cannot work lets pass.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::controller::Controller;
use crate::harness::forum::{policy, question, say};
use crate::harness::history::{column, verify};
use crate::harness::people::Person;
use crate::harness::polling::{eventually, within};
use crate::harness::stage::{Stage, condition};

/// Every pass fails after it recorded, before it decides.
const FAILS: &str = "drive.after_record=return(error)";
/// The auditor looks every 30 s, and what is not recorded at one look is missed at the next.
const AUDITED: Duration = Duration::from_secs(150);

#[tokio::test]
async fn what_was_recorded_of_a_question_stays_as_it_is_whatever_is_written_after_a_restart() {
    let stage = Stage::new().await;
    let mut controller = stage.controller("a").lead().await;
    let admin = Person::admin(&stage.cluster);
    stage
        .create(&question(
            "q",
            json!({"state": "WaitingHuman", "choices": ["Left", "Right"]}),
        ))
        .await;
    for n in 0..4 {
        comment(&admin, n, "WaitingHuman").await;
    }
    admin.merge("q", json!({"spec": {"priority": "High"}})).await.unwrap();
    let told = |t: &Value| t["status"]["postCount"] == 5 && t["status"]["priority"] == "High";
    let mut before = stage.until("ForumThread", "q", "all is recorded", told).await;
    assert!(entries(&before).len() >= 7, "{before:#}");
    restarted(&mut controller, None).await;

    comment(&admin, 4, "WaitingOperator").await;
    let told = |t: &Value| t["status"]["postCount"] == 6 && t["status"]["state"] == "WaitingOperator";
    let after = stage.until("ForumThread", "q", "one more is recorded", told).await;
    assert_goes_on(&before, &after);
    before = after;
    restarted(&mut controller, None).await;

    let asked = json!({"metadata": {"annotations": {"metawsm.dev/requestedAt": "now"}}});
    admin.merge("q", asked).await.unwrap();
    let answered = |t: &Value| t["status"]["lastHandledRequest"] == "now";
    let after = stage
        .until("ForumThread", "q", "the request is answered", answered)
        .await;
    assert_eq!((entries(&before), &before["spec"]), (entries(&after), &after["spec"]));
    let labelled = admin
        .merge("q", json!({"metadata": {"labels": {"team": "a"}}}))
        .await
        .unwrap();
    mirrored(&controller.database(), &labelled).await;

    restarted(&mut controller, Some(FAILS)).await;
    let failed = |t: &Value| condition(t, "Ready")["status"] == "False";
    let failing = stage
        .until("ForumThread", "q", "it says that passes fail", failed)
        .await;
    assert_eq!(
        (entries(&before), &before["spec"]),
        (entries(&failing), &failing["spec"])
    );
    assert_eq!(before["status"]["posts"], failing["status"]["posts"]);
    assert_eq!(before["status"]["lastPost"], failing["status"]["lastPost"]);
    restarted(&mut controller, None).await;
    let ready = |t: &Value| condition(t, "Ready")["status"] == "True";
    let mended = stage.until("ForumThread", "q", "it is well again", ready).await;
    assert_goes_on(&before, &mended);
    verify(&controller.database()).await;
    controller.terminate().await;
}

#[tokio::test]
async fn the_auditor_counts_the_deadline_that_a_controller_which_cannot_work_lets_pass() {
    let stage = Stage::new().await;
    let settings = stage.controller("a").with("METAWSM_LEASE_DURATION", "60s");
    let file = policy(&settings.data, "sla: {levels: [1s]}\n");
    let mut controller = settings
        .with("METAWSM_POLICY", file)
        .with("FAILPOINTS", FAILS)
        .lead()
        .await;
    stage.create(&question("late", json!({"state": "WaitingHuman"}))).await;
    let missed = async || (controller.metric("metawsm_sla_missed") == Some(1.0)).then_some(());
    within(AUDITED, "the missed deadline is counted", missed).await;
    assert_eq!(controller.metric("metawsm_sla_escalations_total"), Some(0.0));

    restarted(&mut controller, None).await;
    let level = |t: &Value| t["status"]["sla"]["level"] == 1;
    stage
        .until("ForumThread", "late", "it is escalated at last", level)
        .await;
    let well = async || {
        controller
            .metric("metawsm_sla_audit_success_timestamp_seconds")
            .filter(|at| *at > 0.0)
    };
    within(AUDITED, "the auditor finds none missed", well).await;
    assert_eq!(controller.metric("metawsm_sla_missed"), Some(0.0));
    controller.terminate().await;
}

async fn comment(who: &Person, n: usize, state: &str) {
    let kind = if state == "WaitingOperator" {
        "Question"
    } else {
        "Comment"
    };
    let post = json!({"id": format!("c{n}"), "kind": kind, "body": format!("Some more words, the {n}th.")});
    say(who, "q", post, state).await;
}

/// Another process, which knows nothing but its database and what it lists.
async fn restarted(controller: &mut Controller, failpoints: Option<&str>) {
    controller.kill9();
    let more = &mut controller.settings.more;
    more.retain(|(name, _)| name != "FAILPOINTS");
    more.extend(failpoints.map(|points| ("FAILPOINTS".to_owned(), points.into())));
    controller.restart().await;
}

fn entries(thread: &Value) -> &[Value] {
    thread["status"]["journal"].as_array().map_or(&[], Vec::as_slice)
}

/// What was said and recorded before stands at the beginning of what is there now.
fn assert_goes_on(before: &Value, after: &Value) {
    let list = |thread: &Value, path: &str| {
        thread
            .pointer(path)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    for path in ["/spec/posts", "/spec/changes", "/status/posts", "/status/journal"] {
        let (old, new) = (list(before, path), list(after, path));
        assert!(new.starts_with(&old), "{path}: {old:#?} became {new:#?}");
    }
    let (old, new) = (&before["spec"], &after["spec"]);
    assert_eq!((&old["title"], &old["choices"]), (&new["title"], &new["choices"]));
}

/// The mirror shows the thread in this version, with all that its status says.
async fn mirrored(database: &Path, thread: &Value) {
    let version = thread["metadata"]["resourceVersion"].as_str().unwrap();
    let query = format!("SELECT status FROM mirror WHERE name = 'q' AND resource_version = '{version}'");
    let shown = async || column(database, &query).await.pop();
    let shown: Value = serde_json::from_str(&eventually("the mirror shows it", shown).await).unwrap();
    assert_eq!(shown, thread["status"]);
}
