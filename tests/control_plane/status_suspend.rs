//! `spec.suspend`: nothing new is started, it is said, and `Ready` is left alone.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::kstatus::{Verdict, verdict};
use crate::harness::manifests::run;
use crate::harness::polling::never_within;
use crate::harness::stage::{Stage, condition};

#[tokio::test]
async fn a_run_that_is_born_suspended_starts_nothing_until_it_is_woken() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let controller = stage.controller("a").lead().await;
    stage
        .create(&run("relay", &["A-1"], &[("docs", &docs)], json!({"suspend": true})))
        .await;
    let asleep = stage
        .until("Run", "relay", "it is suspended", |r| {
            condition(r, "Suspended")["status"] == "True"
        })
        .await;
    assert_eq!(
        condition(&asleep, "Reconciling")["status"],
        "False",
        "nobody works on it"
    );
    never_within(Duration::from_secs(2), "something starts", async || {
        let topology = !stage.topology("a-1").await.is_null();
        let workspace = controller.workspace("relay", "A-1").exists();
        (topology || workspace).then(|| format!("topology {topology}, workspace {workspace}"))
    })
    .await;
    stage.patch("Run", "relay", json!({"spec": {"suspend": false}})).await;
    let awake = stage.until_run_is("relay", Verdict::Current).await;
    assert_ne!(condition(&awake, "Suspended")["status"], "True");
}

#[tokio::test]
async fn suspending_a_ready_run_leaves_it_ready_and_requests_wait() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let _controller = stage.controller("a").lead().await;
    let before = stage.ready_run("relay", &["A-1"], &[("docs", &docs)]).await;
    stage.patch("Run", "relay", json!({"spec": {"suspend": true}})).await;
    let judge = |r: &Value| condition(r, "Suspended")["status"] == "True" && r["status"]["observedGeneration"] == 2;
    let asleep = stage.until("Run", "relay", "it is suspended", judge).await;
    assert_eq!(verdict(&asleep), Verdict::Current, "GitOps does not wait for it");
    let ready = |r: &Value| {
        let c = condition(r, "Ready");
        (
            c["status"].clone(),
            c["reason"].clone(),
            c["lastTransitionTime"].clone(),
        )
    };
    assert_eq!(ready(&asleep), ready(&before));
    assert_eq!(asleep["status"]["phase"], "Active");

    stage.request("relay", "now").await;
    never_within(Duration::from_secs(2), "the request is answered", async || {
        let answer = stage.run("relay").await["status"]["lastHandledRequest"].clone();
        (!answer.is_null()).then(|| answer.to_string())
    })
    .await;
    stage.patch("Run", "relay", json!({"spec": {"suspend": false}})).await;
    let judge = |r: &Value| r["status"]["lastHandledRequest"] == "now" && verdict(r) == Verdict::Current;
    stage.until("Run", "relay", "the request is answered", judge).await;
}

#[tokio::test]
async fn a_suspended_run_can_be_deleted() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let controller = stage.controller("a").lead().await;
    stage.ready_run("relay", &["A-1"], &[("docs", &docs)]).await;
    stage.patch("Run", "relay", json!({"spec": {"suspend": true}})).await;
    stage.delete("Run", "relay").await;
    stage.until_gone("Run", "relay").await;
    assert!(!controller.workspace("relay", "A-1").exists());
}
