//! Documents that became canonical history: their topology outlives the last Run and goes on saying where they live.

use std::time::Duration;

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::harness::kstatus::Verdict;
use crate::harness::manifests::run;
use crate::harness::polling::never_within;
use crate::harness::stage::{Stage, condition};

const SINCE: &str = "metawsm.dev/canonical-since";

#[tokio::test]
async fn a_canonical_topology_outlives_its_last_run_and_keeps_its_home_until_a_person_moves_it() {
    let stage = Stage::new().await;
    let (one, other) = (stage.home_of("one", &["A-1"]), stage.home_of("other", &["A-1"]));
    let controller = stage.controller("a").lead().await;
    stage.ready_run("first", &["A-1"], &[("docs", &one)]).await;
    let made = stage.topology("a-1").await;
    assert_eq!(made["metadata"]["labels"]["metawsm.dev/made-by"], "run");
    let (done, said) = stage
        .cluster
        .kubectl(&["annotate", "topo", "a-1", &format!("{SINCE}=2026-11-21T12:00:00Z")])
        .await;
    assert!(done, "{said}");

    stage.delete("Run", "first").await;
    stage.until_gone("Run", "first").await;
    stays(&stage, &made).await;

    // Restarted, it has not forgotten.
    drop(controller);
    let _controller = stage.controller("a").lead().await;
    stays(&stage, &made).await;

    stage
        .create(&run("elsewhere", &["A-1"], &[("wiki", &other)], json!({})))
        .await;
    let refused = stage.until_run_is("elsewhere", Verdict::Failed).await;
    assert_eq!(condition(&refused, "TopologyAccepted")["reason"], "DocHomeConflict");
    let message = condition(&refused, "Ready")["message"].as_str().unwrap();
    assert!(
        message.contains(&one.url()) && message.contains("edit or delete that topology"),
        "{message}"
    );

    stage.ready_run("second", &["A-1"], &[("docs", &one)]).await;
    assert_eq!(stage.topology("a-1").await["metadata"]["uid"], made["metadata"]["uid"]);

    let moved = json!({ "spec": { "docHomeRepo": "wiki", "docHomeURL": other.url() } });
    let refusal = stage
        .topologies()
        .patch("a-1", &PatchParams::default(), &Patch::Merge(&moved))
        .await
        .expect_err("a Run claims it");
    assert!(refusal.to_string().contains("only while no run claims"), "{refusal}");
    stage.delete("Run", "second").await;
    stage.until_gone("Run", "second").await;
    stage.patch("TicketTopology", "a-1", moved).await;
    stage.until_run_is("elsewhere", Verdict::Current).await;
}

#[tokio::test]
async fn a_topology_that_is_no_longer_canonical_goes_as_any_that_runs_made() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let _controller = stage.controller("a").lead().await;
    stage.ready_run("first", &["A-1"], &[("docs", &docs)]).await;
    let mark = |value: Value| json!({ "metadata": { "annotations": { SINCE: value } } });
    stage.patch("TicketTopology", "a-1", mark(json!("the release"))).await;
    stage.delete("Run", "first").await;
    stage.until_gone("Run", "first").await;
    let judge = |t: &Value| {
        condition(t, "Ready")["message"]
            .as_str()
            .is_some_and(|m| m.contains("canonical"))
    };
    stage
        .until("TicketTopology", "a-1", "it says why it stays", judge)
        .await;
    stage.patch("TicketTopology", "a-1", mark(Value::Null)).await;
    stage.until_gone("TicketTopology", "a-1").await;
}

/// It is the same one, unclaimed, nobody deletes it, and it says why.
async fn stays(stage: &Stage, made: &Value) {
    let judge = |t: &Value| {
        t["status"]["runs"] == 0
            && condition(t, "Ready")["message"]
                .as_str()
                .is_some_and(|m| m.contains("canonical"))
    };
    let free = stage.until(
        "TicketTopology",
        "a-1",
        "nobody claims it and it says why it stays",
        judge,
    );
    assert_eq!(free.await["metadata"]["uid"], made["metadata"]["uid"]);
    never_within(Duration::from_secs(2), "a canonical topology goes", async || {
        let now = stage.topology("a-1").await;
        let stays = now["metadata"]["uid"] == made["metadata"]["uid"] && now["metadata"]["deletionTimestamp"].is_null();
        (!stays).then(|| format!("{now:#}"))
    })
    .await;
}
