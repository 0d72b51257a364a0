//! Endpoints that cannot be read or vanish unseen stop nobody, are told, and leave nothing behind.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::docs_server::DocsServer;
use crate::harness::history::{audit_of, column};
use crate::harness::manifests::{endpoint, topology};
use crate::harness::polling::{eventually, never_within};
use crate::harness::stage::{Stage, condition};
use crate::sabotage::place;
use crate::validator;

/// A date for the schema, and for nobody else.
const IMPOSSIBLE: &str = "2026-11-21T08:00:00+99:99";

fn of_docs(name: &str, server: &DocsServer, home: &str) -> Value {
    endpoint(name, &server.url(), ("docs", home), json!({}))
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
    stage.create(&of_docs("broken", &broken, "/srv/one")).await;
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

    stage.create(&of_docs("sound", &sound, "/srv/two")).await;
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
async fn an_endpoint_that_becomes_unreadable_while_it_rules_rules_no_more_once_it_is_deleted() {
    let stage = Stage::new().await;
    let server = DocsServer::of(&[("A-1", "active")]).await;
    let controller = stage.controller("a").with("METAWSM_DOCS_ALLOW_CIDR", "127.0.0.1/32");
    let controller = controller.lead().await;
    stage.create(&of_docs("docs", &server, "/srv/one")).await;
    stage.create(&topology("a-1", "A-1", ("docs", "/srv/one"))).await;
    stage.until("TicketTopology", "a-1", "it rules", ruled_by("docs")).await;
    let impossible = json!({ "indexedAt": IMPOSSIBLE });
    stage.patch_status("DocEndpoint", "docs", impossible).await;
    stage.delete("DocEndpoint", "docs").await;
    stage.until_gone("DocEndpoint", "docs").await;
    let nobody = |t: &Value| t["status"]["authority"]["kind"] == "None";
    stage.until("TicketTopology", "a-1", "nobody rules", nobody).await;
    eventually("the global view forgets it", async || {
        listed(&controller.database()).await.is_empty().then_some(())
    })
    .await;
    let asked = server.questions();
    never_within(Duration::from_secs(3), "it is asked on", async || {
        let now = server.questions();
        (now > asked).then(|| format!("{now} questions after {asked}"))
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
    stage.create(&of_docs("gone", &gone, "/srv/one")).await;
    stage.create(&of_docs("stays", &stays, "/srv/two")).await;
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
    assert_eq!(validator::flaws(&place(&stage, controller.database())).await, []);
}
