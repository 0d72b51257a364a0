//! Docs servers, controller, or both are killed: within two intervals what is said of authority and freshness is honest,
//! and all settles by itself once they are back.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::harness::controller::Controller;
use crate::harness::history::audit_of;
use crate::harness::leftovers;
use crate::harness::manifests::topology;
use crate::harness::polling::Standstill;
use crate::harness::real_docs_server::RealDocsServer;
use crate::harness::stage::{Stage, condition};

/// How often servers are asked here: what a busy machine takes for a round is little beside it.
const INTERVAL: Duration = Duration::from_secs(8);
/// Give or take a tenth, and its own time for a round.
const TWO_INTERVALS: Duration = Duration::from_secs(17);

fn endpoint(server: &RealDocsServer, home: &str) -> Value {
    json!({
        "apiVersion": "metawsm.dev/v1alpha1", "kind": "DocEndpoint", "metadata": {"name": "docs"},
        "spec": {
            "kind": "Repo", "url": server.url(), "repo": "docs", "repoURL": home, "timeout": "6s", "staleAfter": "1h",
            "interval": format!("{}s", INTERVAL.as_secs()),
        },
    })
}

/// Authority, whether it says stale, and the word of `Fresh`.
fn says(topology: &Value) -> (String, bool, String) {
    let status = &topology["status"];
    let word = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    (
        word(&status["authority"]["endpoint"]),
        status["record"]["stale"] == true,
        word(&condition(topology, "Fresh")["reason"]),
    )
}

fn is(endpoint: &'static str, stale: bool, reason: &'static str) -> impl Fn(&Value) -> bool {
    move |t| says(t) == (endpoint.to_owned(), stale, reason.to_owned())
}

/// When a condition last changed, by the controller's clock.
fn since(object: &Value, kind: &str) -> Timestamp {
    let at = condition(object, kind)["lastTransitionTime"]
        .as_str()
        .unwrap_or_default();
    at.parse().expect("a time")
}

fn soon_after(killed: &(Timestamp, Standstill), told: Timestamp, what: &str) {
    let took = told.duration_since(killed.0);
    // Conditions tell whole seconds, and nobody works while the machine stands still.
    let most = TWO_INTERVALS + Duration::from_secs(1) + killed.1.so_far();
    let most = jiff::SignedDuration::try_from(most).unwrap();
    assert!(
        took <= most,
        "{what}: told {took:?} after the kill, of at most {most:?}"
    );
}

/// A repository whose documents are served, with a topology written by hand.
async fn repository(stage: &Stage) -> (RealDocsServer, crate::harness::repositories::Repository, Controller) {
    let docs = stage.home_of("docs", &["A-1"]);
    let server = RealDocsServer::of(&docs.path).await;
    let controller = stage.controller("a").with("METAWSM_DOCS_ALLOW_CIDR", "127.0.0.1/32");
    let controller = controller.lead().await;
    stage.create(&topology("a-1", "A-1", ("docs", &docs.url()))).await;
    stage.create(&endpoint(&server, &docs.url())).await;
    let fresh = is("docs", false, "IndexYoung");
    stage
        .until("TicketTopology", "a-1", "the repository rules, fresh", fresh)
        .await;
    (server, docs, controller)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repositorys_server_that_is_killed_is_told_within_two_intervals_and_comes_back_by_itself() {
    let stage = Stage::new().await;
    let (mut server, _docs, mut controller) = repository(&stage).await;

    let killed = (Timestamp::now(), Standstill::from_now());
    server.kill();
    let unheard = is("docs", true, "Unreachable");
    let told = stage.until("TicketTopology", "a-1", "it says stale", &unheard).await;
    soon_after(&killed, since(&told, "Fresh"), "the server alone");
    let refused = |e: &Value| condition(e, "Reachable")["reason"] == "ConnectFailed";
    let down = stage.until("DocEndpoint", "docs", "it says so itself", refused).await;
    soon_after(&killed, since(&down, "Reachable"), "the server alone, at its endpoint");
    server.start().await;
    let fresh = is("docs", false, "IndexYoung");
    stage.until("TicketTopology", "a-1", "it is fresh again", &fresh).await;

    // The controller alone: what it said before is still true, and stays.
    controller.kill9();
    controller.restart().await;
    let again = stage.topology("a-1").await;
    assert_eq!(says(&again), ("docs".to_owned(), false, "IndexYoung".to_owned()));

    // Both at once: nobody is there to say so before the controller is back.
    controller.kill9();
    server.kill();
    controller.restart().await;
    let back = (Timestamp::now(), Standstill::from_now());
    let told = stage.until("TicketTopology", "a-1", "it says stale", &unheard).await;
    soon_after(&back, since(&told, "Fresh"), "both");
    server.start().await;
    stage.until("TicketTopology", "a-1", "it is fresh again", &fresh).await;

    stage.until_told(&controller.database()).await;
    let moves = audit_of(&controller.database(), "TicketTopology", "a-1").await;
    let moves: Vec<_> = moves.iter().filter(|m| m["type"] == "AuthorityChanged").collect();
    let last = moves.last().unwrap();
    assert_eq!(last["facts"]["toEndpoint"], "docs");
    assert!(
        moves.len() <= 2,
        "the authority moved though nothing else served it: {moves:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_stays_the_truth_whatever_of_its_server_and_the_controller_is_killed() {
    let stage = Stage::new().await;
    let (_server, docs, mut controller) = repository(&stage).await;
    stage.ready_run("relay", &["A-1"], &[("docs", &docs)]).await;
    let fresh = is("relay--a-1", false, "IndexYoung");
    stage
        .until("TicketTopology", "a-1", "the workspace rules", &fresh)
        .await;
    let interval = json!({ "spec": { "interval": format!("{}s", INTERVAL.as_secs()) } });
    stage.patch("DocEndpoint", "relay--a-1", interval).await;

    for with_controller in [false, true] {
        let reachable = |e: &Value| condition(e, "Reachable")["status"] == "True";
        let before = stage.until("DocEndpoint", "relay--a-1", "it answers", reachable).await;
        let before = before["status"]["url"].clone();
        if with_controller {
            controller.kill9();
        }
        // The supervisor, and the server with it.
        for process in leftovers::serving(controller.data()) {
            process.end_session(Duration::from_secs(5));
        }
        if with_controller {
            controller.restart().await;
        }
        let served = |e: &Value| {
            let moved = e["status"]["url"] != before;
            moved && condition(e, "Reachable")["status"] == "True" && condition(e, "Fresh")["status"] == "True"
        };
        stage
            .until("DocEndpoint", "relay--a-1", "another server answers", served)
            .await;
        stage
            .until("TicketTopology", "a-1", "the workspace rules", &fresh)
            .await;
    }
    stage.until_told(&controller.database()).await;
    let moves = audit_of(&controller.database(), "TicketTopology", "a-1").await;
    let to: Vec<_> = moves
        .iter()
        .filter(|m| m["type"] == "AuthorityChanged")
        .map(|m| m["facts"]["toEndpoint"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(to.last(), Some(&"relay--a-1"));
    let first = to.iter().position(|e| *e == "relay--a-1").unwrap();
    assert_eq!(first, to.len() - 1, "the truth never left the workspace: {to:?}");

    stage.delete("Run", "relay").await;
    stage.until_gone("Run", "relay").await;
    let back = is("docs", false, "IndexYoung");
    stage
        .until("TicketTopology", "a-1", "the repository rules again", back)
        .await;
}
