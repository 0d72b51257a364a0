//! What becomes of fields in a status that somebody else wrote: restored by a tool, or by hand. They are nobody's word, and
//! server-side apply leaves them where they are.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::history::audit_of;
use crate::harness::manifests::{run, topology};
use crate::harness::polling::never_within;
use crate::harness::requests::Requests;
use crate::harness::stage::{Stage, condition};
use crate::sabotage::place;
use crate::validator;

/// The three stores agree, and nothing is written any more.
async fn comes_to_rest(stage: &Stage, database: PathBuf, requests: Option<&Requests>) {
    assert_eq!(validator::flaws(&place(stage, database)).await, []);
    let Some(requests) = requests else { return };
    let before = requests.writes();
    never_within(Duration::from_secs(3), "another write", async || {
        let now = requests.writes();
        (now.len() > before.len()).then(|| format!("{:?}", &now[before.len()..]))
    })
    .await;
}

#[tokio::test]
async fn a_field_of_the_status_that_somebody_else_left_goes_once_and_the_object_comes_to_rest() {
    let stage = Stage::new().await;
    stage
        .create(&topology("a-1", "A-1", ("docs", "https://git.example.com/docs")))
        .await;
    let left = json!({
        "authority": {"kind": "None", "endpoint": "gone--a-1", "reason": "NoEndpoint", "webURL": "https://gone.example.com"},
        "record": {"title": "Of another cluster", "status": "active", "source": "gone--a-1", "stale": false},
    });
    stage.patch_status("TicketTopology", "a-1", left).await;
    let requests = Requests::from_now(stage.namespace());
    let controller = stage.controller("a").lead().await;
    let alone = |t: &Value| {
        let authority = &t["status"]["authority"];
        authority["kind"] == "None" && authority["endpoint"].is_null() && authority["webURL"].is_null()
    };
    let rests = stage
        .until(
            "TicketTopology",
            "a-1",
            "nobody has it, and nothing else is said",
            alone,
        )
        .await;
    assert_eq!(condition(&rests, "AuthorityKnown")["status"], "False", "{rests:#}");
    comes_to_rest(&stage, controller.database(), requests.as_ref()).await;
    let told = audit_of(&controller.database(), "TicketTopology", "a-1").await;
    let moves = told.iter().filter(|m| m["type"] == "AuthorityChanged").count();
    assert!(moves <= 1, "one change is told once: {told:#?}");
}

#[tokio::test]
async fn what_somebody_else_left_in_a_runs_status_does_not_keep_it_from_its_work() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    stage
        .create(&run("relay", &["A-1"], &[("docs", &docs)], json!({"suspend": true})))
        .await;
    let left = json!({"waiting": null, "conditions": [{
        "type": "Suspended", "status": "False", "reason": "Forged", "message": "of another cluster", "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }, {
        "type": "Forged", "status": "True", "reason": "Forged", "message": "nobody knows this one", "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }]});
    stage.patch_status("Run", "relay", left).await;
    let requests = Requests::from_now(stage.namespace());
    let controller = stage.controller("a").lead().await;
    let suspended = |r: &Value| condition(r, "Suspended")["status"] == "True";
    stage.until("Run", "relay", "it is suspended", suspended).await;
    let alone = |r: &Value| condition(r, "Forged").is_null();
    stage
        .until("Run", "relay", "the condition of nobody is gone", alone)
        .await;
    stage.patch("Run", "relay", json!({"spec": {"suspend": false}})).await;
    let ready = |r: &Value| condition(r, "Ready")["status"] == "True";
    stage.until("Run", "relay", "it is ready", ready).await;
    comes_to_rest(&stage, controller.database(), requests.as_ref()).await;
}
