//! Two controllers: one works, the other stands by and takes over, and nobody hears anything twice.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::controller::{Controller, Settings};
use crate::harness::kstatus::Verdict;
use crate::harness::manifests::run;
use crate::harness::polling::{eventually, never_within};
use crate::harness::repositories::Repository;
use crate::harness::stage::Stage;

/// Longer than a busy machine stops a process: nobody loses it who works.
const LEASE: Duration = Duration::from_secs(15);
/// Long beside what a takeover takes that need not wait for it to run out; looked at every eighth of it.
const LONG_LEASE: Duration = Duration::from_secs(60);

fn settings(stage: &Stage, name: &str, lease: Duration) -> Settings {
    // As two pods of one deployment have it: one volume for workspaces, a data folder each.
    let shared = stage.repositories().with_file_name("workspaces");
    stage
        .controller(name)
        .with("METAWSM_LEASE_DURATION", format!("{}s", lease.as_secs()))
        .with("METAWSM_WORKSPACES", shared)
}

async fn pair(stage: &Stage, lease: Duration) -> (Controller, Controller) {
    let first = settings(stage, "first", lease).lead().await;
    let second = settings(stage, "second", lease).start();
    second.until_standing_by().await;
    (first, second)
}

async fn is_done(stage: &Stage, docs: &Repository, name: &str, ticket: &str) {
    stage.create(&run(name, &[ticket], &[("docs", docs)], json!({}))).await;
    stage.until_run_is(name, Verdict::Current).await;
}

async fn nothing_was_told_twice(stage: &Stage, runs: usize) {
    let active = |events: &[metawsm::kernel::envelope::Envelope]| {
        let told = events
            .iter()
            .filter(|e| e.event.event_type == "run.phase.changed" && e.event.data["to"] == "Active");
        (told.count() >= runs).then_some(())
    };
    stage.streams().until("all Runs are told to be active", active).await;
    let all = stage.streams().all().await;
    let mut ids: Vec<_> = all.iter().map(|(_, e)| e.event.event_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all.len(), "no event twice");
    for name in ["one", "two"] {
        let of_run = all
            .iter()
            .filter(|(_, e)| e.event.subject.ends_with(&format!("/{name}")));
        assert!(of_run.map(|(_, e)| e.event.subject_seq).is_sorted(), "order of {name}");
    }
}

#[tokio::test]
async fn the_other_controller_takes_over_when_the_first_is_killed() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1", "B-1"]);
    let (mut first, second) = pair(&stage, LEASE).await;
    is_done(&stage, &docs, "one", "A-1").await;
    never_within(LEASE + Duration::from_secs(1), "two lead", async || {
        second.leads().then(|| "the second leads".to_owned())
    })
    .await;
    first.kill9();
    second.until_leading().await;
    is_done(&stage, &docs, "two", "B-1").await;
    nothing_was_told_twice(&stage, 2).await;
    stage.delete("Run", "one").await;
    stage.until_gone("Run", "one").await;
}

#[tokio::test]
async fn the_other_controller_takes_over_at_once_when_the_first_is_asked_to_stop() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1", "B-1"]);
    let (mut first, mut second) = pair(&stage, LONG_LEASE).await;
    is_done(&stage, &docs, "one", "A-1").await;
    first.terminate().await;
    let given = Instant::now();
    second.until_leading().await;
    assert!(
        given.elapsed() < LONG_LEASE,
        "the Lease was given back, not left to run out: {:?}",
        given.elapsed()
    );
    is_done(&stage, &docs, "two", "B-1").await;
    nothing_was_told_twice(&stage, 2).await;
    second.terminate().await;
}

#[tokio::test]
async fn a_controller_that_stands_by_ends_well_when_asked() {
    let stage = Stage::new().await;
    let (mut first, mut second) = pair(&stage, LONG_LEASE).await;
    second.terminate().await;
    assert!(first.leads(), "the first is not bothered");
    first.terminate().await;
}

#[tokio::test]
async fn a_second_process_on_the_same_data_folder_waits_until_the_first_is_gone() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let mut first = stage.controller("a").lead().await;
    // Another Lease, so that nothing but the folder keeps it from working.
    let mut settings = stage.controller("a").with("METAWSM_LEASE_NAME", "another");
    settings.log = settings.log.with_extension("second.log");
    let second = settings.start();
    eventually("the second waits", async || {
        second
            .log()
            .contains("another process holds the data folder")
            .then_some(())
    })
    .await;
    let waiting = second.get("/readyz").expect("it answers");
    assert_eq!(waiting.0, 503, "{}", waiting.1);
    is_done(&stage, &docs, "one", "A-1").await;
    first.kill9();
    eventually("the second leads", async || second.leads().then_some(())).await;
}
