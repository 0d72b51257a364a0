//! Endpoints and servers of a Run that vanished without its finalizer: they go as it did, and what it leaves is never shown
//! under the name of the next Run.

use serde_json::{Value, json};

use crate::harness::controller::Controller;
use crate::harness::history::{audit_of, column};
use crate::harness::leftovers;
use crate::harness::manifests::run;
use crate::harness::people::{Person, until_heeded};
use crate::harness::polling::eventually;
use crate::harness::repositories::Repository;
use crate::harness::stage::{Stage, condition};

const ENDPOINT: &str = "relay--a-1";

/// A Run whose documents are served.
async fn served(stage: &Stage) -> (Repository, Controller) {
    let docs = stage.home_of("docs", &["A-1"]);
    let controller = stage.controller("one").lead().await;
    stage.ready_run("relay", &["A-1"], &[("docs", &docs)]).await;
    let up = |e: &Value| condition(e, "Reachable")["status"] == "True";
    stage
        .until("DocEndpoint", ENDPOINT, "its documents can be read", up)
        .await;
    (docs, controller)
}

/// Somebody takes the finalizer off and deletes the Run.
async fn force_off(stage: &Stage) {
    stage
        .patch("Run", "relay", json!({ "metadata": { "finalizers": null } }))
        .await;
    stage.delete("Run", "relay").await;
    stage.until_gone("Run", "relay").await;
}

async fn no_server_is_left(controller: &Controller) {
    let none = async || leftovers::serving(controller.data()).is_empty().then_some(());
    eventually("its docs server ends", none).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endpoint_of_a_run_that_was_forced_off_goes_with_it_and_so_does_its_server() {
    let stage = Stage::new().await;
    let (_docs, controller) = served(&stage).await;
    let listed = "SELECT endpoint FROM federated_tickets WHERE endpoint = 'relay--a-1'";
    eventually("the global view has it", async || {
        (!column(&controller.database(), listed).await.is_empty()).then_some(())
    })
    .await;
    // The controller puts the finalizer back if it is quicker than the deletion; then it is a deletion like any other.
    force_off(&stage).await;
    stage.until_gone("DocEndpoint", ENDPOINT).await;
    no_server_is_left(&controller).await;
    let ends = eventually("its end is recorded", async || {
        let told = audit_of(&controller.database(), "DocEndpoint", ENDPOINT).await;
        let ends = told.iter().filter(|t| t["type"] == "Deleted").count();
        (ends > 0).then_some(ends)
    })
    .await;
    assert_eq!(ends, 1);
    eventually("the global view forgets it", async || {
        column(&controller.database(), listed).await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_the_same_name_is_never_shown_the_workspace_of_the_one_before() {
    let stage = Stage::new().await;
    let (docs, mut controller) = served(&stage).await;
    let (_, token) = stage.cluster.kubectl(&["create", "serviceaccount", "reader"]).await;
    assert!(token.contains("created"), "{token}");
    let (done, token) = stage.cluster.kubectl(&["create", "token", "reader"]).await;
    assert!(done, "{token}");
    for line in [
        ["create", "role", "reader", "--verb=get", "--resource=runs.metawsm.dev"],
        [
            "create",
            "rolebinding",
            "reader",
            "--role=reader",
            &format!("--serviceaccount={}:reader", stage.namespace()),
        ],
    ] {
        let (done, said) = stage.cluster.kubectl(&line).await;
        assert!(done, "{said}");
    }
    let reader = Person::account(&stage.cluster, "reader");
    until_heeded(&stage.cluster, &reader, "Role", "reader").await;
    let page = format!("/docs/{}/relay/A-1/", stage.namespace());
    let shown = |controller: &Controller| controller.get_as(&page, token.trim());
    assert_eq!(shown(&controller).map(|(status, _)| status), Some(200));

    controller.kill9();
    force_off(&stage).await;
    let next = run("relay", &["A-1"], &[("docs", &docs)], json!({ "suspend": true }));
    stage.create(&next).await;
    assert_eq!(leftovers::serving(controller.data()).len(), 1, "the old server lives");
    controller.restart().await;
    let (status, text) = shown(&controller).unwrap();
    assert_eq!(status, 404, "{text}");
    stage.until_gone("DocEndpoint", ENDPOINT).await;
    assert_eq!(shown(&controller).map(|(status, _)| status), Some(404));
    no_server_is_left(&controller).await;
    let free = |t: &Value| t["status"]["authority"]["kind"] != "Workspace";
    stage
        .until("TicketTopology", "a-1", "the workspace rules no more", free)
        .await;
}
