//! Faults of the cluster itself: rights taken away, definitions removed, the API server restarted, news of
//! one's own writes lost, old lists after a restart.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams};
use serde_json::{Value, json};

use crate::fault_road::over;
use crate::harness::cluster::variable;
use crate::harness::controller::Controller;
use crate::harness::history::column;
use crate::harness::kstatus::{Verdict, verdict};
use crate::harness::manifests::run;
use crate::harness::people::until_heeded;
use crate::harness::plane::Plane;
use crate::harness::polling::{PATIENCE, eventually, within};
use crate::harness::repositories::Repository;
use crate::harness::stage::{Stage, condition};
use crate::road::script::{Fault, Sort};
use crate::road::{Road, Script};

pub const LONG: Duration = PATIENCE;

pub fn home(stage: &Stage, tickets: &[&str]) -> Repository {
    let made = stage.repository("docs");
    for ticket in tickets {
        made.ticket(ticket);
    }
    made.commit("Write");
    made
}

pub async fn ready(stage: &Stage, docs: &Repository, name: &str, ticket: &str) {
    stage.create(&run(name, &[ticket], &[("docs", docs)], json!({}))).await;
    until_ready(stage, name).await;
}

pub async fn until_ready(stage: &Stage, name: &str) {
    let mut last = Value::Null;
    let look = async || {
        last = stage.run(name).await;
        (!last["status"].is_null() && verdict(&last) == Verdict::Current).then_some(())
    };
    within(LONG, &format!("{name} is ready"), look).await;
}

async fn readiness(controller: &Controller, what: &str, judge: impl Fn(u16, &str) -> bool) {
    let look = async || {
        controller
            .get("/readyz")
            .filter(|(code, body)| judge(*code, body))
            .map(drop)
    };
    within(LONG, what, look).await;
}

#[tokio::test]
async fn a_controller_with_exactly_its_rights_works_and_tells_when_they_are_taken_away() {
    let stage = Stage::new().await;
    let docs = home(&stage, &["A-1", "B-1"]);
    let rights = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/control_plane/rights.yaml");
    let (done, said) = stage.cluster.kubectl(&["apply", "-f", rights]).await;
    assert!(done, "{said}");
    let road = Road::to(&variable("KUBECONFIG"), Script::clean()).await;
    let user = format!("system:serviceaccount:{}:metawsm", stage.namespace());
    // A ServiceAccount's subject has its namespace; `kubectl apply -n` does not fill that in.
    let subject = format!(
        r#"[{{"op":"add","path":"/subjects/0/namespace","value":"{}"}}]"#,
        stage.namespace()
    );
    let bind = ["patch", "rolebinding", "metawsm", "--type=json", "-p", &subject];
    let (done, said) = stage.cluster.kubectl(&bind).await;
    assert!(done, "{said}");
    for (kind, role) in [("Role", "metawsm"), ("ClusterRole", "metawsm-reviews")] {
        until_heeded(&stage.cluster, &user, kind, role).await;
    }
    road.change(|t| t.user = Some(user));
    let controller = over(&road, &stage).lead().await;
    readiness(&controller, "it has all rights", |code, body| {
        code == 200 && body.contains("[+] rights")
    })
    .await;
    ready(&stage, &docs, "one", "A-1").await;

    let nothing = r#"[{"op":"remove","path":"/rules/1"}]"#;
    let (done, said) = stage
        .cluster
        .kubectl(&["patch", "role", "metawsm", "--type=json", "-p", nothing])
        .await;
    assert!(done, "{said}");
    let told = |code: u16, body: &str| code == 503 && body.contains("may not patch runs/status.metawsm.dev in test-");
    readiness(&controller, "the missing right is told", told).await;
    stage.create(&run("two", &["B-1"], &[("docs", &docs)], json!({}))).await;
    let (done, said) = stage.cluster.kubectl(&["apply", "-f", rights]).await;
    assert!(done, "{said}");
    let (done, said) = stage.cluster.kubectl(&bind).await;
    assert!(done, "{said}");
    until_ready(&stage, "two").await;
    readiness(&controller, "it has all rights again", |code, _| code == 200).await;
    stage.delete("Run", "one").await;
    stage.until_gone("Run", "one").await;
    stage.until_gone("TicketTopology", "a-1").await;
    let log = controller.log();
    let refused: Vec<_> = log
        .lines()
        .filter(|l| l.contains("forbidden") && !l.contains("/status"))
        .collect();
    let only_crds = |l: &&&str| !l.contains("customresourcedefinition");
    assert!(
        refused.iter().find(only_crds).is_none(),
        "no right is missing in the list: {refused:#?}"
    );
}

