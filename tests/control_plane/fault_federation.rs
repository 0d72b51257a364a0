//! Endpoints that cannot be read or vanish unseen stop nobody, are told, and leave nothing behind.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::docs_server::DocsServer;
use crate::harness::history::{audit_of, column};
use crate::harness::manifests::topology;
use crate::harness::polling::eventually;
use crate::harness::stage::{Stage, condition};

/// A date for the schema, and for nobody else.
const IMPOSSIBLE: &str = "2026-11-21T08:00:00+99:99";

fn endpoint(name: &str, server: &DocsServer, home: &str) -> Value {
    json!({
        "apiVersion": "metawsm.dev/v1alpha1", "kind": "DocEndpoint", "metadata": {"name": name},
        "spec": {"kind": "Repo", "url": server.url(), "repo": "docs", "repoURL": home, "interval": "1s"},
    })
}

fn ruled_by(name: &'static str) -> impl Fn(&Value) -> bool {
    move |t| t["status"]["authority"]["endpoint"] == name
}

/// Endpoints in the global view.
async fn listed(database: &Path) -> Vec<String> {
    column(
        database,
        "SELECT DISTINCT endpoint FROM federated_tickets ORDER BY endpoint",
    )
    .await
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_read_stops_no_other_and_can_be_deleted() {
    let stage = Stage::new().await;
    let (broken, sound) = (
        DocsServer::of(&[("A-1", "active")]).await,
        DocsServer::of(&[("B-1", "active")]).await,
    );
    let controller = stage.controller("a").with("METAWSM_DOCS_ALLOW_CIDR", "127.0.0.1/32");
    let mut controller = controller.lead().await;
    stage.create(&endpoint("broken", &broken, "/srv/one")).await;
    stage.create(&topology("a-1", "A-1", ("docs", "/srv/one"))).await;
    stage
        .until("TicketTopology", "a-1", "it rules", ruled_by("broken"))
        .await;
    controller.kill9();
    stage
        .patch_status("DocEndpoint", "broken", json!({ "indexedAt": IMPOSSIBLE }))
        .await;
    controller.restart().await;
    eventually("a Kubernetes Event tells it", async || {
        let notes = stage.cluster.events_about("broken").await;
        let told = |(kind, reason, note): &(String, String, String)| {
            kind == "Warning" && reason == "Undecodable" && note.contains("delete")
        };
        notes.iter().any(told).then_some(())
    })
    .await;

    stage.create(&endpoint("sound", &sound, "/srv/two")).await;
    stage.create(&topology("b-1", "B-1", ("docs", "/srv/two"))).await;
    stage
        .until("TicketTopology", "b-1", "the other rules", ruled_by("sound"))
        .await;
    let left = stage.get("DocEndpoint", "broken").await;
    assert_eq!(left["status"]["indexedAt"], IMPOSSIBLE, "it is left alone");

    stage.delete("DocEndpoint", "broken").await;
    stage.until_gone("DocEndpoint", "broken").await;
    let nobody = |t: &Value| t["status"]["authority"]["kind"] == "None";
    stage.until("TicketTopology", "a-1", "nobody rules", nobody).await;
    eventually("the global view forgets it", async || {
        (listed(&controller.database()).await == ["sound"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_that_vanished_while_the_controller_was_down_is_told_once_and_rules_no_more() {
    let stage = Stage::new().await;
    let (gone, stays) = (
        DocsServer::of(&[("A-1", "active")]).await,
        DocsServer::of(&[("B-1", "active")]).await,
    );
    let controller = stage.controller("a").with("METAWSM_DOCS_ALLOW_CIDR", "127.0.0.1/32");
    let mut controller = controller.lead().await;
    stage.create(&endpoint("gone", &gone, "/srv/one")).await;
    stage.create(&endpoint("stays", &stays, "/srv/two")).await;
    stage.create(&topology("a-1", "A-1", ("docs", "/srv/one"))).await;
    stage.until("TicketTopology", "a-1", "it rules", ruled_by("gone")).await;
    eventually("the global view has both", async || {
        (listed(&controller.database()).await == ["gone", "stays"]).then_some(())
    })
    .await;

    controller.kill9();
    stage
        .patch("DocEndpoint", "gone", json!({ "metadata": { "finalizers": null } }))
        .await;
    stage.delete("DocEndpoint", "gone").await;
    stage.until_gone("DocEndpoint", "gone").await;
    controller.restart().await;

    let nobody =
        |t: &Value| t["status"]["authority"]["kind"] == "None" && condition(t, "AuthorityKnown")["status"] == "False";
    let told = stage.until("TicketTopology", "a-1", "nobody rules", nobody).await;
    assert_eq!(condition(&told, "Fresh")["reason"], "NoAuthority");
    assert_eq!(
        told["status"]["record"]["title"], "Work on A-1",
        "the last answer is kept"
    );
    assert_eq!(told["status"]["record"]["stale"], true);
    let event = stage.streams().first("docs.endpoint.deleted").await;
    assert_eq!(event.event.data["inferred"], true);
    let ends = audit_of(&controller.database(), "DocEndpoint", "gone").await;
    assert_eq!(ends.iter().filter(|f| f["type"] == "Deleted").count(), 1, "{ends:?}");
    eventually("the global view forgets it", async || {
        (listed(&controller.database()).await == ["stays"]).then_some(())
    })
    .await;
}
