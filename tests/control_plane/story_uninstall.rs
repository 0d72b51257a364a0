//! How people leave: the controller is gone, what it held hangs, `metawsm uninstall` lets it go, and nothing of it is lost
//! that nobody asked to delete.

use std::path::Path;
use std::process::Command;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, ListParams};
use serde_json::{Value, json};

use crate::harness::cluster::variable;
use crate::harness::controller::Controller;
use crate::harness::forum::question;
use crate::harness::kstatus::Verdict;
use crate::harness::manifests::run;
use crate::harness::people::Person;
use crate::harness::plane::Plane;
use crate::harness::polling::eventually;
use crate::harness::stage::Stage;

/// The kinds with the object of each that a story makes, in the order in which they are let go.
const OBJECTS: [(&str, &str); 5] = [
    ("DocEndpoint", "handbook"),
    ("DocEndpoint", "relay--a-1"),
    ("Run", "relay"),
    ("TicketTopology", "a-1"),
    ("ForumThread", "which"),
];

/// What the command said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}{}", self.out, self.err))
    }
}

/// `metawsm uninstall <line>` with a kubeconfig.
async fn uninstall(kubeconfig: &str, line: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_metawsm"));
    command.arg("uninstall").args(line).env("KUBECONFIG", kubeconfig);
    let done = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    Said {
        code: done.status.code().expect("no signal ended it"),
        out: String::from_utf8_lossy(&done.stdout).into_owned(),
        err: String::from_utf8_lossy(&done.stderr).into_owned(),
    }
}

/// A Run with work in its workspace that nobody committed, its topology and endpoint, an endpoint by hand, and a thread
/// that waits for a human: all of them held by the controller.
async fn furnish(stage: &Stage, controller: &Controller) {
    let docs = stage.home_of("docs", &["A-1"]);
    stage
        .create(&run("relay", &["A-1"], &[("docs", &docs)], json!({})))
        .await;
    let by_hand = json!({
        "apiVersion": "metawsm.dev/v1alpha1", "kind": "DocEndpoint", "metadata": { "name": "handbook" },
        "spec": { "kind": "Repo", "url": "http://docs.example.com", "repo": "handbook" },
    });
    stage.create(&by_hand).await;
    stage
        .create(&question("which", json!({ "state": "WaitingHuman" })))
        .await;
    stage.until_run_is("relay", Verdict::Current).await;
    std::fs::write(
        controller.workspace("relay", "A-1").join("docs/notes"),
        "not committed\n",
    )
    .unwrap();
    let dirty = |r: &Value| r["status"]["workspaces"][0]["repos"][0]["dirty"] == true;
    stage.until("Run", "relay", "its work is seen", dirty).await;
    for (kind, name) in OBJECTS {
        stage
            .until(kind, name, "it is held", |o| o["metadata"]["finalizers"].is_array())
            .await;
    }
}

/// The finalizers of every object; panics where one is gone.
async fn finalizers(stage: &Stage) -> Vec<Value> {
    let mut found = Vec::new();
    for (kind, name) in OBJECTS {
        let object = stage.get(kind, name).await;
        assert!(!object.is_null(), "{kind} {name} is there");
        found.push(object["metadata"]["finalizers"].clone());
    }
    found
}

/// A dry run lists every object in the order of their release, and the work that stays on the volume.
async fn is_planned(at: &str, namespace: &str, workspace: &Path) {
    let planned = uninstall(at, &["-n", namespace, "--dry-run", "-o", "json"]).await;
    assert_eq!(planned.code, 0, "{}", planned.err);
    let plan = planned.json();
    let listed: Vec<_> = plan["objects"].as_array().unwrap().iter().collect();
    let names: Vec<_> = listed.iter().map(|o| (&o["kind"], &o["name"])).collect();
    let expected: Vec<_> = OBJECTS.iter().map(|(k, n)| (json!(k), json!(n))).collect();
    assert_eq!(names, expected.iter().map(|(k, n)| (k, n)).collect::<Vec<_>>());
    assert!(
        listed
            .iter()
            .all(|o| o["intent"] == "Release" && o["outcome"] == "Planned")
    );
    let left = &plan["workspaces"][0];
    assert_eq!(left["uncommitted"], json!(["docs"]), "{left:#}");
    assert_eq!(left["path"], json!(workspace));
}

