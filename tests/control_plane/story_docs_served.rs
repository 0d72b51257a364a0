//! A workspace's documents are served while its Run is there: at an endpoint of its own, by one process, whatever is
//! killed, and by none afterwards.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;

use metawsm::adapters::processes::ProcessIdentity;
use metawsm::adapters::service_folder::Announced;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::controller::Controller;
use crate::harness::leftovers;
use crate::harness::manifests::run;
use crate::harness::polling::eventually;
use crate::harness::stage::{Stage, condition};

const ENDPOINT: &str = "relay--a-1";

/// The one docs server of the story.
struct Served {
    announced: Announced,
    supervisor: ProcessIdentity,
}

fn served(controller: &Controller) -> Option<Served> {
    let mut folders: Vec<PathBuf> = vec![controller.data().join("services")];
    for _ in 0..2 {
        let below = |folder: &PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten();
        folders = folders
            .iter()
            .flat_map(below)
            .map(|e| e.path())
            .filter(|p| p.is_dir())
            .collect();
    }
    let folder = folders.first()?;
    let read = |name: &str| std::fs::read(folder.join(name)).ok();
    Some(Served {
        announced: serde_json::from_slice(&read("server.json")?).ok()?,
        supervisor: serde_json::from_slice(&read("process.json")?).ok()?,
    })
}

fn ask(served: &Served, path: &str) -> Option<Value> {
    let mut stream = TcpStream::connect(served.announced.address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()
}

async fn until_served(stage: &Stage) -> Value {
    let judge = |run: &Value| condition(run, "DocsServed")["status"] == "True";
    stage.until("Run", "relay", "its documents are served", judge).await
}

async fn its_endpoint_is_the_runs(stage: &Stage, run: &Value) {
    let endpoint = stage.get("DocEndpoint", ENDPOINT).await;
    let (spec, owner) = (&endpoint["spec"], &endpoint["metadata"]["ownerReferences"][0]);
    assert_eq!(
        (&spec["kind"], &spec["ticket"], &spec["repo"]),
        (&json!("Workspace"), &json!("A-1"), &json!("docs"))
    );
    assert_eq!(
        spec["runRef"],
        json!({ "name": "relay", "uid": run["metadata"]["uid"] })
    );
    assert_eq!(spec["url"], Value::Null, "its address is nobody's to write");
    assert_eq!(
        (&owner["kind"], &owner["uid"]),
        (&json!("Run"), &run["metadata"]["uid"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspaces_documents_are_served_whatever_is_killed_and_not_longer_than_its_run() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let mut controller = stage.controller("one").lead().await;
    stage.ready_run("relay", &["A-1"], &[("docs", &docs)]).await;
    let object = until_served(&stage).await;
    assert_eq!(object["status"]["workspaces"][0]["endpoint"], ENDPOINT);

    its_endpoint_is_the_runs(&stage, &object).await;

    let first = served(&controller).unwrap();
    let root = controller.workspace("relay", "A-1").join("docs/ttmp");
    let status = ask(&first, "/api/v1/workspace/status").unwrap();
    assert_eq!(status["root"], root.canonicalize().unwrap().to_string_lossy().as_ref());
    assert_eq!(ask(&first, "/api/v1/tickets/get?ticket=A-1").unwrap()["ticket"], "A-1");

    first.announced.process.signal(Signal::KILL);
    let second = eventually("another server", async || {
        let now = served(&controller)?;
        (now.announced.process != first.announced.process && ask(&now, "/api/v1/healthz").is_some()).then_some(now)
    })
    .await;
    assert_eq!(second.supervisor, first.supervisor);
    until_served(&stage).await;

    controller.kill9();
    controller.restart().await;
    until_served(&stage).await;
    let third = served(&controller).unwrap();
    assert_eq!(third.announced, second.announced, "found again, not started again");

    third.supervisor.signal(Signal::KILL);
    let fourth = eventually("another supervisor", async || {
        let now = served(&controller)?;
        (now.supervisor != third.supervisor && ask(&now, "/api/v1/healthz").is_some()).then_some(now)
    })
    .await;
    assert!(!third.announced.process.is_alive(), "it went with its supervisor");
    until_served(&stage).await;

    stage.delete("Run", "relay").await;
    stage.until_gone("Run", "relay").await;
    stage.until_gone("DocEndpoint", ENDPOINT).await;
    assert!(!fourth.supervisor.is_alive() && !fourth.announced.process.is_alive());
    assert!(TcpStream::connect(fourth.announced.address).is_err());
    assert_eq!(leftovers::serving(controller.data()).len(), 0);
    let left = std::fs::read_dir(controller.data().join("services")).unwrap().flatten();
    assert_eq!(
        left.filter(|entry| entry.path().is_dir()).count(),
        0,
        "no folder is left"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_run_is_told_and_work_goes_on() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let controller = stage.controller("one").lead().await;
    stage
        .create(&run("relay", &["A-1"], &[("docs", &docs)], json!({})))
        .await;
    until_served(&stage).await;
    let root = controller.workspace("relay", "A-1").join("docs/ttmp");
    std::fs::rename(&root, root.with_file_name("away")).unwrap();
    served(&controller).unwrap().announced.process.signal(Signal::KILL);
    let judge = |run: &Value| condition(run, "DocsServed")["reason"] == "ServerFailed";
    let failed = stage.until("Run", "relay", "the failure is told", judge).await;
    let message = condition(&failed, "DocsServed")["message"].as_str().unwrap().to_owned();
    assert!(message.contains("A-1") && message.contains("again"), "{message}");
    assert_eq!(condition(&failed, "Ready")["status"], "True", "work goes on");
    std::fs::rename(root.with_file_name("away"), &root).unwrap();
    let object = until_served(&stage).await;
    let told: Vec<_> = object["status"]["journal"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["type"].clone())
        .collect();
    assert!(
        told.contains(&json!("DocsServerFailed")) && told.contains(&json!("DocsServing")),
        "{told:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_in_the_way_is_named_and_left_alone() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let _controller = stage.controller("one").lead().await;
    let other = json!({
        "apiVersion": "metawsm.dev/v1alpha1", "kind": "DocEndpoint", "metadata": { "name": ENDPOINT },
        "spec": {
            "kind": "Workspace", "repo": "docs", "ticket": "A-1", "runRef": { "name": "relay", "uid": "another" },
        },
    });
    stage.create(&other).await;
    stage
        .create(&run("relay", &["A-1"], &[("docs", &docs)], json!({})))
        .await;
    let judge = |run: &Value| condition(run, "DocsServed")["reason"] == "EndpointNameTaken";
    let object = stage.until("Run", "relay", "the name is taken", judge).await;
    assert_eq!(object["status"]["workspaces"][0]["endpoint"], Value::Null);
    assert_eq!(
        stage.get("DocEndpoint", ENDPOINT).await["spec"]["runRef"]["uid"],
        "another"
    );
    stage.delete("DocEndpoint", ENDPOINT).await;
    until_served(&stage).await;
}
