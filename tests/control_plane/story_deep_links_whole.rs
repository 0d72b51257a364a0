//! Deep links with nothing made up: the controller's own HTTP server, tokens and rights of a real API server, a real
//! workspace and its docs server.

use serde_json::Value;

use crate::harness::people::{Person, until_heeded};
use crate::harness::stage::{Stage, condition};

async fn kubectl(stage: &Stage, line: &[&str]) -> String {
    let (done, said) = stage.cluster.kubectl(line).await;
    assert!(done, "{line:?}: {said}");
    said.trim().to_owned()
}

async fn token_of(stage: &Stage, account: &str) -> String {
    kubectl(stage, &["create", "serviceaccount", account]).await;
    kubectl(stage, &["create", "token", account]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspaces_page_is_served_to_whom_the_cluster_lets_get_the_run_and_no_file_to_anybody() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let controller = stage.controller("one");
    let controller = controller
        .with("METAWSM_PUBLIC_URL", "https://metawsm.example.com")
        .lead()
        .await;
    stage.ready_run("relay", &["A-1"], &[("docs", &docs)]).await;
    let up = |e: &Value| condition(e, "Reachable")["status"] == "True";
    let endpoint = stage
        .until("DocEndpoint", "relay--a-1", "its documents can be read", up)
        .await;

    let (reader, stranger) = (token_of(&stage, "reader").await, token_of(&stage, "stranger").await);
    let (right, resource) = (["--verb=get", "--resource-name=relay"], "--resource=runs.metawsm.dev");
    kubectl(&stage, &["create", "role", "reader", right[0], right[1], resource]).await;
    let who = format!("--serviceaccount={}:reader", stage.namespace());
    kubectl(&stage, &["create", "rolebinding", "reader", "--role=reader", &who]).await;
    let account = Person::account(&stage.cluster, "reader");
    until_heeded(&stage.cluster, &account, "Role", "reader").await;

    let link = endpoint["status"]["webURL"].as_str().unwrap();
    let page = link.strip_prefix("https://metawsm.example.com").unwrap();
    assert_eq!(page, format!("/docs/{}/relay/A-1/", stage.namespace()));
    assert_eq!(controller.get(page).unwrap().0, 401, "no token");
    assert_eq!(controller.get_as(page, "made.up").unwrap().0, 401);
    assert_eq!(controller.get_as(page, &stranger).unwrap().0, 403);

    let (status, html) = controller.get_as(page, &reader).unwrap();
    assert_eq!(status, 200, "{html}");
    assert!(html.contains("A-1") && html.contains("index.md"), "{html}");
    let index = html
        .split("doc?path=")
        .nth(1)
        .and_then(|t| t.split('"').next())
        .expect("a document's link");
    let (status, document) = controller.get_as(&format!("{page}doc?path={index}"), &reader).unwrap();
    assert_eq!(status, 200, "{document}");
    let (status, answer) = controller
        .get_as(&format!("{page}api/v1/workspace/status"), &reader)
        .unwrap();
    assert_eq!(status, 200, "{answer}");
    let root = controller
        .workspace("relay", "A-1")
        .join("docs/ttmp")
        .canonicalize()
        .unwrap();
    assert!(answer.contains(&*root.to_string_lossy()), "{answer}");

    for below in [
        "api/v1/files/get?path=.git/config",
        "api/v1/files/get?path=index.md&root=docs",
        "api/v1/index/refresh",
        "doc?path=..%2F..%2F.git%2Fconfig",
        "doc?path=%2Fetc%2Fpasswd",
    ] {
        let (status, text) = controller.get_as(&format!("{page}{below}"), &reader).unwrap();
        assert!([404, 405].contains(&status), "{below}: {status} {text}");
        assert!(!text.contains("[core]") && !text.contains("root:"), "{below}: {text}");
    }
    let elsewhere = format!("/docs/{}/beacon/A-1/", stage.namespace());
    assert_eq!(controller.get_as(&elsewhere, &reader).unwrap().0, 403, "another Run");
}
