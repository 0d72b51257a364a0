//! The database goes while the controller is stopped: nothing changes in the cluster, and the mirror comes back.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::controller::Controller;
use crate::harness::history::{column, verify};
use crate::harness::kstatus::Verdict;
use crate::harness::manifests::run;
use crate::harness::polling::{eventually, never_within};
use crate::harness::repositories::Repository;
use crate::harness::requests::Requests;
use crate::harness::stage::Stage;

const RUNS: [&str; 3] = ["one", "three", "two"];

async fn settled(stage: &Stage) -> (Controller, Repository) {
    let docs = stage.home_of("docs", &["A-1", "B-1", "C-1"]);
    let controller = stage.controller("a").lead().await;
    for (name, ticket) in [("one", "A-1"), ("two", "B-1"), ("three", "C-1")] {
        stage.create(&run(name, &[ticket], &[("docs", &docs)], json!({}))).await;
    }
    for name in RUNS {
        stage.until_run_is(name, Verdict::Current).await;
        let measured = |r: &Value| !r["status"]["workspaces"][0]["bytes"].is_null();
        stage.until("Run", name, "it was looked at once", measured).await;
    }
    stage.until_quiet(&controller.database()).await;
    (controller, docs)
}

fn lose_database(controller: &Controller) {
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", controller.database().display()));
    }
    assert!(!controller.database().exists());
}

async fn versions(stage: &Stage) -> Vec<Value> {
    let mut found = Vec::new();
    for name in RUNS {
        found.push(stage.run(name).await["metadata"]["resourceVersion"].clone());
    }
    for name in ["a-1", "b-1", "c-1"] {
        found.push(stage.topology(name).await["metadata"]["resourceVersion"].clone());
    }
    found
}

#[tokio::test]
async fn a_lost_database_changes_nothing_in_the_cluster_and_the_mirror_comes_back() {
    let stage = Stage::new().await;
    let (mut controller, docs) = settled(&stage).await;
    controller.terminate().await;
    let told = stage.streams().all().await;
    let before = versions(&stage).await;
    lose_database(&controller);
    let requests = Requests::from_now(stage.namespace());
    controller.restart().await;
    let query = "SELECT name || ' ' || phase || ' ' || doc_seed_summary FROM runs ORDER BY name";
    eventually("the mirror is back", async || {
        let rows = column(&controller.database(), query).await;
        (rows == ["one Active 1/1", "three Active 1/1", "two Active 1/1"]).then_some(())
    })
    .await;
    never_within(Duration::from_secs(3), "a write on a settled object", async || {
        let writes = requests.as_ref()?.writes();
        (!writes.is_empty()).then(|| writes.join("; "))
    })
    .await;
    assert_eq!(versions(&stage).await, before);
    let query = "SELECT ticket FROM ticket_topologies ORDER BY ticket";
    eventually("the topologies are back", async || {
        (column(&controller.database(), query).await == ["A-1", "B-1", "C-1"]).then_some(())
    })
    .await;
    let again = stage.streams().all().await;
    assert_eq!(again.len(), told.len(), "what readers had seen is not told again");
    verify(&controller.database()).await;

    docs.ticket("D-1");
    docs.commit("Write another ticket");
    stage.ready_run("four", &["D-1"], &[("docs", &docs)]).await;
    let active = |events: &[metawsm::kernel::envelope::Envelope]| {
        let mut of_four = events.iter().filter(|e| e.event.subject.ends_with("/four"));
        of_four.any(|e| e.event.data["to"] == "Active").then_some(())
    };
    stage.streams().until("news come after the old ones", active).await;
    let ids: Vec<_> = stage
        .streams()
        .all()
        .await
        .into_iter()
        .map(|(_, e)| e.event.event_id)
        .collect();
    let mut once = ids.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), ids.len(), "no event twice");
}

#[tokio::test]
async fn work_that_came_while_the_controller_was_away_is_done_without_the_database_too() {
    let stage = Stage::new().await;
    let (mut controller, _docs) = settled(&stage).await;
    controller.kill9();
    lose_database(&controller);
    stage.delete("Run", "one").await;
    controller.restart().await;
    stage.until_gone("Run", "one").await;
    stage.until_gone("TicketTopology", "a-1").await;
    stage.streams().first("run.deleted").await;
    verify(&controller.database()).await;
}
