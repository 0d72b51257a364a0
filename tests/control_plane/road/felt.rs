//! That each fault is felt at the controller's end: a road whose faults nobody feels would let every story pass.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use kube::Client;
use kube::api::{Api, ListParams, PostParams, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use metawsm::run::crd::Run;
use serde_json::json;

use super::script::{Fault, Script, Sort, Trick};
use super::{Road, Terms};
use crate::harness::cluster::variable;
use crate::harness::polling::eventually;
use crate::harness::stage::Stage;

async fn client(road: &Road) -> Client {
    let file = Kubeconfig::read_from(road.kubeconfig("any")).unwrap();
    let mut config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
        .await
        .unwrap();
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

fn always(sort: Sort, fault: Fault) -> impl FnOnce(&mut Terms) {
    move |terms| {
        terms.script = Script {
            requests: vec![(sort, fault, 1000)],
            ..Script::clean()
        };
    }
}

fn make(name: &str) -> Run {
    let spec = json!({"tickets": ["A-1"], "repos": [{"name": "docs", "url": "https://github.com/a/b"}]});
    let whole = json!({"apiVersion": "metawsm.dev/v1alpha1", "kind": "Run", "metadata": {"name": name}, "spec": spec});
    serde_json::from_value(whole).unwrap()
}

#[tokio::test]
async fn road_faults_of_requests_are_felt_by_a_client() {
    let stage = Stage::new().await;
    let road = Road::to(&variable("KUBECONFIG"), Script::clean()).await;
    let runs: Api<Run> = Api::namespaced(client(&road).await, stage.namespace());
    assert_eq!(runs.list(&ListParams::default()).await.unwrap().items.len(), 0);
    for code in [409, 429, 500] {
        road.change(always(Sort::Write, Fault::Answer(code)));
        let refused = runs.create(&PostParams::default(), &make("one")).await;
        assert!(
            matches!(refused, Err(kube::Error::Api(ref s)) if s.code == code),
            "{code}: {refused:?}"
        );
    }
    road.change(always(Sort::Write, Fault::CutBefore));
    assert!(runs.create(&PostParams::default(), &make("one")).await.is_err());
    assert!(stage.run("one").await.is_null(), "nothing reached the API server");
    road.change(always(Sort::Write, Fault::CutAfter));
    assert!(runs.create(&PostParams::default(), &make("one")).await.is_err());
    assert!(!stage.run("one").await.is_null(), "it was made, and nobody heard of it");
    for hang in [Fault::Hang(Duration::from_secs(60)), Fault::HangBody] {
        road.change(always(Sort::Read, hang));
        let waited = tokio::time::timeout(Duration::from_millis(300), runs.get("one")).await;
        assert!(waited.is_err(), "{hang:?}");
    }
    road.mend();
    road.change(always(Sort::List, Fault::StaleList));
    assert_eq!(
        runs.list(&ListParams::default()).await.unwrap().items.len(),
        0,
        "as it was at first"
    );
    road.mend();
    road.change(|t| t.script.broken = Some("one".to_owned()));
    assert!(runs.get("one").await.is_err(), "it cannot be decoded");
}

/// What a watch from the beginning tells under this trick until it ends. One that ended before the machine had told so
/// much was too short for it: then a longer one.
async fn names(road: &Road, runs: &Api<Run>, trick: Option<Trick>, least: usize) -> String {
    let mut length = Duration::from_millis(300);
    eventually("a watch tells enough before it ends", async || {
        length *= 2;
        let script = Script {
            tricks: trick.map(|t| (t, 1000)).into_iter().collect(),
            close_watches: Some(length),
            ..Script::clean()
        };
        road.change(|t| t.script = script);
        let watch = runs.watch(&WatchParams::default(), "0").await.unwrap();
        let told: Vec<String> = watch
            .filter_map(async |event| {
                Some(match event.ok()? {
                    WatchEvent::Error(status) => status.code.to_string(),
                    WatchEvent::Bookmark(_) => return None,
                    WatchEvent::Added(o) | WatchEvent::Modified(o) | WatchEvent::Deleted(o) => o.metadata.name?,
                })
            })
            .collect()
            .await;
        (told.len() >= least).then(|| told.join(" "))
    })
    .await
}

#[tokio::test]
async fn road_tricks_on_watches_are_felt_by_a_client() {
    let stage = Stage::new().await;
    let road = Road::to(&variable("KUBECONFIG"), Script::clean()).await;
    let runs: Api<Run> = Api::namespaced(client(&road).await, stage.namespace());
    let names = async |trick, least| names(&road, &runs, trick, least).await;
    for name in ["one", "two"] {
        runs.create(&PostParams::default(), &make(name)).await.unwrap();
    }
    let version = runs
        .list(&ListParams::default())
        .await
        .unwrap()
        .metadata
        .resource_version
        .unwrap();
    let mut clean: Vec<_> = names(None, 2).await.split(' ').map(str::to_owned).collect();
    clean.sort();
    assert_eq!(clean, ["one", "two"]);
    assert_eq!(names(Some(Trick::Drop), 1).await, "410");
    assert_eq!(names(Some(Trick::Gone), 1).await, "410");
    assert_eq!(names(Some(Trick::Repeat), 4).await.split(' ').count(), 4);
    assert!(names(Some(Trick::Exchange), 1).await.ends_with("410"));
    road.change(always(Sort::Watch, Fault::Answer(410)));
    let refused = runs.watch(&WatchParams::default(), &version).await;
    let ended = match refused {
        Ok(stream) => stream.try_collect::<Vec<_>>().await.is_err(),
        Err(_) => true,
    };
    assert!(ended);
}
