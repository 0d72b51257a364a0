//! Whose documents are whose: claims, conflicts, and how topologies end.

use serde_json::{Value, json};

use crate::harness::kstatus::{Verdict, verdict};
use crate::harness::manifests::{run, topology};
use crate::harness::polling::never_within;
use crate::harness::stage::{Stage, condition};
use std::time::Duration;

#[tokio::test]
async fn a_second_run_with_another_home_is_refused_with_both_names_and_touches_nothing() {
    let stage = Stage::new().await;
    let (one, other) = (stage.home_of("one", &["A-1"]), stage.home_of("other", &["A-1"]));
    let controller = stage.controller("a").lead().await;
    stage.ready_run("first", &["A-1"], &[("docs", &one)]).await;
    // The Run makes it, and its own controller puts the finalizer on.
    let held = |t: &Value| t["metadata"]["finalizers"].is_array();
    let before = stage.until("TicketTopology", "a-1", "it is held", held).await;

    stage
        .create(&run("second", &["A-1", "B-1"], &[("wiki", &other)], json!({})))
        .await;
    let refused = stage.until_run_is("second", Verdict::Failed).await;
    assert_eq!(condition(&refused, "TopologyAccepted")["reason"], "DocHomeConflict");
    let message = condition(&refused, "Ready")["message"].as_str().unwrap();
    for words in ["docs", &one.url(), "wiki", &other.url(), "first", "A-1", "new Run"] {
        assert!(message.contains(words), "{words:?} in {message:?}");
    }
    assert!(
        !controller.workspaces().join(stage.namespace()).join("second").exists(),
        "no workspace"
    );
    assert!(
        stage.topology("b-1").await.is_null(),
        "all or none: the free ticket was not claimed either"
    );
    let after = stage.topology("a-1").await;
    // Its status may still learn that the first Run's documents are served.
    for part in ["/spec", "/metadata/generation", "/metadata/finalizers"] {
        assert_eq!(after.pointer(part), before.pointer(part), "{part} is untouched");
    }
    assert!(
        !after.to_string().contains("\"second\""),
        "it is nowhere in it: {after:#}"
    );
    assert_eq!(
        stage.streams().first("topology.conflict").await.event.ticket.as_deref(),
        Some("A-1")
    );

    stage.delete("Run", "first").await;
    stage.until_gone("Run", "first").await;
    let judge = |r: &Value| condition(r, "Stalled")["reason"] == "TicketDocsNotFound";
    let freed = stage
        .until("Run", "second", "it has A-1 now, and B-1 has no documents", judge)
        .await;
    assert_eq!(freed["status"]["docs"]["homeURL"], other.url());
}

#[tokio::test]
async fn a_second_run_with_the_same_home_joins_and_the_oldest_claim_owns() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let _controller = stage.controller("a").lead().await;
    stage.ready_run("first", &["A-1"], &[("docs", &docs)]).await;
    stage.ready_run("second", &["A-1"], &[("docs", &docs)]).await;
    let judge = |t: &Value| t["status"]["runs"] == 2;
    let both = stage.until("TicketTopology", "a-1", "two Runs claim it", judge).await;
    assert_eq!(both["status"]["owner"]["runName"], "first");

    stage.delete("Run", "first").await;
    stage.until_gone("Run", "first").await;
    let judge = |t: &Value| t["status"]["owner"]["runName"] == "second" && t["status"]["runs"] == 1;
    stage
        .until("TicketTopology", "a-1", "the second Run owns it", judge)
        .await;
    stage.delete("Run", "second").await;
    stage.until_gone("Run", "second").await;
    stage.until_gone("TicketTopology", "a-1").await;
    stage.streams().first("topology.deleted").await;
}

#[tokio::test]
async fn the_home_of_an_existing_topology_is_taken_when_a_run_names_none() {
    let stage = Stage::new().await;
    let (code, docs) = (stage.repository("code"), stage.home_of("docs", &["A-1"]));
    stage.create(&topology("a-1", "A-1", ("docs", &docs.url()))).await;
    let _controller = stage.controller("a").lead().await;
    let seeded = stage
        .ready_run("relay", &["A-1"], &[("code", &code), ("docs", &docs)])
        .await;
    assert_eq!(seeded["status"]["docs"]["homeRepo"], "docs");

    stage.delete("Run", "relay").await;
    stage.until_gone("Run", "relay").await;
    let judge = |t: &Value| t["status"]["runs"] == 0 && t["status"]["owner"].is_null();
    stage.until("TicketTopology", "a-1", "nobody claims it", judge).await;
    never_within(Duration::from_secs(2), "a topology written by hand goes", async || {
        let gone = stage.topology("a-1").await["metadata"]["deletionTimestamp"] != Value::Null;
        gone.then(|| "it was deleted".to_owned())
    })
    .await;
}

