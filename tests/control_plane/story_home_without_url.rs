//! Topologies written by hand that name a home but give no URL: the first claim says which one it is.

use serde_json::{Value, json};

use crate::harness::kstatus::Verdict;
use crate::harness::manifests::{run, topology};
use crate::harness::stage::{Stage, condition};

async fn written(stage: &Stage, docs_path: &str) {
    let mut manifest = topology("a-1", "A-1", ("docs", ""));
    manifest["spec"]["docsPath"] = json!(docs_path);
    manifest["spec"].as_object_mut().unwrap().remove("docHomeURL");
    stage.create(&manifest).await;
}

#[tokio::test]
async fn two_runs_that_mean_two_urls_by_one_name_do_not_both_get_the_ticket() {
    let stage = Stage::new().await;
    let (one, other) = (stage.home_of("one", &["A-1"]), stage.home_of("other", &["A-1"]));
    written(&stage, "ttmp").await;
    let _controller = stage.controller("a").lead().await;
    stage.ready_run("first", &["A-1"], &[("docs", &one)]).await;
    stage
        .create(&run("second", &["A-1"], &[("docs", &other)], json!({})))
        .await;
    let refused = stage.until_run_is("second", Verdict::Failed).await;
    assert_eq!(condition(&refused, "Ready")["reason"], "RepoNameConflict");
    assert_eq!(
        stage.topology("a-1").await["status"]["claims"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn the_named_home_is_taken_although_another_repository_comes_first() {
    let stage = Stage::new().await;
    let (code, docs) = (stage.repository("code"), stage.home_of("docs", &["A-1"]));
    written(&stage, "ttmp").await;
    let _controller = stage.controller("a").lead().await;
    let repos = [("code", &code), ("docs", &docs)];
    stage.create(&run("relay", &["A-1"], &repos, json!({}))).await;
    let ready = stage.until_run_is("relay", Verdict::Current).await;
    assert_eq!(ready["status"]["docs"]["homeRepo"], "docs");
}

#[tokio::test]
async fn another_documents_folder_is_refused_with_both() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    written(&stage, "elsewhere").await;
    let _controller = stage.controller("a").lead().await;
    stage
        .create(&run("relay", &["A-1"], &[("docs", &docs)], json!({})))
        .await;
    let refused = stage.until_run_is("relay", Verdict::Failed).await;
    let ready = condition(&refused, "Ready");
    assert_eq!(ready["reason"], "DocsPathConflict");
    let message = ready["message"].as_str().unwrap();
    assert!(message.contains("elsewhere") && message.contains("ttmp"), "{message}");
}

#[tokio::test]
async fn a_workspace_that_somebody_removed_is_told_and_made_anew_on_request() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let settings = stage.controller("a").with("METAWSM_INSPECT_INTERVAL", "1s");
    let controller = settings.lead().await;
    stage.ready_run("relay", &["A-1"], &[("docs", &docs)]).await;
    let workspace = controller.workspace("relay", "A-1");
    std::fs::remove_dir_all(workspace.join("docs")).unwrap();
    let damaged = stage.until_run_is("relay", Verdict::Failed).await;
    let ready = condition(&damaged, "Ready");
    assert_eq!(ready["reason"], "WorkspaceDamaged");
    assert!(ready["message"].as_str().unwrap().contains("requestedAt"), "{ready}");
    stage.request("relay", "again").await;
    let judge = |r: &Value| r["status"]["lastHandledRequest"] == "again" && condition(r, "Ready")["status"] == "True";
    stage.until("Run", "relay", "it is whole again", judge).await;
    assert!(workspace.join("docs/ttmp").exists());
}
