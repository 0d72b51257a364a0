//! Everything one story needs: a namespace, a folder, repositories, controllers. Gone with the value.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::CustomResourceExt as _;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use metawsm::doc_endpoint::crd::DocEndpoint;
use metawsm::forum_thread::crd::ForumThread;
use metawsm::run::crd::Run;
use metawsm::ticket_topology::crd::TicketTopology;
use serde_json::{Value, json};

use super::cluster::{Cluster, variable};
use super::controller::Settings;
use super::history::column;
use super::kstatus::{self, Verdict};
use super::manifests::run;
use super::polling::{PATIENCE, eventually, first};
use super::redis::Streams;
use super::repositories::Repository;
use super::requests::Requests;
use super::rest::Scene;

/// One story's ground.
pub struct Stage {
    pub cluster: Cluster,
    folder: tempfile::TempDir,
    repositories: PathBuf,
}

impl Stage {
    /// A fresh namespace and a fresh folder.
    pub async fn new() -> Self {
        let cluster = Cluster::new().await;
        let folder = tempfile::Builder::new().prefix("metawsm-").tempdir().unwrap();
        let repositories = folder.path().canonicalize().unwrap().join("repositories");
        Self {
            cluster,
            folder,
            repositories,
        }
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.cluster.namespace
    }

    /// A folder below which local repositories are allowed.
    pub fn repositories(&self) -> PathBuf {
        self.repositories.clone()
    }

    /// Takes another story's repositories, to compare what becomes of the same ones.
    pub fn use_repositories_of(&mut self, other: &Self) {
        self.repositories = other.repositories();
    }

    /// A new repository.
    pub fn repository(&self, name: &str) -> Repository {
        Repository::make(self.repositories().join(name))
    }

    /// A new repository that holds documents of these tickets, committed.
    pub fn home_of(&self, name: &str, tickets: &[&str]) -> Repository {
        let made = self.repository(name);
        for ticket in tickets {
            made.ticket(ticket);
        }
        made.commit("Write the tickets");
        made
    }

    /// A controller of this namespace, not started yet. Different names have different data folders.
    pub fn controller(&self, name: &str) -> Settings {
        Settings {
            namespace: self.namespace().to_owned(),
            identity: name.to_owned(),
            data: self.folder.path().join(name),
            log: self.folder.path().join(format!("{name}.log")),
            local_roots: vec![self.repositories()],
            redis_url: variable("METAWSM_TEST_REDIS_URL"),
            cluster: variable("KUBECONFIG").into(),
            more: vec![],
        }
    }

    /// This story's streams in the Redis that all tests share.
    pub fn streams(&self) -> Streams {
        Streams::new(&variable("METAWSM_TEST_REDIS_URL"), &format!("{}:", self.namespace()))
    }

    /// Runs, as untyped objects.
    pub fn runs(&self) -> Api<DynamicObject> {
        let resource = Run::api_resource();
        Api::namespaced_with(self.cluster.client.clone(), self.namespace(), &resource)
    }

    /// Topologies, as untyped objects.
    pub fn topologies(&self) -> Api<DynamicObject> {
        let resource = TicketTopology::api_resource();
        Api::namespaced_with(self.cluster.client.clone(), self.namespace(), &resource)
    }

    /// Endpoints, as untyped objects.
    pub fn endpoints(&self) -> Api<DynamicObject> {
        let resource = DocEndpoint::api_resource();
        Api::namespaced_with(self.cluster.client.clone(), self.namespace(), &resource)
    }

    /// Threads, as untyped objects.
    pub fn threads(&self) -> Api<DynamicObject> {
        let resource = ForumThread::api_resource();
        Api::namespaced_with(self.cluster.client.clone(), self.namespace(), &resource)
    }

    fn api(&self, kind: &str) -> Api<DynamicObject> {
        match kind {
            "Run" => self.runs(),
            "DocEndpoint" => self.endpoints(),
            "ForumThread" => self.threads(),
            _ => self.topologies(),
        }
    }

    /// Creates an object; it must be accepted.
    pub async fn create(&self, manifest: &Value) -> Value {
        let api = self.api(manifest["kind"].as_str().unwrap());
        let object = serde_json::from_value(manifest.clone()).unwrap();
        let made = api.create(&PostParams::default(), &object).await;
        serde_json::to_value(made.unwrap_or_else(|e| panic!("refused: {e}\n{manifest:#}"))).unwrap()
    }

    /// An object as it is now; `Null` where it is gone.
    pub async fn get(&self, kind: &str, name: &str) -> Value {
        let found = self.api(kind).get_opt(name).await.expect("the API server answers");
        found.map_or(Value::Null, |o| serde_json::to_value(o).unwrap())
    }

    /// A Run as it is now.
    pub async fn run(&self, name: &str) -> Value {
        self.get("Run", name).await
    }

    /// A topology as it is now.
    pub async fn topology(&self, name: &str) -> Value {
        self.get("TicketTopology", name).await
    }

