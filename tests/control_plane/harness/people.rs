//! Ordinary users in a namespace of one's own: each acts by impersonation, with the roles that they were given and no
//! more. The admin of the tests may do anything, so it can show nothing about rights.

use http::{Method, Request};
use kube::{Client, Config};
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::polling::eventually;

/// What the API server said: the object, or the code and the words of a refusal.
pub type Said = Result<Value, (u16, String)>;

/// The ways to change an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    JsonPatch,
    MergePatch,
    /// Server-side apply, forced.
    Apply,
    Update,
}

/// Somebody who is logged in.
#[derive(Clone)]
pub struct Person {
    pub name: String,
    client: Client,
    namespace: String,
}

impl Person {
    /// Logs somebody in who holds these ClusterRoles in the namespace.
    pub async fn with_roles(cluster: &Cluster, name: &str, roles: &[&str]) -> Self {
        let config = Config::infer().await.expect("the kubeconfig of `with` is usable");
        Self::of(config, cluster, name, roles).await
    }

    /// As [`Self::with_roles`], on the cluster of that configuration.
    pub async fn of(mut config: Config, cluster: &Cluster, name: &str, roles: &[&str]) -> Self {
        for role in roles {
            grant(cluster, name, "ClusterRole", role).await;
        }
        config.auth_info.impersonate = Some(name.to_owned());
        Self {
            name: name.to_owned(),
            client: Client::try_from(config).unwrap(),
            namespace: cluster.namespace.clone(),
        }
    }

    /// Logs somebody in whose only rights are these rules.
    pub async fn with_rules(cluster: &Cluster, name: &str, rules: Value) -> Self {
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name}, "rules": rules,
        });
        make(cluster, "roles", &role).await;
        grant(cluster, name, "Role", name).await;
        Self::with_roles(cluster, name, &[]).await
    }

    /// Logs the admin in, by whatever the kubeconfig says.
    pub fn admin(cluster: &Cluster) -> Self {
        Self {
            name: "admin".to_owned(),
            client: cluster.client.clone(),
            namespace: cluster.namespace.clone(),
        }
    }

    /// The same person at the cluster of that configuration.
    pub fn on(mut self, mut config: Config) -> Self {
        config.auth_info.impersonate = Some(self.name.clone());
        self.client = Client::try_from(config).unwrap();
        self
    }

    /// What they ask the API server with.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The service account of that name in the namespace.
    pub fn account(cluster: &Cluster, name: &str) -> String {
        format!("system:serviceaccount:{}:{name}", cluster.namespace)
    }

    fn threads(&self, rest: &str) -> String {
        format!(
            "/apis/metawsm.dev/v1alpha1/namespaces/{}/forumthreads{rest}",
            self.namespace
        )
    }

    async fn ask(&self, method: Method, path: String, kind: &str, body: Vec<u8>) -> Said {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Content-Type", kind)
            .body(body);
        match self.client.request::<Value>(request.unwrap()).await {
            Ok(answer) => Ok(answer),
            Err(kube::Error::Api(status)) => Err((status.code, status.message)),
            Err(error) => panic!("the API server cannot be asked: {error}"),
        }
    }

    pub async fn create(&self, thread: &Value) -> Said {
        let body = thread.to_string().into_bytes();
        self.ask(Method::POST, self.threads(""), "application/json", body).await
    }

    pub async fn get(&self, name: &str) -> Said {
        self.ask(
            Method::GET,
            self.threads(&format!("/{name}")),
            "application/json",
            vec![],
        )
        .await
    }

    pub async fn delete(&self, name: &str) -> Said {
        self.ask(
            Method::DELETE,
            self.threads(&format!("/{name}")),
            "application/json",
            vec![],
        )
        .await
    }

    /// Deletes all threads of the namespace in one request.
    pub async fn delete_all(&self) -> Said {
        self.ask(Method::DELETE, self.threads(""), "application/json", vec![])
            .await
    }

    /// A JSON patch of a thread.
    pub async fn patch(&self, name: &str, operations: Value) -> Said {
        self.change(Way::JsonPatch, name, &operations).await
    }

    /// A merge patch of a thread.
    pub async fn merge(&self, name: &str, change: Value) -> Said {
        self.change(Way::MergePatch, name, &change).await
    }

    /// A merge patch of a thread's status.
    pub async fn merge_status(&self, name: &str, status: Value) -> Said {
        let body = json!({ "status": status }).to_string().into_bytes();
        let path = self.threads(&format!("/{name}/status"));
        self.ask(Method::PATCH, path, "application/merge-patch+json", body)
            .await
    }

    /// Changes a thread in that way; for [`Way::Apply`] and [`Way::Update`] `body` is the object.
    pub async fn change(&self, way: Way, name: &str, body: &Value) -> Said {
        let path = self.threads(&format!("/{name}"));
        let bytes = body.to_string().into_bytes();
        match way {
            Way::JsonPatch => {
                self.ask(Method::PATCH, path, "application/json-patch+json", bytes)
                    .await
            }
            Way::MergePatch => {
                self.ask(Method::PATCH, path, "application/merge-patch+json", bytes)
                    .await
            }
            Way::Apply => {
                let path = format!("{path}?fieldManager=somebody&force=true");
                self.ask(Method::PATCH, path, "application/apply-patch+yaml", bytes)
                    .await
            }
            Way::Update => self.ask(Method::PUT, path, "application/json", bytes).await,
        }
    }
}

/// Binds a role to a user of that name in the namespace, and waits until the API server heeds it.
pub async fn grant(cluster: &Cluster, user: &str, kind: &str, role: &str) {
    let name = format!("{}-{role}", user.replace([':', '@'], "-"));
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    });
    make(cluster, "rolebindings", &binding).await;
    until_heeded(cluster, user, kind, role).await;
}

/// Rights are judged by what the API server has seen of roles and bindings, a moment after they were written: waits until
/// every right of the role is among those that it says the user has.
pub async fn until_heeded(cluster: &Cluster, user: &str, kind: &str, role: &str) {
    let place = if kind == "Role" {
        format!("namespaces/{}/roles", cluster.namespace)
    } else {
        "clusterroles".to_owned()
    };
    let path = format!("/apis/rbac.authorization.k8s.io/v1/{place}/{role}");
    let read = Request::builder().uri(path).body(vec![]).unwrap();
    let granted = cluster.client.request::<Value>(read).await;
    let granted = granted.unwrap_or_else(|e| panic!("{kind} {role} cannot be read: {e}"));
    let granted = granted["rules"].as_array().cloned().unwrap_or_default();
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": cluster.namespace},
    });
    eventually(&format!("{user} has the rights of {role}"), async || {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews")
            .header("Content-Type", "application/json")
            .header("Impersonate-User", user);
        let request = request.body(review.to_string().into_bytes()).unwrap();
        let said = cluster.client.request::<Value>(request).await;
        let said = said.unwrap_or_else(|e| panic!("the rights of {user} are not told: {e}"));
        let rights = said["status"]["resourceRules"].as_array()?;
        granted.iter().all(|rule| rights.contains(rule)).then_some(())
    })
    .await;
}

async fn make(cluster: &Cluster, resource: &str, object: &Value) {
    let path = format!(
        "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/{resource}",
        cluster.namespace
    );
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("Content-Type", "application/json");
    let made = cluster
        .client
        .request::<Value>(request.body(object.to_string().into_bytes()).unwrap())
        .await;
    made.unwrap_or_else(|e| panic!("not made: {e}\n{object:#}"));
}
