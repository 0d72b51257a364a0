//! Only so many Runs are active at once: the others wait in a line that they show, and go on by themselves.

use serde_json::{Value, json};

use crate::harness::kstatus::Verdict;
use crate::harness::manifests::run;
use crate::harness::stage::{Stage, condition};

fn queued(run: &Value, words: &str) -> bool {
    let accepted = condition(run, "TopologyAccepted");
    accepted["reason"] == "Queued" && accepted["message"].as_str().is_some_and(|m| m.starts_with(words))
}

#[tokio::test]
async fn a_run_beyond_the_limit_says_its_place_claims_nothing_and_goes_on_when_its_turn_comes() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1", "B-1", "C-1"]);
    let _controller = stage.controller("a").with("METAWSM_MAX_ACTIVE_RUNS", "1").lead().await;
    let make = async |name: &str, ticket: &str| {
        stage.create(&run(name, &[ticket], &[("docs", &docs)], json!({}))).await;
    };
    make("first", "A-1").await;
    stage.until_run_is("first", Verdict::Current).await;
    make("second", "B-1").await;
    let judge = |r: &Value| queued(r, "position 1 of 1 in the queue; 1 of 1 runs are active");
    stage.until("Run", "second", "it waits for its turn", judge).await;
    // The line is ordered by creation, which has whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    make("third", "C-1").await;
    let waiting = stage
        .until("Run", "third", "it waits behind the second", |r| {
            queued(r, "position 2 of 2")
        })
        .await;
    assert_eq!(condition(&waiting, "Ready")["reason"], "Queued");
    assert!(waiting["status"]["workspaces"].is_null(), "no workspace");
    for topology in ["b-1", "c-1"] {
        assert!(stage.topology(topology).await.is_null(), "no claim on {topology}");
    }

    stage.delete("Run", "first").await;
    stage.until_run_is("second", Verdict::Current).await;
    stage
        .until("Run", "third", "it moved up", |r| queued(r, "position 1 of 1"))
        .await;

    // One that is suspended steps out of the line, and back in at its old place.
    stage
        .patch("Run", "third", json!({ "spec": { "suspend": true } }))
        .await;
    let judge = |r: &Value| condition(r, "TopologyAccepted")["reason"] == "Suspended";
    stage.until("Run", "third", "it left the line", judge).await;
    stage
        .patch("Run", "third", json!({ "spec": { "suspend": false } }))
        .await;
    stage
        .until("Run", "third", "it is back", |r| queued(r, "position 1 of 1"))
        .await;
    stage.delete("Run", "second").await;
    stage.until_run_is("third", Verdict::Current).await;
}
