//! A question's whole life: asked, escalated, answered, closed, gone; told once each, in order, with who it was.

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::harness::controller::Controller;
use crate::harness::forum::{events_of, policy, question, say, told};
use crate::harness::history::{column, verify};
use crate::harness::manifests::run;
use crate::harness::people::Person;
use crate::harness::polling::eventually;
use crate::harness::stage::{Stage, condition};

#[tokio::test]
async fn a_question_is_escalated_answered_and_closed_and_every_step_is_told_once() {
    let stage = Stage::new().await;
    let code = stage.repository("code");
    let settings = stage.controller("a");
    let file = policy(&settings.data, "sla: {levels: [2s, 4s]}\n");
    let mut controller = settings.with("METAWSM_POLICY", file).lead().await;
    stage
        .create(&run("r", &["A-1"], &[("code", &code)], json!({"docSeedMode": "None"})))
        .await;
    let asked = question(
        "q",
        json!({"state": "WaitingHuman", "runRef": {"name": "r"}, "choices": ["left", "right"]}),
    );
    stage.create(&asked).await;
    let waiting = |r: &Value| r["status"]["forum"] == json!({"open": 1, "waitingHuman": 1, "escalated": 1});
    stage
        .until("Run", "r", "its question is counted and escalated", waiting)
        .await;
    let escalated = |t: &Value| t["status"]["sla"]["level"] == 2;
    let seen = stage
        .until("ForumThread", "q", "both levels are escalated", escalated)
        .await;
    assert_eq!(condition(&seen, "WithinSLA")["status"], "False");
    assert_eq!(condition(&seen, "Ready")["status"], "True");
    let admin = Person::admin(&stage.cluster);
    let answer = json!({"id": "a1", "kind": "Answer", "body": "Left.", "inReplyTo": "q1", "choice": "left"});
    say(&admin, "q", answer, "Answered").await;
    admin.merge("q", json!({"spec": {"state": "Closed"}})).await.unwrap();
    let ended = |t: &Value| t["status"]["state"] == "Closed" && t["status"]["waitingOn"] == "Nobody";
    stage.until("ForumThread", "q", "it is closed", ended).await;
    stage
        .until("Run", "r", "nothing is open any more", |r| {
            r["status"]["forum"]["open"] == 0
        })
        .await;
    it_is_all_told(&controller).await;
    eventually("a Kubernetes Event warns of it", async || {
        let notes = stage.cluster.events_about("q").await;
        let warns = |(kind, reason, _): &(String, String, String)| kind == "Warning" && reason == "Escalated";
        notes.iter().any(warns).then_some(())
    })
    .await;
    controller.terminate().await;
    verify(&controller.database()).await;
}

async fn it_is_all_told(controller: &Controller) {
    let database = controller.database();
    let expected = [
        "forum.thread.opened",
        "forum.post.added",
        "forum.sla.escalation_requested",
        "forum.sla.escalation_requested",
        "forum.post.added",
        "forum.state.changed",
        "forum.state.changed",
        "forum.thread.closed",
    ];
    let all = async || Some(events_of(&database, "q").await).filter(|e| e.len() >= expected.len());
    assert_eq!(eventually("the history has it all", all).await, expected);
    let said = told(&database, "q", "forum.post.added").await;
    assert_eq!(
        (&said[0]["body"], &said[1]["body"], &said[1]["choice"]),
        (&json!("Left or right?"), &json!("Left."), &json!("left"))
    );
    assert!(
        said.iter()
            .all(|p| p["attested"] == true && p["author"]["type"] == "Human"),
        "{said:?}"
    );
    let levels: Vec<_> = told(&database, "q", "forum.sla.escalation_requested").await;
    assert_eq!(
        levels.iter().map(|e| e["level"].clone()).collect::<Vec<_>>(),
        [json!(1), json!(2)]
    );
}

#[tokio::test]
async fn two_people_at_once_are_both_in_the_history_each_by_name() {
    let stage = Stage::new().await;
    let mut controller = stage.controller("a").lead().await;
    stage.create(&question("q", json!({}))).await;
    stage
        .until("ForumThread", "q", "it is recorded", |t| t["status"]["state"] == "New")
        .await;
    let rules = json!([{"apiGroups": ["metawsm.dev"], "resources": ["forumthreads"], "verbs": ["get", "patch"]}]);
    let ada = Person::with_rules(&stage.cluster, "ada", rules.clone()).await;
    let bob = Person::with_rules(&stage.cluster, "bob", rules).await;
    let to = |state: &str| json!({"spec": {"state": state}});
    let (one, two) = (to("Triaged"), to("WaitingOperator"));
    let (first, second) = tokio::join!(ada.merge("q", one), bob.merge("q", two));
    let refused = [&first, &second].iter().filter(|said| said.is_err()).count();
    assert!(refused == 0, "both ways lead on from each other: {first:?} {second:?}");
    let both = |t: &Value| t["status"]["changeCount"] == 2;
    let thread = stage.until("ForumThread", "q", "both changes are recorded", both).await;
    let database = controller.database();
    let names = async || {
        let query = "SELECT actor_name || ' ' || actor_attested FROM events WHERE event_type = 'forum.state.changed' ORDER BY sequence";
        Some(column(&database, query).await).filter(|names| names.len() == 2)
    };
    let names = eventually("both are told", names).await;
    let lines = thread["spec"]["changes"].as_array().unwrap().iter();
    let by_admission: Vec<_> = lines
        .map(|c| format!("{} 1", c["actor"]["name"].as_str().unwrap()))
        .collect();
    assert_eq!(names, by_admission);
    assert!(names.contains(&"ada 1".to_owned()) && names.contains(&"bob 1".to_owned()));
    let steps = told(&database, "q", "forum.state.changed").await;
    assert_eq!(steps[0]["to"], steps[1]["from"]);
    controller.terminate().await;
}

#[tokio::test]
async fn a_thread_that_goes_is_told_also_where_nobody_watched() {
    let stage = Stage::new().await;
    let mut controller = stage.controller("a").lead().await;
    for name in ["seen", "unseen"] {
        stage.create(&question(name, json!({}))).await;
        stage
            .until("ForumThread", name, "it is recorded", |t| t["status"]["postCount"] == 1)
            .await;
    }
    let database = controller.database();
    // Who was never in the history cannot be missed in it.
    stage.until_told(&database).await;
    stage.delete("ForumThread", "seen").await;
    stage.until_gone("ForumThread", "seen").await;
    assert_eq!(
        told(&database, "seen", "forum.thread.deleted").await,
        [json!({"inferred": false, "state": "New"})]
    );
    controller.kill9();
    stage.delete("ForumThread", "unseen").await;
    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    stage
        .threads()
        .patch("unseen", &PatchParams::default(), &free)
        .await
        .unwrap();
    let _ = stage.threads().delete("unseen", &DeleteParams::default()).await;
    stage.until_gone("ForumThread", "unseen").await;
    controller.restart().await;
    let inferred = async || Some(told(&database, "unseen", "forum.thread.deleted").await).filter(|e| !e.is_empty());
    assert_eq!(
        eventually("its end is inferred", inferred).await,
        [json!({"inferred": true, "state": "New"})]
    );
    controller.terminate().await;
    verify(&database).await;
}
