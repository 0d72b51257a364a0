//! The wall clock jumps two days ahead and two days back under a running controller (libfaketime; skipped without it).

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::Api;
use serde_json::json;

use crate::faketime;
use crate::fault_road::over;
use crate::harness::cluster::variable;
use crate::harness::history::{audit_of, verify};
use crate::harness::kstatus::{Verdict, verdict};
use crate::harness::manifests::run;
use crate::harness::polling::{PATIENCE, within};
use crate::harness::stage::Stage;
use crate::road::{Road, Script};

/// When the Lease was renewed, by the clock of who holds it.
async fn renewed(stage: &Stage) -> jiff::Timestamp {
    let leases: Api<Lease> = Api::namespaced(stage.cluster.client.clone(), stage.namespace());
    let lease = leases.get("metawsm").await.expect("it is there");
    lease.spec.unwrap().renew_time.expect("it is held").0
}

/// Waits until the Lease is renewed by the clock as it is now.
async fn until_renewed(stage: &Stage, before: jiff::Timestamp, offset: &str) {
    let renewed = async || {
        let at = renewed(stage).await;
        let far = at.duration_since(before).abs() > jiff::SignedDuration::from_hours(24);
        (at != before && far == (offset != "+0")).then_some(())
    };
    within(PATIENCE, &format!("the Lease is renewed at {offset}"), renewed).await;
}

#[tokio::test]
async fn a_clock_that_jumps_neither_loses_the_lease_nor_turns_history_around() {
    let Some(library) = faketime::library() else {
        println!("skipped: install the package 'faketime' to let the clock jump");
        return;
    };
    let stage = Stage::new().await;
    let docs = stage.repository("docs");
    for n in 0..3 {
        docs.ticket(&format!("A-{n}"));
    }
    docs.commit("Write");
    let road = Road::to(&variable("KUBECONFIG"), Script::clean()).await;
    let time = tempfile::NamedTempFile::new().unwrap();
    let set = |offset: &str| std::fs::write(time.path(), offset).unwrap();
    set("+0");
    let mut controller = over(&road, &stage)
        .with("LD_PRELOAD", library)
        .with("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .with("FAKETIME_NO_CACHE", "1")
        .with("FAKETIME_TIMESTAMP_FILE", time.path())
        .lead()
        .await;
    for (n, offset) in ["+0", "+2d", "-2d"].into_iter().enumerate() {
        let before = renewed(&stage).await;
        set(offset);
        until_renewed(&stage, before, offset).await;
        let name = format!("run-{n}");
        stage
            .create(&run(&name, &[&format!("A-{n}")], &[("docs", &docs)], json!({})))
            .await;
        let ready = async || {
            let seen = stage.run(&name).await;
            (!seen["status"].is_null() && verdict(&seen) == Verdict::Current).then_some(())
        };
        within(PATIENCE, &format!("{name} is ready at {offset}"), ready).await;
        stage.request("run-0", offset).await;
        stage
            .until("Run", "run-0", "it answers", |r| {
                r["status"]["lastHandledRequest"] == offset
            })
            .await;
    }
    assert!(
        !controller.has_ended(),
        "the Lease is judged by a clock that does not jump"
    );
    stage.until_told(&controller.database()).await;
    let rows = audit_of(&controller.database(), "Run", "run-0").await;
    let times: Vec<_> = rows.iter().map(|r| r["at"].as_str().unwrap().to_owned()).collect();
    assert!(times.is_sorted(), "times never decrease: {times:?}");
    assert!(
        times.first().unwrap()[..10] < times.last().unwrap()[..10],
        "the clock did jump: {times:?}"
    );
    controller.terminate().await;
    verify(&controller.database()).await;
    let numbers: Vec<_> = stage.streams().all().await.iter().map(|(_, e)| e.sequence).collect();
    assert_eq!(numbers, (1..).take(numbers.len()).collect::<Vec<_>>());
}
