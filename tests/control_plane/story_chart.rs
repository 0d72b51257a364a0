//! The life of a release on a control plane of its own, by Helm itself: taken over from what was applied by hand, brought
//! up to date, changed, taken back, left and installed again, beside a Run that is worked on and a thread that waits.

use std::path::{Path, PathBuf};
use std::process::Command;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::Api;
use serde_json::{Value, json};

use crate::harness::account::logged_in;
use crate::harness::cluster::variable;
use crate::harness::controller::Controller;
use crate::harness::forum::{events_of, question};
use crate::harness::manifests::run;
use crate::harness::plane::Plane;
use crate::harness::polling::eventually;
use crate::harness::stage::{Stage, condition};

const SYSTEM: &str = "metawsm-system";

struct World {
    helm: PathBuf,
    plane: Plane,
    stage: Stage,
    /// Of the account, and of an older chart.
    folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Option<Self> {
        let helm = std::env::var_os("METAWSM_TEST_HELM").filter(|h| !h.is_empty());
        let Some(helm) = helm else {
            println!("left out: needs helm, which tests/chart/around builds");
            return None;
        };
        let plane = Plane::start().await?;
        let stage = plane.stage().await;
        let folder = tempfile::tempdir().unwrap();
        let helm = helm.into();
        Some(Self {
            helm,
            plane,
            stage,
            folder,
        })
    }

    fn run(&self, program: &Path, line: &[&str]) -> String {
        let done = Command::new(program)
            .args(line)
            .env("KUBECONFIG", self.plane.kubeconfig())
            .output();
        let done = done.unwrap();
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(done.status.success(), "{line:?}: {said}");
        said
    }

    fn kubectl(&self, line: &[&str]) -> String {
        self.run(Path::new(&variable("METAWSM_TEST_KUBECTL")), line)
    }

    fn helm(&self, line: &[&str]) -> String {
        self.run(&self.helm, &[line, &["--namespace", SYSTEM]].concat())
    }

    /// The chart as a version had it that did not know a Run's warnings.
    fn older_chart(&self) -> String {
        let copy = self.folder.path().join("older");
        self.run(Path::new("cp"), &["-R", &chart(), copy.to_str().unwrap()]);
        let path = copy.join("files/crds/runs.metawsm.dev.yaml");
        let mut definition: Value = serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let schema = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let status = schema["properties"]["status"]["properties"].as_object_mut().unwrap();
        status.remove("warnings").expect("it is there now");
        std::fs::write(&path, serde_saphyr::to_string(&definition).unwrap()).unwrap();
        copy.to_str().unwrap().to_owned()
    }

    async fn knows_warnings(&self) -> bool {
        let api: Api<CustomResourceDefinition> = Api::all(self.stage.cluster.client.clone());
        json!(api.get("runs.metawsm.dev").await.unwrap())
            .to_string()
            .contains("\"warnings\"")
    }

    /// Who the policy of authors is: its threads are attested only while it is the same.
    fn authors(&self) -> String {
        let kinds = "validatingadmissionpolicies,validatingadmissionpolicybindings";
        let what = "jsonpath={.items[*].metadata.uid}";
        self.kubectl(&[
            "get",
            kinds,
            "--field-selector=metadata.name=authors.forum.metawsm.dev",
            "-o",
            what,
        ])
    }

    async fn log_in(&self) -> PathBuf {
        let own = self.folder.path().join("account.kubeconfig");
        logged_in(&self.stage.cluster.client, &self.plane.kubeconfig(), SYSTEM, &own).await;
        own
    }

    async fn controller(&self) -> Controller {
        let mut settings = self.stage.controller("a");
        settings.namespace = String::new();
        let prefix = format!("{}:", self.stage.namespace());
        let settings = settings.with("KUBECONFIG", self.log_in().await);
        settings
            .with("METAWSM_LEASE_NAMESPACE", SYSTEM)
            .with("METAWSM_REDIS_PREFIX", prefix)
            .start()
    }

