//! Who a story's controller is: below `tests/chart/around` the account that the chart makes, with exactly the rights that
//! the chart gives it, logged in by a token of its own; else whoever the kubeconfig says. Gives no right by itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use http::{Method, Request};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

use super::polling::eventually;

/// How the chart is installed for one story.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    /// Where the account and the Lease are.
    pub namespace: String,
    /// Empty: all namespaces.
    pub watch: String,
    /// Separated by commas.
    pub secrets: String,
    /// Empty: the chart's own name.
    pub lease: String,
}

/// Stands for the story's namespace in what is rendered once for all stories.
const ANY: &str = "any-story";

impl Release {
    /// The kubeconfig to start a controller with: `own`, which is written, where the chart is there.
    pub fn kubeconfig(&self, cluster: &Path, own: &Path) -> PathBuf {
        let Some(helm) = std::env::var_os("METAWSM_TEST_HELM").filter(|h| !h.is_empty()) else {
            return cluster.to_owned();
        };
        let objects = self.rendered(Path::new(&helm));
        let (release, cluster, path) = (self.clone(), cluster.to_owned(), own.to_owned());
        // Stories start controllers in the middle of what they do, so this waits in a thread and a runtime of its own.
        let made = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(release.log_in(&cluster, &objects, &path));
        });
        made.join().expect("the chart's account is made");
        own.to_owned()
    }

    /// What the chart's template of rights says for this release.
    fn rendered(&self, helm: &Path) -> Vec<Value> {
        static RENDERED: Mutex<BTreeMap<Release, String>> = Mutex::new(BTreeMap::new());
        let any = |name: &str| name.replace(&self.namespace, ANY);
        let (watch, secrets) = (any(&self.watch), any(&self.secrets));
        let namespace = ANY.to_owned();
        let lease = self.lease.clone();
        let key = Self {
            namespace,
            watch,
            secrets,
            lease,
        };
        let mut known = RENDERED.lock().unwrap_or_else(PoisonError::into_inner);
        let text = known.entry(key).or_insert_with_key(|key| key.template(helm));
        let text = format!("\n{}", text.replace(ANY, &self.namespace));
        let documents = text.split("\n---");
        let objects = documents.map(|d| serde_saphyr::from_str(d).unwrap_or_else(|e| panic!("{e}: {d}")));
        let objects = objects.filter(Value::is_object);
        objects.map(|object| self.set_apart(object)).collect()
    }

    /// Two controllers of one story with a Lease each are one account: the role of one must not replace the other's.
    fn set_apart(&self, mut object: Value) -> Value {
        if self.lease.is_empty() {
            return object;
        }
        for name in ["/metadata/name", "/roleRef/name"] {
            let kind = if name == "/metadata/name" {
                "/kind"
            } else {
                "/roleRef/kind"
            };
            let of_namespace = object.pointer(kind).is_some_and(|k| k == "Role" || k == "RoleBinding");
            if let Some(Value::String(name)) = object.pointer_mut(name).filter(|_| of_namespace) {
                *name = format!("{name}-{}", self.lease);
            }
        }
        object
    }

    fn template(&self, helm: &Path) -> String {
        let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/metawsm");
        let mut command = Command::new(helm);
        command.args(["template", "metawsm"]).arg(chart);
        command.args(["--namespace", &self.namespace, "--show-only", "templates/rbac.yaml"]);
        for (value, said) in [("watchNamespace", &self.watch), ("lease.name", &self.lease)] {
            command.args(["--set-string", &format!("{value}={said}")]);
        }
        if !self.secrets.is_empty() {
            command.args(["--set", &format!("secretNamespaces={{{}}}", self.secrets)]);
        }
        let done = command.output().expect("helm can be started");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "the chart is rendered: {said}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// Makes the account and its rights, waits until they are heeded, and logs it in.
    async fn log_in(&self, cluster: &Path, objects: &[Value], own: &Path) {
        let read = Kubeconfig::read_from(cluster).unwrap();
        let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
        let client = Client::try_from(config.unwrap()).unwrap();
        for object in objects {
            let path = format!("{}?fieldManager=chart&force=true", path_of(object));
            ask(&client, Method::PATCH, &path, object).await;
        }
        eventually("the chart's rights are heeded", async || {
            for question in self.questions() {
                let review = json!({
                    "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
                        "user": format!("system:serviceaccount:{}:metawsm", self.namespace),
                        "groups": ["system:serviceaccounts", "system:authenticated"],
                        "resourceAttributes": question,
                    },
                });
                let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
                let told = ask(&client, Method::POST, path, &review).await;
                if told["status"]["allowed"] != true {
                    return None;
                }
            }
            Some(())
        })
        .await;
        logged_in(&client, cluster, &self.namespace, own).await;
    }

    /// One right of each binding.
    fn questions(&self) -> Vec<Value> {
        let lease = if self.lease.is_empty() { "metawsm" } else { &self.lease };
        let mut all = vec![
            json!({"group": "metawsm.dev", "resource": "runs", "verb": "list", "namespace": self.watch}),
            json!({"group": "coordination.k8s.io", "resource": "leases", "verb": "get", "namespace": self.namespace, "name": lease}),
            json!({"group": "authentication.k8s.io", "resource": "tokenreviews", "verb": "create"}),
        ];
        let listed = self.secrets.split(',').filter(|n| !n.is_empty());
        all.extend(
            listed.map(|n| json!({"group": "", "resource": "secrets", "verb": "get", "namespace": n, "name": "x"})),
        );
        all
    }
}

/// Writes a kubeconfig for the account `metawsm` of that namespace, with a token of its own.
pub async fn logged_in(client: &Client, cluster: &Path, namespace: &str, own: &Path) {
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/metawsm/token");
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 86400},
    });
    let made = ask(client, Method::POST, &path, &request).await;
    let token = made["status"]["token"].as_str().expect("a token");
    let text = std::fs::read_to_string(cluster).unwrap();
    let mut config: Value = serde_saphyr::from_str(&text).unwrap();
    for user in config["users"].as_array_mut().into_iter().flatten() {
        user["user"] = json!({ "token": token });
    }
    std::fs::write(own, config.to_string()).unwrap();
}

fn path_of(object: &Value) -> String {
    let word = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let (version, kind, metadata) = (word(&object["apiVersion"]), word(&object["kind"]), &object["metadata"]);
    let root = if version.contains('/') { "/apis" } else { "/api" };
    let within = match word(&metadata["namespace"]).as_str() {
        "" => String::new(),
        namespace => format!("/namespaces/{namespace}"),
    };
    format!(
        "{root}/{version}{within}/{}s/{}",
        kind.to_lowercase(),
        word(&metadata["name"])
    )
}

async fn ask(client: &Client, method: Method, path: &str, body: &Value) -> Value {
    let kind = if method == Method::PATCH {
        "application/apply-patch+yaml"
    } else {
        "application/json"
    };
    let request = Request::builder().method(method).uri(path).header("Content-Type", kind);
    let said = client
        .request::<Value>(request.body(body.to_string().into_bytes()).unwrap())
        .await;
    said.unwrap_or_else(|error| panic!("{path}: {error}\n{body:#}"))
}
