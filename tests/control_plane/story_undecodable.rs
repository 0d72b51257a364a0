//! Objects that the schema lets through and our types cannot read: they stop nobody, are told, and can be deleted.

use serde_json::{Value, json};

use crate::harness::kstatus::Verdict;
use crate::harness::manifests::run;
use crate::harness::polling::eventually;
use crate::harness::stage::{Stage, condition};

/// A date for the schema, and for nobody else: no zone is 99 hours off.
const IMPOSSIBLE: &str = "2026-11-21T08:00:00+99:99";

async fn is_told(stage: &Stage, name: &str) {
    eventually("a Kubernetes Event tells it", async || {
        let notes = stage.cluster.events_about(name).await;
        notes
            .iter()
            .any(|(kind, reason, note)| kind == "Warning" && reason == "Undecodable" && note.contains("delete"))
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_run_that_cannot_be_read_stops_nobody_and_can_be_deleted() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1", "B-1"]);
    let mut controller = stage.controller("a").lead().await;
    stage.ready_run("broken", &["A-1"], &[("docs", &docs)]).await;
    stage
        .patch_status("Run", "broken", json!({"docs": {"freshnessAt": IMPOSSIBLE}}))
        .await;
    is_told(&stage, "broken").await;

    stage.ready_run("sound", &["B-1"], &[("docs", &docs)]).await;
    assert_eq!(
        stage.run("broken").await["status"]["docs"]["freshnessAt"],
        IMPOSSIBLE,
        "it is left alone"
    );
    stage.delete("Run", "broken").await;
    stage.until_gone("Run", "broken").await;
    stage.until_gone("TicketTopology", "a-1").await;
    controller.terminate().await;
    controller.restart().await;
    let end = stage.streams().first("run.deleted").await;
    assert_eq!(
        end.event.data["inferred"], true,
        "nobody could record its end in its journal"
    );
}

#[tokio::test]
async fn a_run_that_can_be_read_again_goes_on() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let mut controller = stage.controller("a").lead().await;
    let before = stage.ready_run("broken", &["A-1"], &[("docs", &docs)]).await;
    stage
        .patch_status("Run", "broken", json!({"docs": {"freshnessAt": IMPOSSIBLE}}))
        .await;
    is_told(&stage, "broken").await;
    controller.terminate().await;
    controller.restart().await;
    let right = before["status"]["docs"]["freshnessAt"].clone();
    stage
        .patch_status("Run", "broken", json!({"docs": {"freshnessAt": right}}))
        .await;
    stage.request("broken", "now").await;
    let judge = |r: &Value| r["status"]["lastHandledRequest"] == "now" && condition(r, "Ready")["status"] == "True";
    stage.until("Run", "broken", "it goes on", judge).await;
}

#[tokio::test]
async fn a_topology_that_cannot_be_read_stalls_only_the_runs_that_need_it() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1", "B-1"]);
    let _controller = stage.controller("a").lead().await;
    stage
        .create(&crate::harness::manifests::topology(
            "a-1",
            "A-1",
            ("docs", &docs.url()),
        ))
        .await;
    let claim = json!({"runUID": "elsewhere", "runName": "gone", "homeURL": "/srv/docs", "since": IMPOSSIBLE});
    stage
        .patch_status("TicketTopology", "a-1", json!({"claims": [claim]}))
        .await;
    is_told(&stage, "a-1").await;

    stage
        .create(&run("sound", &["B-1"], &[("docs", &docs)], json!({})))
        .await;
    stage
        .create(&run("stuck", &["A-1"], &[("docs", &docs)], json!({})))
        .await;
    stage.until_run_is("sound", Verdict::Current).await;
    let stuck = stage.until_run_is("stuck", Verdict::Failed).await;
    assert_eq!(condition(&stuck, "Stalled")["reason"], "TopologyUndecodable");
    assert!(
        condition(&stuck, "Stalled")["message"]
            .as_str()
            .unwrap()
            .contains("'a-1'")
    );

    stage.delete("TicketTopology", "a-1").await;
    stage.until_run_is("stuck", Verdict::Current).await;
}

#[tokio::test]
async fn a_stuck_run_can_be_deleted_while_its_topology_cannot_be_read() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let _controller = stage.controller("a").lead().await;
    stage.ready_run("relay", &["A-1"], &[("docs", &docs)]).await;
    let claim = json!({"runUID": "elsewhere", "runName": "gone", "homeURL": "/srv/docs", "since": IMPOSSIBLE});
    stage
        .patch_status("TicketTopology", "a-1", json!({"claims": [claim]}))
        .await;
    is_told(&stage, "a-1").await;
    stage.delete("Run", "relay").await;
    stage.until_gone("Run", "relay").await;
}
