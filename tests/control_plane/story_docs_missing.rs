//! Seeds that are refused: the Run says what is missing and what to do, and goes on when somebody did it.

use serde_json::{Value, json};

use crate::harness::files::files_below;
use crate::harness::history::audit_of;
use crate::harness::kstatus::Verdict;
use crate::harness::manifests::run;
use crate::harness::polling::eventually;
use crate::harness::stage::{Stage, condition};

#[tokio::test]
async fn a_run_without_documents_stalls_and_goes_on_once_they_are_there_and_work_is_requested() {
    let stage = Stage::new().await;
    let docs = stage.repository("docs");
    let controller = stage.controller("a").lead().await;
    stage
        .create(&run("relay", &["A-1"], &[("docs", &docs)], json!({})))
        .await;

    let stalled = stage.until_run_is("relay", Verdict::Failed).await;
    assert_eq!(stalled["status"]["phase"], "Failed");
    for kind in ["Stalled", "Ready", "DocsSeeded"] {
        assert_eq!(condition(&stalled, kind)["reason"], "TicketDocsNotFound", "{kind}");
    }
    let message = condition(&stalled, "Stalled")["message"].as_str().unwrap();
    for words in ["A-1", "ttmp", "docSeedMode: None", "Bootstrap"] {
        assert!(message.contains(words), "{words:?} in {message:?}");
    }
    let seed = &stalled["status"]["workspaces"][0]["seed"];
    assert_eq!((&seed["state"], &seed["attempts"]), (&json!("Failed"), &json!(1)));
    assert!(stalled["status"]["lastHandledRequest"].is_null());

    let folder = docs.ticket("A-1");
    docs.commit("Write the ticket at last");
    stage.request("relay", "2026-11-21T09:00:00Z").await;
    let seeded = stage.until_run_is("relay", Verdict::Current).await;
    assert_eq!(seeded["status"]["lastHandledRequest"], "2026-11-21T09:00:00Z");
    assert_eq!(condition(&seeded, "Stalled")["status"], "False");
    assert_eq!(seeded["status"]["workspaces"][0]["seed"]["attempts"], 2);
    assert!(seeded["status"]["workspaces"][0]["seed"]["reason"].is_null(), "cleared");
    let clone = controller.workspace("relay", "A-1").join("docs");
    assert_eq!(files_below(&clone.join(&folder)), files_below(&docs.path.join(&folder)));

    stage.until_told(&controller.database()).await;
    stage.streams().first("run.docs.seeded").await;
    let types: Vec<_> = audit_of(&controller.database(), "Run", "relay")
        .await
        .iter()
        .map(|l| l["type"].clone())
        .collect();
    for kind in ["SeedFailed", "Requested", "DocsSeeded"] {
        assert_eq!(types.iter().filter(|t| **t == kind).count(), 1, "{kind} in {types:?}");
    }
    let failed = stage.streams().first("run.docs.seed_failed").await;
    assert_eq!(failed.event.data["reason"], "TicketDocsNotFound");
    eventually("a Kubernetes Event warns of it", async || {
        let notes = stage.cluster.events_about("relay").await;
        let warns = |(kind, reason, _): &(String, String, String)| kind == "Warning" && reason == "TicketDocsNotFound";
        notes.iter().any(warns).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_request_on_a_settled_run_brings_newer_documents() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let controller = stage.controller("a").lead().await;
    let first = stage.ready_run("relay", &["A-1"], &[("docs", &docs)]).await;

    let folder = docs.ticket("A-1");
    docs.write(&format!("{folder}/reference/later.md"), "later\n");
    docs.commit("Go on");
    stage.request("relay", "again").await;
    let judge = |r: &Value| r["status"]["lastHandledRequest"] == "again" && condition(r, "Ready")["status"] == "True";
    let second = stage.until("Run", "relay", "the request is answered", judge).await;
    let clone = controller.workspace("relay", "A-1").join("docs");
    assert_eq!(files_below(&clone.join(&folder)), files_below(&docs.path.join(&folder)));
    let revision = |r: &Value| r["status"]["docs"]["freshnessRevision"].clone();
    assert_ne!(revision(&first), revision(&second));
    stage.request("relay", "again").await;
    assert_eq!(
        stage.run("relay").await["status"]["workspaces"][0]["seed"]["attempts"],
        2,
        "the same value asks for nothing"
    );
}

#[tokio::test]
async fn two_folders_of_one_ticket_are_refused_and_both_are_named() {
    let stage = Stage::new().await;
    let docs = stage.repository("docs");
    docs.example_tickets();
    docs.commit("Write the tickets");
    let _controller = stage.controller("a").lead().await;
    stage
        .create(&run("relay", &["DUP-1"], &[("docs", &docs)], json!({})))
        .await;
    let stalled = stage.until_run_is("relay", Verdict::Failed).await;
    assert_eq!(condition(&stalled, "Stalled")["reason"], "TicketDocsAmbiguous");
    let message = condition(&stalled, "Stalled")["message"].as_str().unwrap();
    for folder in ["DUP-1--duplicate-first-copy", "DUP-1--duplicate-second-copy"] {
        assert!(message.contains(folder), "{folder} in {message:?}");
    }
}