    /// What must not change, whatever happens to the release.
    async fn standing(&self) -> Value {
        let (run, thread) = (
            self.stage.run("one").await,
            self.stage.get("ForumThread", "asked").await,
        );
        json!({
            "run": [run["metadata"]["uid"], run["status"]["docs"]["freshnessRevision"], condition(&run, "Ready")["status"]],
            "thread": [thread["metadata"]["uid"], thread["spec"], thread["status"]["stateSince"]],
            "clock": [thread["status"]["sla"]["deadline"], thread["status"]["sla"]["policy"]],
            "authors": self.authors(),
        })
    }
}

fn chart() -> String {
    format!("{}/charts/metawsm", env!("CARGO_MANIFEST_DIR"))
}

/// Installs the older chart over what was applied by hand, and brings it up to date before a controller that waits for it.
async fn installed(world: &World) -> Controller {
    world.kubectl(&["delete", "-f", &format!("{}/crds", env!("CARGO_MANIFEST_DIR"))]);
    world.plane.apply("admission").await;
    world.plane.apply("roles").await;
    let authors = world.authors();
    assert_eq!(authors.split(' ').count(), 2, "policy and binding: {authors}");
    let older = world.older_chart();
    world.helm(&["install", "metawsm", &older, "--create-namespace", "--take-ownership"]);
    assert_eq!(world.authors(), authors, "nothing was made anew");
    assert!(!world.knows_warnings().await);
    let controller = world.controller().await;
    eventually("the controller waits for newer definitions", async || {
        controller.log().contains("is older than this controller").then_some(())
    })
    .await;
    world.helm(&["upgrade", "metawsm", &chart()]);
    assert!(
        world.knows_warnings().await,
        "helm upgrade brings definitions up to date"
    );
    assert_eq!(world.authors(), authors, "nothing was made anew");
    controller.until_leading().await;
    controller
}

fn served(run: &Value) -> bool {
    ["DocsServed", "Ready"]
        .iter()
        .all(|kind| condition(run, kind)["status"] == "True")
}

#[tokio::test]
async fn a_release_is_taken_over_upgraded_rolled_back_left_and_installed_again_and_nothing_is_lost() {
    let Some(world) = World::new().await else { return };
    let (stage, mut controller) = (&world.stage, installed(&world).await);
    let docs = stage.home_of("docs", &["A-1", "B-1"]);
    let repos = [("docs", &docs)];
    stage.create(&run("one", &["A-1"], &repos, json!({}))).await;
    stage.create(&question("asked", json!({"state": "WaitingHuman"}))).await;
    stage.until("Run", "one", "it is ready", served).await;
    let timed = |t: &Value| t["status"]["sla"]["deadline"].is_string();
    stage.until("ForumThread", "asked", "it has a deadline", timed).await;
    let standing = world.standing().await;

    let changed = "secretNamespaces={metawsm-system},settings.maxActiveRuns=3";
    world.helm(&["upgrade", "metawsm", &chart(), "--set", changed]);
    assert_eq!(world.standing().await, standing, "upgraded");
    world.helm(&["rollback", "metawsm", "2"]);
    assert_eq!(world.standing().await, standing, "rolled back");
    assert!(world.knows_warnings().await);
    controller.until_leading().await;

    controller.terminate().await;
    world.helm(&["uninstall", "metawsm"]);
    assert_eq!(world.standing().await, standing, "left");
    stage.create(&run("two", &["B-1"], &repos, json!({}))).await;
    stage.delete("Run", "one").await;
    assert!(!stage.run("one").await.is_null(), "it waits for a controller");

    world.helm(&["install", "metawsm", &chart()]);
    world.log_in().await;
    controller.restart().await;
    stage.until_gone("Run", "one").await;
    stage.until("Run", "two", "it is ready", served).await;
    let now = world.standing().await;
    for part in ["thread", "clock", "authors"] {
        assert_eq!(now[part], standing[part], "installed again: {part}");
    }
    let told = events_of(&controller.database(), "asked").await;
    let opened = told.iter().filter(|t| *t == "forum.thread.opened").count();
    assert_eq!(opened, 1, "{told:?}");
    assert!(!told.iter().any(|t| t == "forum.thread.deleted"), "{told:?}");
}