#[tokio::test]
async fn a_namespace_and_definitions_that_hang_after_the_controller_go_once_they_are_let_go() {
    let Some(plane) = Plane::start().await else {
        println!("skipped: needs a control plane of its own");
        return;
    };
    let stage = plane.stage().await;
    let (kubeconfig, namespace) = (plane.kubeconfig(), stage.namespace());
    let at = kubeconfig.to_str().unwrap();
    let settings = stage.controller("a").with("KUBECONFIG", &kubeconfig);
    let mut controller = settings.with("METAWSM_INSPECT_INTERVAL", "1s").lead().await;
    furnish(&stage, &controller).await;
    let before = finalizers(&stage).await;

    let refused = uninstall(at, &["-A"]).await;
    assert_eq!(refused.code, 3, "{}", refused.err);
    assert!(refused.err.contains("is held by 'a', who renews it"), "{}", refused.err);
    assert!(refused.err.contains("--replicas=0"), "{}", refused.err);
    assert_eq!(finalizers(&stage).await, before, "nothing was touched");

    is_planned(at, namespace, &controller.workspace("relay", "A-1")).await;
    assert_eq!(finalizers(&stage).await, before, "a dry run touches nothing");

    controller.terminate().await;
    let definitions = delete_all(&stage).await;
    for (kind, name) in OBJECTS {
        let object = stage.get(kind, name).await;
        assert!(
            !object["metadata"]["deletionTimestamp"].is_null(),
            "{kind} {name} hangs: {object:#}"
        );
    }

    let done = uninstall(at, &["-n", namespace]).await;
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.err.contains("was given back"), "{}", done.err);
    assert!(done.out.contains("not committed: docs"), "{}", done.out);
    assert!(done.out.contains("0 let go, 5 gone, 0 failed"), "{}", done.out);
    assert!(
        controller.workspace("relay", "A-1").join("docs/notes").exists(),
        "work stays on the volume"
    );

    eventually("the definitions go", async || {
        let left = definitions.list(&ListParams::default()).await.ok()?.items;
        left.iter().all(|d| d.spec.group != "metawsm.dev").then_some(())
    })
    .await;
    end_namespace(&stage, &plane).await;
    let again = uninstall(at, &["-A"]).await;
    assert_eq!(again.code, 0, "{}{}", again.out, again.err);
    assert!(
        again.out.contains("0 let go, 0 gone, 0 failed, 0 needed nothing"),
        "{}",
        again.out
    );
}

/// Deletes the namespace and our definitions; what a namespace controller would delete in it is deleted by hand.
async fn delete_all(stage: &Stage) -> Api<CustomResourceDefinition> {
    let client = stage.cluster.client.clone();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let now = DeleteParams::default();
    namespaces.delete(stage.namespace(), &now).await.unwrap();
    for api in [stage.endpoints(), stage.runs(), stage.topologies(), stage.threads()] {
        api.delete_collection(&now, &ListParams::default()).await.unwrap();
    }
    let definitions: Api<CustomResourceDefinition> = Api::all(client);
    for one in definitions.list(&ListParams::default()).await.unwrap().items {
        let name = one.metadata.name.unwrap();
        if one.spec.group == "metawsm.dev" {
            definitions.delete(&name, &now).await.unwrap();
        }
    }
    definitions
}

/// What a namespace controller does once nothing is left in it.
async fn end_namespace(stage: &Stage, plane: &Plane) {
    let body = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": stage.namespace() }, "spec": { "finalizers": [] },
    });
    let file = plane.kubeconfig().with_file_name("namespace.json");
    std::fs::write(&file, body.to_string()).unwrap();
    let path = format!("/api/v1/namespaces/{}/finalize", stage.namespace());
    let mut command = Command::new(variable("METAWSM_TEST_KUBECTL"));
    command
        .args(["replace", "--raw", &path, "-f"])
        .arg(&file)
        .env("KUBECONFIG", plane.kubeconfig());
    let done = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let namespaces: Api<Namespace> = Api::all(stage.cluster.client.clone());
    let gone = async || {
        namespaces
            .get_opt(stage.namespace())
            .await
            .ok()?
            .is_none()
            .then_some(())
    };
    eventually("the namespace goes", gone).await;
}

