//! What a controller needs seldom of what the chart gives it: to read an object by its name while the watch is silent,
//! and to ask about those who read documents through it.

use serde_json::{Value, json};

use crate::harness::docs_server::DocsServer;
use crate::harness::manifests::{run, topology};
use crate::harness::polling::eventually;
use crate::harness::stage::{Stage, condition};
use crate::road::{Road, Script};

#[tokio::test]
async fn an_object_whose_watch_stays_silent_is_read_by_its_name() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let server = DocsServer::of(&[("A-1", "active")]).await;
    let settings = stage.controller("a").with("METAWSM_DOCS_ALLOW_CIDR", "127.0.0.1/32");
    let account = settings.kubeconfig();
    let road = Road::to(account.to_str().unwrap(), Script::clean()).await;
    let _controller = settings.with("KUBECONFIG", road.kubeconfig("any")).lead().await;
    stage.create(&topology("a-1", "A-1", ("docs", &docs.url()))).await;
    let endpoint = json!({
        "apiVersion": "metawsm.dev/v1alpha1", "kind": "DocEndpoint", "metadata": {"name": "docs"},
        "spec": {"kind": "Repo", "url": server.url(), "repo": "docs", "repoURL": docs.url(), "interval": "1s"},
    });
    stage.create(&endpoint).await;
    for (kind, path, name, what) in [
        ("TicketTopology", "/tickettopologies", "a-1", "Fresh"),
        ("DocEndpoint", "/docendpoints", "docs", "Reachable"),
    ] {
        let is = |status: &'static str| move |o: &Value| condition(o, what)["status"] == status;
        stage.until(kind, name, "it answers", is("True")).await;
        road.change(|t| t.swallow = Some((path.to_owned(), name.to_owned(), 1000)));
        // The controller never hears of this write of its own …
        server.up(false);
        let down = |o: &Value| condition(o, what)["status"] != "True";
        stage.until(kind, name, "it is silent", down).await;
        // … and so has to read the object before it may write again.
        server.up(true);
        stage.until(kind, name, "it answers again", is("True")).await;
    }
    assert!(road.done().keys().any(|k| k.contains("Swallow")), "{:?}", road.done());
}

#[tokio::test]
async fn who_reads_documents_is_asked_about_by_the_controllers_own_account() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let settings = stage.controller("a");
    let known = std::fs::read_to_string(settings.kubeconfig()).unwrap();
    let known: Value = serde_saphyr::from_str(&known).unwrap();
    let token = known["users"][0]["user"]["token"].as_str().unwrap().to_owned();
    let controller = settings.lead().await;
    stage.create(&run("one", &["A-1"], &[("docs", &docs)], json!({}))).await;
    let served = |r: &Value| condition(r, "DocsServed")["status"] == "True";
    stage.until("Run", "one", "its documents are served", served).await;
    let path = format!("/docs/{}/one/A-1/", stage.namespace());
    eventually("the account, which may see the Run, sees its documents", async || {
        controller.get_as(&path, &token).filter(|(code, _)| *code == 200)
    })
    .await;
    let (code, _) = controller.get_as(&path, "nobody").expect("it answers");
    assert_eq!(code, 401);
}
