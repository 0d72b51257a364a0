//! What a new object says before anything was made: nothing is known yet, and nobody may take silence for success.

use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{WatchEvent, WatchParams};
use serde_json::{Value, json};

use crate::harness::kstatus::{Verdict, verdict};
use crate::harness::manifests::run;
use crate::harness::polling::PATIENCE;
use crate::harness::requests::Requests;
use crate::harness::stage::Stage;

/// Every version of the Run that the API server tells of until it is settled.
async fn versions(stage: &Stage, made: &Value) -> Vec<Value> {
    let from = made["metadata"]["resourceVersion"].as_str().unwrap();
    let watch = stage.runs().watch(&WatchParams::default(), from).await.unwrap();
    let objects = watch.try_filter_map(async |event| {
        Ok(match event {
            WatchEvent::Modified(object) => Some(serde_json::to_value(object).unwrap()),
            _ => None,
        })
    });
    let mut seen = Vec::new();
    let collect = async {
        futures::pin_mut!(objects);
        while let Some(object) = objects.next().await {
            let object = object.unwrap();
            let done = !object["status"].is_null() && verdict(&object) == Verdict::Current;
            seen.push(object);
            if done {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, collect).await.expect("it settles");
    seen
}

#[tokio::test]
async fn a_new_run_says_that_nothing_is_known_before_anything_is_made() {
    let stage = Stage::new().await;
    let requests = Requests::from_now(stage.namespace());
    let docs = stage.home_of("docs", &["A-1"]);
    let made = stage
        .create(&run("relay", &["A-1"], &[("docs", &docs)], json!({})))
        .await;
    let _controller = stage.controller("a").lead().await;
    let versions = versions(&stage, &made).await;
    let first = versions
        .iter()
        .find(|v| !v["status"].is_null())
        .expect("it got a status");
    let conditions = first["status"]["conditions"].as_array().unwrap();
    for kind in [
        "Ready",
        "Reconciling",
        "TopologyAccepted",
        "WorkspacesReady",
        "DocsSeeded",
    ] {
        let found = conditions.iter().find(|c| c["type"] == kind);
        let expected = if kind == "Reconciling" { "True" } else { "Unknown" };
        assert_eq!(
            found.unwrap_or_else(|| panic!("no {kind}"))["status"],
            expected,
            "{kind}"
        );
    }
    assert_eq!(first["status"]["phase"], "Pending");
    let Some(requests) = requests else { return };
    let writes = requests.writes();
    let place = |words: &str| writes.iter().position(|w| w.starts_with(words)).expect(words);
    assert!(
        place("patch runs/relay status") < place("create tickettopologies/"),
        "said before it is done: {writes:?}"
    );
}

#[tokio::test]
async fn no_version_of_a_run_with_a_status_is_current_before_its_documents_are_there() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1", "B-1"]);
    let made = stage
        .create(&run("relay", &["A-1", "B-1"], &[("docs", &docs)], json!({})))
        .await;
    let _controller = stage.controller("a").lead().await;
    let versions = versions(&stage, &made).await;
    let (last, earlier) = versions.split_last().unwrap();
    assert_eq!(last["status"]["docs"]["seedSummary"], "2/2");
    let told: Vec<_> = earlier.iter().filter(|v| !v["status"].is_null()).collect();
    assert!(told.len() >= 3, "{} versions", told.len());
    for version in told {
        assert_eq!(verdict(version), Verdict::InProgress, "{:#}", version["status"]);
    }
    let phases: Vec<_> = versions.iter().filter_map(|v| v["status"]["phase"].as_str()).collect();
    let mut changes = phases.clone();
    changes.dedup();
    assert_eq!(changes, ["Pending", "Preparing", "Active"]);
}
