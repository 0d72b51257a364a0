//! How a Run ends: what is clean goes, what was never saved is kept and named, and claims never outlive their Run.

use std::path::PathBuf;
use std::time::Duration;

use metawsm::kernel::envelope::Envelope;
use serde_json::{Value, json};

use crate::harness::controller::Controller;
use crate::harness::history::{audit_of, column, verify};
use crate::harness::polling::first;
use crate::harness::repositories::git;
use crate::harness::stage::Stage;

async fn settled(stage: &Stage) -> (Controller, PathBuf) {
    let docs = stage.home_of("docs", &["A-1"]);
    let controller = stage.controller("a").lead().await;
    stage.ready_run("relay", &["A-1"], &[("docs", &docs)]).await;
    let workspace = controller.workspace("relay", "A-1");
    (controller, workspace)
}

async fn deleted(stage: &Stage) -> Envelope {
    stage.delete("Run", "relay").await;
    stage.until_gone("Run", "relay").await;
    the_end(stage).await
}

async fn the_end(stage: &Stage) -> Envelope {
    stage.streams().first("run.deleted").await
}

#[tokio::test]
async fn a_clean_workspace_goes_with_its_run_and_the_topology_with_its_last_claim() {
    let stage = Stage::new().await;
    let (controller, workspace) = settled(&stage).await;
    assert!(workspace.join("docs").exists());
    let end = deleted(&stage).await;
    assert!(!workspace.exists());
    assert!(end.event.data["kept"].is_null(), "{}", end.event.data);
    stage.until_gone("TicketTopology", "a-1").await;
    let audit = audit_of(&controller.database(), "Run", "relay").await;
    assert_eq!(audit.last().unwrap()["type"], "Deleted");
    let gone = column(
        &controller.database(),
        "SELECT name FROM runs WHERE deleted_at IS NOT NULL",
    )
    .await;
    assert_eq!(gone, ["relay"]);
}

#[tokio::test]
async fn what_an_agent_changed_and_did_not_commit_is_set_aside_and_named() {
    let stage = Stage::new().await;
    let (controller, workspace) = settled(&stage).await;
    std::fs::write(workspace.join("docs/README.md"), "changed by an agent\n").unwrap();
    let end = deleted(&stage).await;
    kept(&controller, &workspace, &end, "changed by an agent\n");
}

#[tokio::test]
async fn what_an_agent_committed_and_did_not_push_is_set_aside_and_named() {
    let stage = Stage::new().await;
    let (controller, workspace) = settled(&stage).await;
    std::fs::write(workspace.join("docs/README.md"), "committed by an agent\n").unwrap();
    git(
        &workspace.join("docs"),
        &["commit", "--quiet", "--all", "--message", "Work"],
    );
    let end = deleted(&stage).await;
    kept(&controller, &workspace, &end, "committed by an agent\n");
}

fn kept(controller: &Controller, workspace: &std::path::Path, end: &Envelope, readme: &str) {
    assert!(!workspace.exists(), "it is out of the way");
    let told = end.event.data["kept"].as_str().expect("the event names what was kept");
    assert!(told.contains("A-1") && told.contains(".orphans"), "{told}");
    let orphans = controller.workspaces().join(".orphans");
    let found = crate::harness::files::files_below(&orphans);
    assert!(
        found
            .iter()
            .any(|(path, (_, text))| path.ends_with("docs/README.md") && text == readme),
        "{:?}",
        found.keys()
    );
}

#[tokio::test]
async fn a_run_that_was_deleted_while_nobody_worked_is_finished_by_the_next_controller() {
    let stage = Stage::new().await;
    let (mut controller, workspace) = settled(&stage).await;
    controller.terminate().await;
    stage.delete("Run", "relay").await;
    assert!(!stage.run("relay").await.is_null(), "the finalizer holds it");
    controller.restart().await;
    stage.until_gone("Run", "relay").await;
    assert!(!workspace.exists());
    the_end(&stage).await;
}

#[tokio::test]
async fn a_run_whose_finalizer_was_forced_off_leaves_no_claim_and_one_inferred_event() {
    let stage = Stage::new().await;
    let (mut controller, _) = settled(&stage).await;
    controller.terminate().await;
    stage
        .patch("Run", "relay", json!({"metadata": {"finalizers": null}}))
        .await;
    stage.delete("Run", "relay").await;
    stage.until_gone("Run", "relay").await;
    assert_eq!(
        stage.topology("a-1").await["status"]["claims"].as_array().map(Vec::len),
        Some(1),
        "abandoned"
    );
    controller.restart().await;
    stage.until_gone("TicketTopology", "a-1").await;
    let end = the_end(&stage).await;
    assert_eq!(end.event.data["inferred"], true);
    controller.terminate().await;
    controller.restart().await;
    let ends = stage.streams().of_type("run.deleted").await;
    assert_eq!(ends.len(), 1, "once: {ends:?}");
    let audit = audit_of(&controller.database(), "Run", "relay").await;
    let last: Vec<_> = audit.iter().filter(|l| l["type"] == "Deleted").collect::<Vec<&Value>>();
    assert_eq!(last.len(), 1);
}

#[tokio::test]
async fn a_controller_killed_while_a_run_goes_ends_it_once() {
    let stage = Stage::new().await;
    let (mut controller, workspace) = settled(&stage).await;
    stage.delete("Run", "relay").await;
    for _ in 0..6 {
        let gone = async || stage.run("relay").await.is_null().then_some(());
        if first(Duration::from_millis(120), gone).await.is_some() {
            break;
        }
        controller.kill9();
        controller.restart_only();
    }
    stage.until_gone("Run", "relay").await;
    stage.until_gone("TicketTopology", "a-1").await;
    assert!(!workspace.exists());
    the_end(&stage).await;
    assert_eq!(stage.streams().of_type("run.deleted").await.len(), 1);
    let audit = audit_of(&controller.database(), "Run", "relay").await;
    assert_eq!(audit.iter().filter(|l| l["type"] == "Deleted").count(), 1);
    verify(&controller.database()).await;
}