    /// Merge-patches an object.
    pub async fn patch(&self, kind: &str, name: &str, patch: Value) -> Value {
        let done = self
            .api(kind)
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await;
        serde_json::to_value(done.unwrap_or_else(|e| panic!("not patched: {e}"))).unwrap()
    }

    /// Merge-patches an object's status, which no user does.
    pub async fn patch_status(&self, kind: &str, name: &str, patch: Value) -> Value {
        let patch = Patch::Merge(json!({ "status": patch }));
        let done = self.api(kind).patch_status(name, &PatchParams::default(), &patch).await;
        serde_json::to_value(done.unwrap_or_else(|e| panic!("not patched: {e}"))).unwrap()
    }

    /// Asks for an object's deletion.
    pub async fn delete(&self, kind: &str, name: &str) {
        self.api(kind)
            .delete(name, &DeleteParams::default())
            .await
            .expect("it is there");
    }

    /// Asks for a Run to be worked on now.
    pub async fn request(&self, run: &str, value: &str) {
        let annotations = json!({ "metawsm.dev/requestedAt": value });
        self.patch("Run", run, json!({ "metadata": { "annotations": annotations } }))
            .await;
    }

    /// Waits until the object satisfies `judge`; the object.
    pub async fn until(&self, kind: &str, name: &str, what: &str, judge: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let seen = first(PATIENCE, async || {
            last = self.get(kind, name).await;
            judge(&last).then(|| last.clone())
        });
        let seen = seen.await;
        seen.unwrap_or_else(|| panic!("{kind} {name}: not within {PATIENCE:?}: {what}; it is {last:#}"))
    }

    /// Waits until kstatus calls a Run so; the Run.
    pub async fn until_run_is(&self, name: &str, verdict: Verdict) -> Value {
        let judge = |o: &Value| !o["status"].is_null() && kstatus::verdict(o) == verdict;
        self.until("Run", name, &format!("kstatus says {verdict:?}"), judge)
            .await
    }

    /// Creates a Run and waits until it is ready; the Run.
    pub async fn ready_run(&self, name: &str, tickets: &[&str], repos: &[(&str, &Repository)]) -> Value {
        self.create(&run(name, tickets, repos, json!({}))).await;
        self.until_run_is(name, Verdict::Current).await
    }

    /// Waits until [`Scene::is_at_rest`], nothing more is written there, and all is told: for Runs whose workspaces all have
    /// documents.
    pub async fn until_quiet(&self, database: &Path) {
        let requests = Requests::from_now(self.namespace());
        let mut before = None;
        eventually("all was served and heard, and nothing more is written", async || {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let scene = Scene {
                runs: all(&self.runs()).await,
                endpoints: all(&self.endpoints()).await,
                topologies: all(&self.topologies()).await,
            };
            let writes = requests.as_ref().map_or(0, |r| r.writes().len());
            let now = Some((writes, scene.versions()));
            let same = before == now;
            before = now;
            (scene.is_at_rest() && same).then_some(())
        })
        .await;
        self.until_told(database).await;
    }

    /// Waits until all that the journals of the namespace's objects say by now is recorded and sent: a status is written
    /// first, its history at once after it, and readers of Redis hear of it later still.
    pub async fn until_told(&self, database: &Path) {
        for api in [self.runs(), self.topologies(), self.endpoints(), self.threads()] {
            for object in all(&api).await {
                let journal = object["status"]["journal"].as_array();
                let Some(last) = journal.and_then(|j| j.last()?["seq"].as_i64()) else {
                    continue;
                };
                let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
                let query = format!("SELECT uid FROM audit_log WHERE uid = '{uid}' AND seq = {last}");
                eventually("the history has what a journal says", async || {
                    (!column(database, &query).await.is_empty()).then_some(())
                })
                .await;
            }
        }
        let waiting = "SELECT CAST(count(*) AS TEXT) FROM outbox";
        eventually("all was sent", async || {
            (column(database, waiting).await == ["0"]).then_some(())
        })
        .await;
    }

    /// Waits until the object is gone.
    pub async fn until_gone(&self, kind: &str, name: &str) {
        self.until(kind, name, "it is gone", Value::is_null).await;
    }
}

async fn all(api: &Api<DynamicObject>) -> Vec<Value> {
    let list = api.list(&ListParams::default()).await.expect("the API server answers");
    list.items.iter().map(|o| json!(o)).collect()
}

/// Whether no condition tells of passes that failed: that is said from the third in a row on, until one goes well.
pub fn is_calm(object: &Value) -> bool {
    let mut all = object["status"]["conditions"].as_array().into_iter().flatten();
    all.all(|c| c["reason"] != "Retrying")
}

/// The condition of an object, `Null` where it has none of that type.
pub fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let list = object["status"]["conditions"].as_array();
    list.and_then(|l| l.iter().find(|c| c["type"] == kind))
        .unwrap_or(&Value::Null)
}
