//! Repositories that the settings forbid: said in a condition, and nothing at all is made.

use serde_json::{Value, json};

use crate::harness::controller::Controller;
use crate::harness::files::files_below;
use crate::harness::kstatus::Verdict;
use crate::harness::manifests::run;
use crate::harness::stage::{Stage, condition};

async fn refused(stage: &Stage, url: &str) -> (Controller, Value) {
    let controller = stage
        .controller("a")
        .with("METAWSM_GIT_ALLOWED_HOSTS", "git.example.com")
        .lead()
        .await;
    let repos = json!([{"name": "good", "url": stage.repository("good").url()}, {"name": "bad", "url": url}]);
    stage
        .create(&run("relay", &["A-1"], &[], json!({ "repos": repos })))
        .await;
    let refused = stage.until_run_is("relay", Verdict::Failed).await;
    (controller, refused)
}

async fn nothing_was_made(stage: &Stage, controller: &Controller) {
    assert!(stage.topology("a-1").await.is_null(), "no topology");
    assert!(
        !controller.workspaces().join(stage.namespace()).exists(),
        "no workspace"
    );
    assert!(files_below(&controller.data().join("cache")).is_empty(), "no cache");
    assert!(files_below(&controller.data().join("steps")).is_empty(), "no step");
}

#[tokio::test]
async fn a_host_that_the_settings_forbid_is_refused_by_condition_and_nothing_is_made() {
    let stage = Stage::new().await;
    let (controller, run) = refused(&stage, "https://evil.example.org/a/b").await;
    for kind in ["TopologyAccepted", "Ready", "Stalled"] {
        assert_eq!(condition(&run, kind)["reason"], "RepoHostNotAllowed", "{kind}");
    }
    let message = condition(&run, "Ready")["message"].as_str().unwrap();
    assert!(
        message.contains("'bad'") && message.contains("evil.example.org"),
        "{message}"
    );
    assert!(run["status"]["docs"].is_null() && run["status"]["workspaces"].is_null());
    nothing_was_made(&stage, &controller).await;
}

#[tokio::test]
async fn a_local_path_outside_of_the_allowed_folders_is_refused_by_condition_and_nothing_is_made() {
    for path in ["/etc", "file:///etc"] {
        let stage = Stage::new().await;
        let (controller, run) = refused(&stage, path).await;
        let reason = condition(&run, "Ready")["reason"].as_str().unwrap();
        assert!(
            ["LocalRepoNotAllowed", "RepoUrlInvalid"].contains(&reason),
            "{path}: {reason}"
        );
        nothing_was_made(&stage, &controller).await;
    }
}

#[tokio::test]
async fn a_path_that_climbs_out_of_the_allowed_folder_is_refused() {
    let stage = Stage::new().await;
    let outside = format!("{}/../secret", stage.repositories().display());
    let (controller, run) = refused(&stage, &outside).await;
    assert_eq!(condition(&run, "Ready")["reason"], "RepoUrlInvalid");
    nothing_was_made(&stage, &controller).await;
}

#[tokio::test]
async fn a_refused_run_can_be_deleted_and_is_recorded_as_deleted() {
    let stage = Stage::new().await;
    let (_controller, _) = refused(&stage, "https://evil.example.org/a/b").await;
    stage.delete("Run", "relay").await;
    stage.until_gone("Run", "relay").await;
    stage.streams().first("run.deleted").await;
}

#[tokio::test]
async fn a_working_tree_of_a_home_elsewhere_is_refused_with_the_way_out() {
    let stage = Stage::new().await;
    let controller = stage
        .controller("a")
        .with("METAWSM_GIT_ALLOWED_HOSTS", "git.example.com")
        .lead()
        .await;
    let repos = json!([{"name": "far", "url": "https://git.example.com/a/b"}]);
    stage
        .create(&run(
            "relay",
            &["A-1"],
            &[],
            json!({ "repos": repos, "docSeedFrom": "WorkingTree" }),
        ))
        .await;
    let refused = stage.until_run_is("relay", Verdict::Failed).await;
    assert_eq!(condition(&refused, "Ready")["reason"], "WorkingTreeNotLocal");
    assert!(
        condition(&refused, "Ready")["message"]
            .as_str()
            .unwrap()
            .contains("docSeedFrom: Commit")
    );
    nothing_was_made(&stage, &controller).await;
}
