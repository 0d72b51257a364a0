//! The disk: what nobody needs is told of and swept by age, a Run has a budget, and a full disk lets Runs wait.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::controller::Controller;
use crate::harness::kstatus::Verdict;
use crate::harness::manifests::run;
use crate::harness::polling::{eventually, never_within};
use crate::harness::stage::{Stage, condition};

/// One number of `/metrics`; 0 where there is none.
fn metric(controller: &Controller, line: &str) -> f64 {
    let (_, text) = controller.get("/metrics").unwrap_or_default();
    let value = text.lines().find_map(|l| l.strip_prefix(line)?.trim().parse().ok());
    value.unwrap_or_default()
}

/// A Run that somebody tears out of the API server while no controller works: its folders stay.
pub async fn tear_out(stage: &Stage, name: &str) {
    stage
        .patch("Run", name, json!({ "metadata": { "finalizers": null } }))
        .await;
    stage.delete("Run", name).await;
    stage.until_gone("Run", name).await;
}

#[tokio::test]
async fn an_orphan_is_told_of_in_log_and_metrics_and_swept_by_age_and_a_foreign_folder_is_left() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1", "B-1"]);
    let settings = stage
        .controller("a")
        .with("METAWSM_HOUSEKEEPING_INTERVAL", "1s")
        // So long it can be seen counted.
        .with("METAWSM_ORPHAN_RETENTION", "30s");
    let mut controller = settings.lead().await;
    for (name, ticket) in [("gone", "A-1"), ("alive", "B-1")] {
        stage.create(&run(name, &[ticket], &[("docs", &docs)], json!({}))).await;
        stage.until_run_is(name, Verdict::Current).await;
    }
    let (orphan, alive) = (
        controller.workspace("gone", "A-1"),
        controller.workspace("alive", "B-1"),
    );
    let foreign = controller.workspace("alive", "not-ours");
    fs::create_dir_all(&foreign).unwrap();
    fs::write(foreign.join("notes"), "somebody's").unwrap();
    controller.kill9();
    tear_out(&stage, "gone").await;
    controller.restart().await;

    eventually("the orphan is counted", async || {
        let counted = |what: &str| metric(&controller, &format!("metawsm_orphan_{what}{{kind=\"workspace\"}}")) > 0.5;
        (counted("folders") && counted("bytes")).then_some(())
    })
    .await;
    eventually("the foreign folder is counted", async || {
        (metric(&controller, "metawsm_orphan_folders{kind=\"foreign\"}") > 0.5).then_some(())
    })
    .await;
    eventually("the orphan is swept", async || (!orphan.exists()).then_some(())).await;
    eventually("the sweep is counted", async || {
        (metric(&controller, "metawsm_swept_total{kind=\"workspace\"}") > 0.5).then_some(())
    })
    .await;
    let log = controller.log();
    let told = |words: &str, path: &Path| {
        let path = path.to_string_lossy();
        log.lines().filter(|l| l.contains(words) && l.contains(&*path)).count()
    };
    assert_eq!(
        told("belongs to no Run; it will be swept", &orphan),
        1,
        "once, not every second"
    );
    assert_eq!(told("is not ours; it is left alone", &foreign), 1);
    assert!(foreign.join("notes").exists() && alive.join("docs/.git").exists());
    assert_eq!(told("swept", &alive), 0);
    stage.until_run_is("alive", Verdict::Current).await;
}

#[tokio::test]
async fn a_run_over_its_budget_warns_starts_nothing_and_goes_on_once_it_holds_less() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let settings = stage
        .controller("a")
        .with("METAWSM_INSPECT_INTERVAL", "1s")
        .with("METAWSM_RUN_DISK_BUDGET", (4 << 20).to_string());
    let controller = settings.lead().await;
    stage.ready_run("relay", &["A-1"], &[("docs", &docs)]).await;
    let large = controller.workspace("relay", "A-1").join("docs/large");
    fs::write(&large, vec![7; 8 << 20]).unwrap();
    let over = |r: &Value| r["status"]["warnings"][0]["code"] == "DiskBudgetExceeded";
    let warned = stage.until("Run", "relay", "it warns", over).await;
    let message = warned["status"]["warnings"][0]["message"].as_str().unwrap();
    assert!(message.contains("the budget of a Run is 4 MiB"), "{message}");
    eventually("people are told", async || {
        let events = stage.cluster.events_about("relay").await;
        let told = |(kind, reason, _): &(String, String, String)| kind == "Warning" && reason == "DiskBudgetExceeded";
        events.iter().any(told).then_some(())
    })
    .await;
    stage.request("relay", "now").await;
    never_within(Duration::from_secs(3), "work begins over the budget", async || {
        let run = stage.run("relay").await;
        (run["status"]["lastHandledRequest"] == "now").then(|| format!("{run:#}"))
    })
    .await;
    assert!(large.exists(), "nothing is deleted");

    fs::remove_file(&large).unwrap();
    let judge = |r: &Value| r["status"]["warnings"].is_null() && r["status"]["lastHandledRequest"] == "now";
    stage.until("Run", "relay", "it goes on", judge).await;
    stage.until_run_is("relay", Verdict::Current).await;
}

#[tokio::test]
async fn without_room_on_the_disk_a_run_waits_says_so_and_goes_on_by_itself() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let more = (1_u64 << 60).to_string();
    let mut controller = stage.controller("a").with("METAWSM_MIN_FREE_BYTES", more).lead().await;
    stage
        .create(&run("relay", &["A-1"], &[("docs", &docs)], json!({})))
        .await;
    let judge = |r: &Value| condition(r, "WorkspacesReady")["reason"] == "DiskFull";
    let waiting = stage.until("Run", "relay", "it waits for room", judge).await;
    let ready = condition(&waiting, "Ready");
    assert_eq!(
        (&ready["status"], &ready["reason"]),
        (&json!("False"), &json!("DiskFull"))
    );
    assert!(
        ready["message"].as_str().unwrap().contains("--min-free-bytes"),
        "{ready}"
    );
    assert_ne!(
        condition(&waiting, "Stalled")["status"],
        "True",
        "it is tried again by itself"
    );
    assert!(!controller.workspace("relay", "A-1").exists());

    controller.kill9();
    let room = ("METAWSM_MIN_FREE_BYTES".to_owned(), "0".into());
    controller.settings.more.push(room);
    controller.restart().await;
    stage.until_run_is("relay", Verdict::Current).await;
}
