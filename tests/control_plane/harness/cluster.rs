//! The control plane that `tests/control-plane/with` started, and a namespace of one's own on it.

use std::collections::BTreeMap;
use std::process::Command;

use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::api::{Api, ObjectMeta, PostParams};
use serde_json::Value;

/// A client and a fresh namespace.
#[derive(Clone)]
pub struct Cluster {
    pub client: Client,
    pub namespace: String,
}

/// A variable that `with` sets.
///
/// # Panics
/// When it is missing, with the way out.
pub fn variable(name: &str) -> String {
    std::env::var(name).ok().filter(|v| !v.is_empty()).unwrap_or_else(|| {
        panic!("{name} is not set: run these tests as `tests/control-plane/with cargo test --test control_plane`")
    })
}

impl Cluster {
    /// Connects, and makes a namespace with a random name.
    pub async fn new() -> Self {
        for name in ["KUBECONFIG", "METAWSM_TEST_KUBECTL", "METAWSM_TEST_REDIS_URL"] {
            variable(name);
        }
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::try_default().await.expect("the kubeconfig of `with` is usable");
        let random = &uuid::Uuid::new_v4().simple().to_string()[..8];
        let namespace = format!("test-{random}");
        // Marked, so that on a lasting cluster (USE_CLUSTER=1) all of them can be found and deleted.
        let labels = BTreeMap::from([("metawsm.dev/test".to_owned(), "true".to_owned())]);
        let metadata = ObjectMeta {
            name: Some(namespace.clone()),
            labels: Some(labels),
            ..ObjectMeta::default()
        };
        let made = Namespace {
            metadata,
            ..Namespace::default()
        };
        let api: Api<Namespace> = Api::all(client.clone());
        api.create(&PostParams::default(), &made)
            .await
            .expect("a namespace can be made");
        Self { client, namespace }
    }

    /// What `kubectl -n <namespace> <line>` prints, standard error included, and whether it succeeded.
    pub async fn kubectl(&self, line: &[&str]) -> (bool, String) {
        let mut command = Command::new(variable("METAWSM_TEST_KUBECTL"));
        command.args(["--namespace", &self.namespace]).args(line);
        let done = tokio::task::spawn_blocking(move || command.output())
            .await
            .unwrap()
            .unwrap();
        let said = [done.stdout, done.stderr].concat();
        (done.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// The Kubernetes Events about one object, as `(type, reason, note)`, oldest first.
    pub async fn events_about(&self, name: &str) -> Vec<(String, String, String)> {
        let (done, said) = self.kubectl(&["get", "events.v1.events.k8s.io", "-o", "json"]).await;
        assert!(done, "{said}");
        let list: Value = serde_json::from_str(&said).unwrap();
        let mut items: Vec<_> = list["items"].as_array().unwrap().clone();
        items.sort_by_key(|e| e["eventTime"].as_str().unwrap_or_default().to_owned());
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let about = items.iter().filter(|e| e["regarding"]["name"] == name);
        about
            .map(|e| (text(&e["type"]), text(&e["reason"]), text(&e["note"])))
            .collect()
    }
}
