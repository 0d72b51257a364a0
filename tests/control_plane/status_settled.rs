//! What is settled is left alone: not one write request to our group, counted by the API server itself.
//!
//! `METAWSM_TEST_FULL=1` takes the numbers of the promise (200 Runs, two minutes); `METAWSM_TEST_RUNS` and
//! `METAWSM_TEST_SECONDS` take any others.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::history::column;
use crate::harness::kstatus::{Verdict, verdict};
use crate::harness::manifests::run;
use crate::harness::polling::{never_within, within};
use crate::harness::requests::Requests;
use crate::harness::stage::Stage;

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
    let code = stage.repository("code");
    // Every clone is looked at at least once in each half.
    let interval = format!("{}s", (length.as_secs() / 3).max(1));
    let mut controller = stage
        .controller("a")
        .with("METAWSM_INSPECT_INTERVAL", interval)
        .lead()
        .await;
    for number in 0..runs {
        let (name, ticket) = (format!("run-{number}"), format!("T-{number}"));
        stage
            .create(&run(
                &name,
                &[&ticket],
                &[("code", &code)],
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
    let mirrored = column(&controller.database(), "SELECT name FROM runs WHERE phase = 'Active'").await;
    assert_eq!(mirrored.len() as u64, runs);
}

async fn until_all_are_settled(stage: &Stage, runs: u64) {
    let requests = Requests::from_now(stage.namespace()).expect("it was there before");
    let is_settled =
        |o: Value| o["status"]["observedGeneration"] == o["metadata"]["generation"] && verdict(&o) == Verdict::Current;
    let mut writes = usize::MAX;
    within(
        Duration::from_secs(60 + runs * 2),
        "all are settled and nothing is written any more",
        async || {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let all = [stage.runs(), stage.topologies()];
            let mut settled = 0;
            for api in all {
                let list = api.list(&kube::api::ListParams::default()).await.unwrap();
                settled += list
                    .items
                    .into_iter()
                    .filter(|o| is_settled(serde_json::to_value(o).unwrap()))
                    .count() as u64;
            }
            let before = std::mem::replace(&mut writes, requests.writes().len());
            (settled == 2 * runs && before == writes).then_some(())
        },
    )
    .await;
}
