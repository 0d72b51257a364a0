//! What becomes of fields in a status that somebody else wrote: restored by a tool, or by hand. They are nobody's word, and
//! server-side apply leaves them where they are.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::harness::history::audit_of;
use crate::harness::manifests::{run, topology};
use crate::harness::polling::{eventually, never_within};
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

/// A suspended Run with a status from elsewhere: a condition that nobody knows, and a say in one that comes and goes.
async fn restored_run(stage: &Stage) {
    let docs = stage.home_of("docs", &["A-1"]);
    stage
        .create(&run("relay", &["A-1"], &[("docs", &docs)], json!({"suspend": true})))
        .await;
    let left = |kind: &str| {
        json!({
            "type": kind, "status": "True", "reason": "Forged", "message": "of another cluster", "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    };
    let conditions = json!({"conditions": [left("Suspended"), left("Forged")]});
    stage.patch_status("Run", "relay", conditions).await;
}

/// It is woken once it is suspended without the condition of nobody.
async fn wake(stage: &Stage) {
    let alone = |r: &Value| condition(r, "Suspended")["reason"] != "Forged" && condition(r, "Forged").is_null();
    stage
        .until("Run", "relay", "the condition of nobody is gone", alone)
        .await;
    stage.patch("Run", "relay", json!({"spec": {"suspend": false}})).await;
}

fn is_ready(run: &Value) -> bool {
    condition(run, "Ready")["status"] == "True"
}

#[tokio::test]
async fn what_somebody_else_left_in_a_runs_status_does_not_keep_it_from_its_work() {
    let stage = Stage::new().await;
    restored_run(&stage).await;
    let requests = Requests::from_now(stage.namespace());
    let controller = stage.controller("a").lead().await;
    wake(&stage).await;
    stage.until("Run", "relay", "it is ready", is_ready).await;
    comes_to_rest(&stage, controller.database(), requests.as_ref()).await;
}

#[tokio::test]
async fn a_controller_that_is_killed_while_it_takes_out_what_somebody_else_left_goes_on_with_it() {
    let stage = Stage::new().await;
    restored_run(&stage).await;
    let mut settings = stage.controller("a");
    let markers = ["apply", "disown"].map(|what| settings.data.join(format!("killed-after-{what}")));
    let [apply, disown] = markers.each_ref().map(|marker| marker.display());
    let points = format!("foreign.after_apply=return(kill {apply});foreign.after_disown=return(kill {disown})");
    // Beside what is switched on around this test.
    let around = std::env::var("FAILPOINTS").ok().into_iter();
    let points = around.chain([points]).collect::<Vec<_>>().join(";");
    std::fs::create_dir_all(&settings.data).unwrap();
    settings = settings.with("FAILPOINTS", points);
    let mut controller = settings.start();
    let mut again = async |killed: &Path| {
        eventually("it is killed where it was to be", async || {
            killed.exists().then_some(())
        })
        .await;
        assert!(!controller.until_ended().await.success());
        controller.restart_only();
    };
    again(&markers[0]).await;
    wake(&stage).await;
    again(&markers[1]).await;
    stage.until("Run", "relay", "it is ready", is_ready).await;
    comes_to_rest(&stage, controller.database(), None).await;
}

#[tokio::test]
async fn a_claim_that_somebody_else_wrote_is_released_as_the_runs_own_would_be() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let controller = stage.controller("a").lead().await;
    stage.ready_run("relay", &["A-1"], &[("docs", &docs)]).await;
    let made = stage.topology("a-1").await;
    let mut ghost = made["status"]["claims"][0].clone();
    ghost["runUID"] = json!("gone");
    ghost["runName"] = json!("gone");
    let claims = json!({
        "apiVersion": "metawsm.dev/v1alpha1", "kind": "TicketTopology", "metadata": {"name": "a-1"},
        "status": {"claims": [made["status"]["claims"][0], ghost]},
    });
    let params = PatchParams::apply("restore").force();
    let topologies = stage.topologies();
    let restored = topologies.patch_status("a-1", &params, &Patch::Apply(claims)).await;
    restored.expect("it is written");
    let one = |t: &Value| t["status"]["claims"].as_array().is_some_and(|c| c.len() == 1);
    stage
        .until("TicketTopology", "a-1", "the claim of nobody is gone", one)
        .await;
    stage.delete("Run", "relay").await;
    stage.until_gone("Run", "relay").await;
    stage.until_gone("TicketTopology", "a-1").await;
    assert_eq!(validator::flaws(&place(&stage, controller.database())).await, []);
}