#[tokio::test]
async fn a_run_goes_on_though_the_watch_never_tells_of_our_own_writes() {
    let stage = Stage::new().await;
    let docs = home(&stage, &["A-1"]);
    let road = Road::to(&variable("KUBECONFIG"), Script::clean()).await;
    let controller = over(&road, &stage).lead().await;
    stage.create(&run("one", &["A-1"], &[("docs", &docs)], json!({}))).await;
    let seen = |o: &Value| !o["status"].is_null();
    stage.until("Run", "one", "it is seen", seen).await;
    road.change(|t| t.swallow = Some(("/runs".to_owned(), "one".to_owned(), 1000)));
    until_ready(&stage, "one").await;
    assert!(road.done().keys().any(|k| k.contains("Swallow")), "{:?}", road.done());
    drop(controller);
}

#[tokio::test]
async fn a_run_that_an_old_list_does_not_show_is_not_taken_for_gone() {
    let stage = Stage::new().await;
    let docs = home(&stage, &["A-1"]);
    let road = Road::to(&variable("KUBECONFIG"), Script::clean()).await;
    let mut controller = over(&road, &stage).lead().await;
    ready(&stage, &docs, "one", "A-1").await;
    controller.terminate().await;
    let script = Script {
        name: "old list",
        requests: vec![
            (Sort::List, Fault::StaleList, 1000),
            (Sort::Watch, Fault::Delay(Duration::from_secs(1)), 1000),
        ],
        ..Script::clean()
    };
    road.change(|t| t.script = script);
    let said = controller.log().len();
    controller.restart().await;
    stage.request("one", "now").await;
    stage
        .until("Run", "one", "it answers", |r| {
            r["status"]["lastHandledRequest"] == "now"
        })
        .await;
    assert!(road.done().contains_key("(List, StaleList)"), "{:?}", road.done());
    let log = controller.log()[said..].to_owned();
    assert!(!log.contains("vanished while nobody watched"), "{log}");
    let deleted = "SELECT event_type FROM events WHERE event_type LIKE '%.deleted'";
    assert_eq!(column(&controller.database(), deleted).await, Vec::<String>::new());
}

#[tokio::test]
async fn one_object_with_a_broken_encoding_stops_no_other_and_goes_on_when_it_can_be_read() {
    let stage = Stage::new().await;
    let docs = home(&stage, &["A-1", "B-1"]);
    let script = Script {
        name: "broken",
        broken: Some("bad".to_owned()),
        close_watches: Some(Duration::from_millis(300)),
        ..Script::clean()
    };
    let road = Road::to(&variable("KUBECONFIG"), script).await;
    let controller = over(&road, &stage).lead().await;
    stage.create(&run("bad", &["B-1"], &[("docs", &docs)], json!({}))).await;
    ready(&stage, &docs, "good", "A-1").await;
    assert!(
        stage.run("bad").await["status"].is_null(),
        "nothing was decided about it"
    );
    let told = async || controller.log().contains("an object cannot be read").then_some(());
    within(LONG, "it is told", told).await;
    road.mend();
    stage
        .patch("Run", "bad", json!({"metadata": {"labels": {"touched": "yes"}}}))
        .await;
    until_ready(&stage, "bad").await;
}

#[tokio::test]
async fn the_api_server_may_restart_and_the_definitions_may_go_and_come_back() {
    let Some(plane) = Plane::start().await else {
        println!("skipped: needs a control plane of its own");
        return;
    };
    let mut stage = plane.stage().await;
    let docs = home(&stage, &["A-1", "B-1", "C-1"]);
    let road = Road::to(plane.kubeconfig().to_str().unwrap(), Script::clean()).await;
    // It leads on only where the API server is back before two thirds of this are over.
    let settings = over(&road, &stage).with("METAWSM_LEASE_DURATION", "300s");
    let mut controller = settings.lead().await;
    ready(&stage, &docs, "one", "A-1").await;
    plane.down().await;
    plane.up().await;
    road.lead_to(plane.kubeconfig().to_str().unwrap()).await;
    stage.cluster.client = plane.client().await;
    ready(&stage, &docs, "two", "B-1").await;
    assert!(!controller.has_ended(), "it stayed through the restart");

    let definitions: Api<CustomResourceDefinition> = Api::all(stage.cluster.client.clone());
    let names = ["runs.metawsm.dev", "tickettopologies.metawsm.dev"];
    for name in names {
        definitions.delete(name, &DeleteParams::default()).await.unwrap();
    }
    for name in names {
        let gone = async || definitions.get_opt(name).await.ok()?.is_none().then_some(());
        within(LONG, &format!("{name} is gone"), gone).await;
    }
    assert!(!controller.has_ended(), "it stays without its definitions");
    plane.install_crds().await;
    ready(&stage, &docs, "three", "C-1").await;
    assert!(!controller.has_ended());
    let deleted = "SELECT subject FROM events WHERE event_type = 'run.deleted'";
    eventually("both Runs are told as deleted", async || {
        (column(&controller.database(), deleted).await.len() == 2).then_some(())
    })
    .await;
    let three = stage.run("three").await;
    assert_eq!(condition(&three, "Ready")["status"], "True");
}