#[tokio::test]
async fn living_objects_are_let_go_and_stay_and_the_next_controller_goes_on_with_them() {
    let stage = Stage::new().await;
    let (at, namespace) = (variable("KUBECONFIG"), stage.namespace());
    let settings = stage.controller("a").with("METAWSM_INSPECT_INTERVAL", "1s");
    let mut controller = settings.with("METAWSM_LEASE_DURATION", "15s").lead().await;
    furnish(&stage, &controller).await;
    let before = finalizers(&stage).await;
    controller.kill9();

    let here = ["-n", namespace, "--lease-namespace", namespace];
    let done = uninstall(&at, &here).await;
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.err.contains("ran out: 'a' does not renew it"), "{}", done.err);
    assert!(done.out.contains("5 let go, 0 gone, 0 failed"), "{}", done.out);
    assert!(finalizers(&stage).await.iter().all(Value::is_null));
    let again = uninstall(&at, &here).await;
    assert!(
        again.out.contains("0 let go, 0 gone, 0 failed, 5 needed nothing"),
        "{}",
        again.out
    );

    controller.restart().await;
    for ((kind, name), held) in OBJECTS.iter().zip(&before) {
        let is_held = |o: &Value| &o["metadata"]["finalizers"] == held;
        stage.until(kind, name, "it is held again", is_held).await;
    }
    stage.until_run_is("relay", Verdict::Current).await;
    controller.terminate().await;

    let deleted = uninstall(&at, &[&here[..], &["--delete", "-o", "json"]].concat()).await;
    assert_eq!(deleted.code, 0, "{}{}", deleted.out, deleted.err);
    let outcomes = deleted.json();
    assert!(
        outcomes["objects"]
            .as_array()
            .unwrap()
            .iter()
            .all(|o| o["outcome"] == "Gone"),
        "{outcomes:#}"
    );
    for (kind, name) in OBJECTS {
        assert!(stage.get(kind, name).await.is_null(), "{kind} {name}");
    }
    assert!(
        controller.workspace("relay", "A-1").join("docs/notes").exists(),
        "work stays on the volume"
    );
}

#[tokio::test]
async fn whoever_may_not_let_go_is_told_what_failed_and_a_scope_must_be_named() {
    let stage = Stage::new().await;
    let mut controller = stage.controller("a").lead().await;
    let thread = stage.create(&question("which", json!({}))).await;
    let held = |o: &Value| o["metadata"]["finalizers"].is_array();
    stage.until("ForumThread", "which", "it is held", held).await;
    controller.terminate().await;

    let rules = json!([{ "apiGroups": ["metawsm.dev"], "resources": ["*"], "verbs": ["get", "list"] }]);
    Person::with_rules(&stage.cluster, "reader", rules).await;
    let text = std::fs::read_to_string(variable("KUBECONFIG")).unwrap();
    let as_reader = text.replace("user: {token:", "user: {as: reader, token:");
    assert_ne!(text, as_reader, "the kubeconfig of `with` is written as expected");
    let file = controller.data().join("kubeconfig");
    std::fs::write(&file, as_reader).unwrap();
    let at = file.to_str().unwrap();

    let here = ["-n", stage.namespace(), "--force"];
    let refused = uninstall(at, &here).await;
    assert_eq!(refused.code, 1, "{}{}", refused.out, refused.err);
    assert!(
        refused
            .out
            .contains("FAILED: failed to take the finalizer off ForumThread"),
        "{}",
        refused.out
    );
    let blind = uninstall(at, &["-A", "--force"]).await;
    assert_eq!(blind.code, 1, "{}{}", blind.out, blind.err);
    assert!(blind.err.contains("failed to list docendpoints"), "{}", blind.err);
    let now = stage.get("ForumThread", "which").await;
    assert_eq!(now["metadata"]["uid"], thread["metadata"]["uid"]);
    assert!(held(&now));
    let unsaid = uninstall(at, &["--dry-run"]).await;
    assert_eq!(unsaid.code, 2, "{}", unsaid.err);
    assert!(unsaid.err.contains("--all-namespaces"), "{}", unsaid.err);
}
