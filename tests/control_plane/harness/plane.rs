//! A control plane of one's own, for stories that break what all other tests share.

use std::path::{Path, PathBuf};
use std::process::Command;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::cluster::variable;
use super::stage::Stage;

/// etcd and an API server; stopped with the value.
pub struct Plane {
    folder: tempfile::TempDir,
}

impl Plane {
    /// Starts one; `None` on a cluster that is not ours to imitate (`USE_CLUSTER=1`).
    pub async fn start() -> Option<Self> {
        if std::env::var("USE_CLUSTER").is_ok_and(|v| v == "1") {
            return None;
        }
        let plane = Self {
            folder: tempfile::Builder::new().prefix("metawsm-plane-").tempdir().unwrap(),
        };
        plane.up().await;
        plane.install_crds().await;
        Some(plane)
    }

    /// Starts it again: elsewhere, with another token and the same data.
    pub async fn up(&self) {
        self.script("start", &[self.folder.path()]).await;
    }

    pub async fn down(&self) {
        self.script("stop", &[self.folder.path()]).await;
    }

    pub async fn install_crds(&self) {
        let crds = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
        self.script("install-crds", &[&crds]).await;
    }

    /// All policies and roles, as `make up` does it.
    pub async fn install_policies(&self) {
        let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
        self.script("install-policies", &[&manifests]).await;
    }

    /// Who asked it for what.
    pub fn audit_log(&self) -> PathBuf {
        self.folder.path().join("audit.log")
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    pub async fn config(&self) -> Config {
        let read = Kubeconfig::read_from(self.kubeconfig()).unwrap();
        let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
        config.unwrap()
    }

    pub async fn client(&self) -> Client {
        Client::try_from(self.config().await).unwrap()
    }

    /// Applies a file or folder of `manifests/`, for example `admission/gate.yaml`.
    pub async fn apply(&self, manifest: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests").join(manifest);
        let mut command = Command::new(variable("METAWSM_TEST_KUBECTL"));
        command
            .args(["apply", "-f"])
            .arg(path)
            .env("KUBECONFIG", self.kubeconfig());
        let done = tokio::task::spawn_blocking(move || command.output())
            .await
            .unwrap()
            .unwrap();
        assert!(
            done.status.success(),
            "{manifest}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
    }

    /// A story's ground on this plane.
    pub async fn stage(&self) -> Stage {
        let mut stage = Stage::new().await;
        stage.cluster.client = self.client().await;
        let metadata = ObjectMeta {
            name: Some(stage.namespace().to_owned()),
            ..ObjectMeta::default()
        };
        let namespace = Namespace {
            metadata,
            ..Namespace::default()
        };
        let api: Api<Namespace> = Api::all(stage.cluster.client.clone());
        api.create(&PostParams::default(), &namespace).await.unwrap();
        stage
    }

    async fn script(&self, name: &str, arguments: &[&Path]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/control-plane")
            .join(name);
        let mut command = Command::new(script);
        command.args(arguments).env("KUBECONFIG", self.kubeconfig());
        command.env("METAWSM_TEST_KUBECTL", variable("METAWSM_TEST_KUBECTL"));
        let done = tokio::task::spawn_blocking(move || command.output())
            .await
            .unwrap()
            .unwrap();
        assert!(
            done.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        let stop = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/control-plane/stop");
        let _ = Command::new(stop).arg(self.folder.path()).output();
        // What the chart's account asked for here is looked at together with the rest, after all stories.
        if let Some(logs) = std::env::var_os("METAWSM_TEST_AUDIT_LOGS") {
            let name = self.folder.path().file_name().unwrap_or_default();
            if let Err(error) = std::fs::copy(self.audit_log(), Path::new(&logs).join(name)) {
                eprintln!(
                    "the audit log of {} is not looked at: {error}",
                    self.folder.path().display()
                );
            }
        }
    }
}
