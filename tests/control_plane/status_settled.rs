//! What is settled is left alone: not one write request to our group, counted by the API server itself.
//!
//! `METAWSM_TEST_FULL=1` takes the numbers of the promise (200 Runs, two minutes); `METAWSM_TEST_RUNS` and
//! `METAWSM_TEST_SECONDS` take any others.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::history::column;
use crate::harness::kstatus::{Verdict, verdict};
use crate::harness::manifests::run;
use crate::harness::polling::{eventually, never_within, within};
use crate::harness::requests::Requests;
use crate::harness::stage::{Stage, condition};

fn number(name: &str, short: u64, full: u64) -> u64 {
    let given = std::env::var(name).ok().and_then(|v| v.parse().ok());
    given.unwrap_or(if std::env::var_os("METAWSM_TEST_FULL").is_some() {
        full
    } else {
        short
    })
}

#[tokio::test]
async fn settled_runs_cause_no_write_request_also_across_a_restart() {
    let runs = number("METAWSM_TEST_RUNS", 40, 200);
    let length = Duration::from_secs(number("METAWSM_TEST_SECONDS", 20, 120));
    let stage = Stage::new().await;
    if Requests::from_now(stage.namespace()).is_none() {
        eprintln!("not tried: this cluster's audit log cannot be read");
        return;
    }
    // One Run has nothing to serve: that is settled, too. Every other workspace has a copy of T-1.
    let (code, bare) = (stage.home_of("code", &["T-1"]), stage.repository("bare"));
    // Every clone is looked at at least once in each half.
    let interval = format!("{}s", (length.as_secs() / 3).max(1));
    let mut controller = stage
        .controller("a")
        .with("METAWSM_INSPECT_INTERVAL", interval)
        .lead()
        .await;
    for number in 0..runs {
        let (name, ticket) = (format!("run-{number}"), format!("T-{number}"));
        let repository = if number == 0 { &bare } else { &code };
        stage
            .create(&run(
                &name,
                &[&ticket],
                &[("code", repository)],
                json!({"docSeedMode": "None"}),
            ))
            .await;
    }
    until_all_are_settled(&stage, runs).await;

    let requests = Requests::from_now(stage.namespace()).expect("it was there before");
    let quiet = |length| {
        never_within(length, "a write on a settled object", async || {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let writes = requests.writes();
            (!writes.is_empty()).then(|| writes.join("; "))
        })
    };
    quiet(length / 2).await;
    controller.terminate().await;
    controller.restart().await;
    quiet(length / 2).await;
    assert!(!requests.on_our_group().is_empty(), "the log does show this namespace");
    let active = "SELECT name FROM runs WHERE phase = 'Active'";
    eventually("all are shown active", async || {
        (column(&controller.database(), active).await.len() as u64 == runs).then_some(())
    })
    .await;
}

async fn until_all_are_settled(stage: &Stage, runs: u64) {
    let requests = Requests::from_now(stage.namespace()).expect("it was there before");
    let is_settled =
        |o: &Value| o["status"]["observedGeneration"] == o["metadata"]["generation"] && verdict(o) == Verdict::Current;
    let mut writes = usize::MAX;
    let bare = |o: &Value| condition(o, "DocsServed")["reason"] == "NoDocsFolder";
    let served = |o: &Value| condition(o, "DocsServed")["status"] == "True";
    // A topology says that it is settled also before it heard what endpoints say. The one of T-1 hears of a copy in every
    // workspace that is served, each other one of its own workspace alone.
    let copies = (2 * runs).saturating_sub(3);
    let unheard = |o: &Value| {
        let mut lost = o["status"]["alternates"].as_array().into_iter().flatten();
        lost.any(|a| a["reason"] == "NeverAnswered")
    };
    within(
        Duration::from_secs(120 + runs * 3),
        "all are settled and served, and nothing is written any more",
        async || {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let mut all = Vec::new();
            for api in [stage.runs(), stage.topologies(), stage.endpoints()] {
                let list = api.list(&kube::api::ListParams::default()).await.unwrap();
                all.extend(list.items.into_iter().map(|o| serde_json::to_value(o).unwrap()));
            }
            let count = |is: &dyn Fn(&Value) -> bool| all.iter().filter(|o| is(o)).count() as u64;
            let before = std::mem::replace(&mut writes, requests.writes().len());
            let told: u64 = all.iter().filter_map(|o| o["status"]["copies"].as_u64()).sum();
            let heard = (told, count(&unheard));
            let now = (count(&is_settled), count(&served), count(&bare), before == writes);
            (heard == (copies, 0) && now == (3 * runs - 1, runs - 1, 1, true)).then_some(())
        },
    )
    .await;
}
