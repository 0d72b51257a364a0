//! Many deadlines in the same second, through the API server: how late the last is, against how fast it can write.
//!
//! `METAWSM_TEST_FULL=1` takes the 2,000 of the promise, `METAWSM_TEST_THREADS` any other number; a few show that it works.

use std::path::Path;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use serde_json::json;

use crate::harness::forum::{policy, question};
use crate::harness::history::column;
use crate::harness::people::Person;
use crate::harness::polling::{PATIENCE, within};
use crate::harness::stage::Stage;

#[tokio::test]
async fn deadlines_of_one_second_are_all_escalated_once_as_fast_as_statuses_can_be_written() {
    let given = std::env::var("METAWSM_TEST_THREADS").ok().and_then(|n| n.parse().ok());
    let full = std::env::var_os("METAWSM_TEST_FULL").is_some();
    let many: u64 = given.unwrap_or(if full { 2000 } else { 40 });
    let patience = PATIENCE + Duration::from_secs(many / 4);
    let stage = Stage::new().await;
    // All are made before the controller is there.
    let admin = Person::admin(&stage.cluster);
    each(many, async |name| {
        let asked = question(&name, json!({"state": "WaitingHuman"}));
        admin.create(&asked).await.expect("it is accepted");
    })
    .await;
    let settings = stage.controller("a");
    let file = policy(&settings.data, "sla: {levels: [1h]}\n");
    let started = Instant::now();
    let mut controller = settings.with("METAWSM_POLICY", file).lead().await;
    let recorded = async || {
        count(&controller.database(), "forum.thread.opened")
            .await
            .eq(&many)
            .then_some(())
    };
    within(patience, "all are recorded", recorded).await;
    let writing = started.elapsed();
    controller.terminate().await;
    // Two writes a thread (finalizer, status) took so long; one write a thread is what escalations need.
    let folder = controller.settings.data.clone();
    policy(&folder, "sla: {levels: [1s]}\n");
    controller.restart().await;
    let woken = Instant::now();
    each(many, async |name| {
        admin.merge(&name, json!({"spec": {"state": "Triaged"}})).await.unwrap();
        admin
            .merge(&name, json!({"spec": {"state": "WaitingHuman"}}))
            .await
            .unwrap();
    })
    .await;
    let entered = woken.elapsed();
    let fired = async || {
        count(&controller.database(), "forum.sla.escalation_requested")
            .await
            .ge(&many)
            .then_some(())
    };
    within(patience, "all are escalated", fired).await;
    let last = woken.elapsed();
    none_is_early_or_twice(&controller.database()).await;
    let late = "SELECT CAST(max(data ->> 'lateBySeconds') AS TEXT) FROM events \
                WHERE event_type = 'forum.sla.escalation_requested'";
    println!(
        "{many} threads: recorded in {writing:.1?} (2 writes each), entered again in {entered:.1?} (2 writes each beside the \
         controller's own), all escalated {:.1?} after that; the latest was {} s late",
        last.saturating_sub(entered),
        column(&controller.database(), late).await[0]
    );
    controller.terminate().await;
}

/// Every escalation was asked for once, and not before its deadline.
async fn none_is_early_or_twice(database: &Path) {
    let twice = "SELECT subject FROM events WHERE event_type = 'forum.sla.escalation_requested' \
                 GROUP BY subject, data ->> 'stateSince', data ->> 'level' HAVING count(*) > 1";
    assert_eq!(column(database, twice).await, [] as [String; 0]);
    let early = "SELECT subject FROM events WHERE event_type = 'forum.sla.escalation_requested' \
                 AND julianday(occurred_at) < julianday(data ->> 'deadline')";
    assert_eq!(column(database, early).await, [] as [String; 0]);
}

/// Does something to all threads, 16 at a time.
async fn each(many: u64, work: impl AsyncFn(String)) {
    let work = &work;
    let all = futures::stream::iter(0..many).map(|n| async move { work(format!("q{n}")).await });
    all.buffer_unordered(16).collect::<Vec<()>>().await;
}

async fn count(database: &std::path::Path, event_type: &str) -> u64 {
    let query = format!("SELECT CAST(count(*) AS TEXT) FROM events WHERE event_type = '{event_type}'");
    column(database, &query).await[0].parse().unwrap()
}
