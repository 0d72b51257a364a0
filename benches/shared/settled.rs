//! Objects that a controller has nothing left to do about, on the control plane of `tests/control-plane/with`. The first
//! benchmark that asks makes them, the next ones of the same control plane find them. Measures nothing.
//!
//! Half are Runs that were accepted, prepared and then suspended, half are the topologies that they claim: one of each is
//! made by a real controller, the others are written after it, with names, uids and chained journals of their own.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use metawsm::kernel::canonical::sha256;
use metawsm::kernel::journal::JournalEntry;
use serde_json::{Value, json};

use crate::harness::cluster::{Cluster, variable};
use crate::harness::controller::{Controller, Settings};
use crate::harness::manifests::run;
use crate::harness::polling::within;
use crate::harness::requests::Requests;
use crate::harness::stage::{Stage, condition};

/// Stands in names and tickets where each object has its number.
const NUMBER: &str = "00000";
/// Pairs written at the same time: as many as the API server takes without slowing down.
const AT_ONCE: usize = 16;
/// How long the objects are made to keep still before they count as settled.
const STILL: Duration = Duration::from_secs(5);

/// A namespace of settled objects, and the data folder of the controller that settled them.
pub struct Settled {
    pub cluster: Cluster,
    pub count: usize,
    folder: PathBuf,
}

impl Settled {
    /// So many objects; 0: an empty namespace.
    pub async fn objects(count: usize) -> Self {
        let cluster = Cluster::new().await;
        let kubeconfig = PathBuf::from(variable("KUBECONFIG"));
        let plane = kubeconfig.parent().expect("it is in a folder");
        let folder = plane.join(format!("settled-{count}"));
        if let Ok(namespace) = fs::read_to_string(folder.join("namespace")) {
            let cluster = Cluster { namespace, ..cluster };
            return Self { cluster, count, folder };
        }
        fs::create_dir_all(&folder).unwrap();
        let made = Self { cluster, count, folder };
        if count > 0 {
            made.make().await;
        }
        made.settle().await;
        fs::write(made.folder.join("namespace"), &made.cluster.namespace).unwrap();
        made
    }

    /// A controller of these objects, as users start it, with the history that it had.
    pub fn controller(&self) -> Settings {
        Settings {
            namespace: self.cluster.namespace.clone(),
            identity: "bench".into(),
            data: self.folder.join("data"),
            log: self.folder.join("controller.log"),
            local_roots: vec![std::env::temp_dir().canonicalize().unwrap()],
            redis_url: variable("METAWSM_TEST_REDIS_URL"),
            cluster: variable("KUBECONFIG").into(),
            more: vec![],
        }
        .with("METAWSM_LOG", "info")
    }

    /// Waits until every object had a pass and none is under way.
    pub async fn until_passed(&self, controller: &Controller) {
        let patience = Duration::from_secs(600);
        within(patience, "every object has had a pass", async || {
            let (_, text) = controller.get("/metrics")?;
            let passes = sum(&text, "controller_runtime_reconcile_total");
            let done = passes >= self.count && sum(&text, "controller_runtime_active_workers") == 0;
            (done && controller.leads()).then_some(())
        })
        .await;
    }

    /// Lets a controller record them all, which is all that it has to do.
    async fn settle(&self) {
        let requests = Requests::from_now(&self.cluster.namespace).expect("the audit log can be read");
        let mut controller = self.controller().start();
        self.until_passed(&controller).await;
        tokio::time::sleep(STILL).await;
        assert_eq!(requests.writes(), Vec::<String>::new(), "they are settled");
        controller.terminate().await;
    }

    async fn make(&self) {
        let pattern = &Pattern::made_by_a_controller().await;
        let made = futures::stream::iter(0..self.count / 2)
            .map(async |number| pattern.write(&self.cluster, number).await)
            .buffer_unordered(AT_ONCE);
        made.try_collect::<Vec<()>>().await.expect("all are written");
    }
}

/// The sum over all labels of a number on the metrics page.
fn sum(page: &str, name: &str) -> usize {
    let lines = page.lines().filter(|l| l.starts_with(name));
    let values = lines.filter_map(|l| l.rsplit(' ').next()?.parse::<usize>().ok());
    values.sum()
}

/// One settled pair of a Run and its topology.
struct Pattern {
    namespace: String,
    run: Value,
    topology: Value,
}