#[tokio::test]
async fn the_deletion_of_a_claimed_topology_waits_and_says_for_whom() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let _controller = stage.controller("a").lead().await;
    stage.ready_run("relay", &["A-1"], &[("docs", &docs)]).await;
    stage.delete("TicketTopology", "a-1").await;
    let judge = |t: &Value| condition(t, "Ready")["reason"] == "InUse";
    let waiting = stage.until("TicketTopology", "a-1", "it waits", judge).await;
    assert!(
        condition(&waiting, "Ready")["message"]
            .as_str()
            .unwrap()
            .contains("relay")
    );

    stage
        .create(&run("late", &["A-1"], &[("docs", &docs)], json!({})))
        .await;
    let judge = |r: &Value| condition(r, "TopologyAccepted")["reason"] == "TopologyDeleting";
    stage
        .until("Run", "late", "it waits for the topology to go", judge)
        .await;
    stage.delete("Run", "relay").await;
    stage.until_gone("Run", "relay").await;
    let joined = stage.until_run_is("late", Verdict::Current).await;
    let again = stage.topology("a-1").await;
    assert_eq!(
        again["status"]["claims"][0]["runUID"], joined["metadata"]["uid"],
        "a new topology was made"
    );
    assert_ne!(again["metadata"]["uid"], waiting["metadata"]["uid"]);
}

#[tokio::test]
async fn tickets_with_different_homes_are_refused_and_all_homes_are_named() {
    let stage = Stage::new().await;
    let (one, two) = (stage.home_of("one", &["A-1"]), stage.home_of("two", &["B-1"]));
    stage.create(&topology("a-1", "A-1", ("one", &one.url()))).await;
    stage.create(&topology("b-1", "B-1", ("two", &two.url()))).await;
    let _controller = stage.controller("a").lead().await;
    stage
        .create(&run(
            "relay",
            &["A-1", "B-1"],
            &[("one", &one), ("two", &two)],
            json!({}),
        ))
        .await;
    let refused = stage.until_run_is("relay", Verdict::Failed).await;
    assert_eq!(condition(&refused, "Ready")["reason"], "DocHomesDiffer");
    let message = condition(&refused, "Ready")["message"].as_str().unwrap();
    for words in ["A-1", &one.url(), "B-1", &two.url(), "one Run per home"] {
        assert!(message.contains(words), "{words:?} in {message:?}");
    }
    for name in ["a-1", "b-1"] {
        assert_eq!(
            stage.topology(name).await["status"]["claims"],
            Value::Null,
            "{name} is not claimed"
        );
    }
}

#[tokio::test]
async fn tickets_that_fall_together_in_names_are_told_apart() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A_1", "A-1"]);
    stage.create(&topology("a-1", "A_1", ("docs", &docs.url()))).await;
    let _controller = stage.controller("a").lead().await;
    stage
        .create(&run("relay", &["A-1"], &[("docs", &docs)], json!({})))
        .await;
    let refused = stage.until_run_is("relay", Verdict::Failed).await;
    assert_eq!(condition(&refused, "Ready")["reason"], "TicketNameTaken");
}

#[tokio::test]
async fn of_two_runs_that_want_one_ticket_for_two_homes_at_once_exactly_one_wins() {
    let stage = Stage::new().await;
    let (one, other) = (
        stage.home_of("one", &["A-1", "B-1"]),
        stage.home_of("other", &["A-1", "B-1"]),
    );
    stage
        .create(&run("first", &["A-1", "B-1"], &[("one", &one)], json!({})))
        .await;
    stage
        .create(&run("second", &["B-1", "A-1"], &[("other", &other)], json!({})))
        .await;
    let _controller = stage.controller("a").lead().await;
    let mut verdicts = Vec::new();
    for name in ["first", "second"] {
        let decided = |r: &Value| !r["status"].is_null() && verdict(r) != Verdict::InProgress;
        let run = stage.until("Run", name, "it is decided", decided).await;
        verdicts.push((verdict(&run), condition(&run, "Ready")["reason"].clone()));
    }
    verdicts.sort_by_key(|(verdict, _)| *verdict == Verdict::Current);
    assert_eq!(verdicts[0], (Verdict::Failed, json!("DocHomeConflict")), "{verdicts:?}");
    assert_eq!(verdicts[1].0, Verdict::Current, "{verdicts:?}");
    let owners = [stage.topology("a-1").await, stage.topology("b-1").await].map(|t| t["status"]["claims"].clone());
    assert_eq!(owners[0][0]["runUID"], owners[1][0]["runUID"], "all or none");
    assert!(
        owners
            .iter()
            .all(|claims| claims.as_array().is_some_and(|c| c.len() == 1))
    );
}