impl Pattern {
    async fn made_by_a_controller() -> Self {
        let stage = Stage::new().await;
        let (run_name, ticket) = (format!("run-{NUMBER}"), format!("T-{NUMBER}"));
        let home = stage.home_of("home", &[&ticket]);
        let mut controller = stage.controller("pattern").lead().await;
        stage
            .create(&run(&run_name, &[&ticket], &[("home", &home)], json!({})))
            .await;
        let ready = |o: &Value| condition(o, "Ready")["status"] == "True";
        stage.until("Run", &run_name, "it is ready", ready).await;
        stage.patch("Run", &run_name, json!({"spec": {"suspend": true}})).await;
        let at_rest = |o: &Value| {
            let seen = o["status"]["observedGeneration"] == o["metadata"]["generation"];
            seen && condition(o, "Suspended")["status"] == "True"
        };
        let run = stage.until("Run", &run_name, "it is suspended", at_rest).await;
        let unserved = |t: &Value| {
            let authority = &t["status"]["authority"];
            authority["kind"] == "None" && authority["endpoint"].is_null()
        };
        let topology = stage
            .until("TicketTopology", &ticket.to_lowercase(), "nobody serves it", unserved)
            .await;
        controller.terminate().await;
        let namespace = stage.namespace().to_owned();
        Self {
            namespace,
            run,
            topology,
        }
    }

    /// Writes the pair of a number as a controller would have left it.
    async fn write(&self, to: &Cluster, number: usize) -> Result<(), kube::Error> {
        let number = format!("{number:05}");
        let told = |object: &Value| -> Value {
            let text = object.to_string().replace(&self.namespace, &to.namespace);
            serde_json::from_str(&text.replace(NUMBER, &number)).unwrap()
        };
        let (mut run, topology) = (told(&self.run), told(&self.topology));
        let old = run["metadata"]["uid"].as_str().unwrap().to_owned();
        let uid = create(to, &run).await?;
        let topology: Value = serde_json::from_str(&topology.to_string().replace(&old, &uid)).unwrap();
        let workspace = &run["status"]["workspaces"][0];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let line = format!(
            "{} {}\n",
            text(&workspace["ticket"]),
            text(&workspace["seed"]["revision"])
        );
        run["status"]["docs"]["freshnessRevision"] = json!(sha256(line));
        unserved(&mut run["status"]);
        write_status(to, &run, &uid).await?;
        let uid = create(to, &topology).await?;
        write_status(to, &topology, &uid).await
    }
}

/// The pattern may have been served a moment before it was suspended; nobody serves these.
fn unserved(status: &mut Value) {
    let conditions = status["conditions"].as_array_mut().expect("it has conditions");
    for served in conditions.iter_mut().filter(|c| c["type"] == "DocsServed") {
        served["status"] = json!("False");
        served["reason"] = json!("Suspended");
        served["message"] = json!("0 of 1 workspaces' documents are served");
    }
    if let Some(workspace) = status["workspaces"][0].as_object_mut() {
        workspace.remove("endpoint");
    }
}

fn api(to: &Cluster, object: &Value) -> Api<DynamicObject> {
    let typed: DynamicObject = serde_json::from_value(object.clone()).unwrap();
    let kind = typed.types.expect("it says what it is");
    let gvk = kube::core::GroupVersionKind::try_from(&kind).unwrap();
    let resource = kube::core::ApiResource::from_gvk(&gvk);
    Api::namespaced_with(to.client.clone(), &to.namespace, &resource)
}

/// Creates it without what only the API server says; its uid.
async fn create(to: &Cluster, object: &Value) -> Result<String, kube::Error> {
    let old = &object["metadata"];
    let fresh = json!({
        "apiVersion": object["apiVersion"], "kind": object["kind"], "spec": object["spec"],
        "metadata": {"name": old["name"], "labels": old["labels"], "finalizers": old["finalizers"]},
    });
    let fresh = serde_json::from_value(fresh).unwrap();
    let made = api(to, object).create(&PostParams::default(), &fresh).await?;
    Ok(made.metadata.uid.unwrap_or_default())
}

async fn write_status(to: &Cluster, object: &Value, uid: &str) -> Result<(), kube::Error> {
    let mut status = object["status"].clone();
    let mut journal: Vec<JournalEntry> = serde_json::from_value(status["journal"].take()).unwrap();
    for next in 1..journal.len() {
        journal[next].prev_hash = journal[next - 1].hash(uid);
    }
    status["journal"] = json!(journal);
    first_generation(&mut status);
    let name = object["metadata"]["name"].as_str().unwrap();
    let (params, patch) = (PatchParams::default(), Patch::Merge(json!({ "status": status })));
    api(to, object).patch_status(name, &params, &patch).await.map(drop)
}

/// Nobody has changed these objects since they were made.
fn first_generation(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if name == "observedGeneration" {
                    *field = json!(1);
                } else {
                    first_generation(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(first_generation),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
