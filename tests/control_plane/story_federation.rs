//! Which copy of a ticket's documents is the truth, as runs come and go and servers answer, age and fall silent.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::docs_server::DocsServer;
use crate::harness::history::metawsm;
use crate::harness::manifests::{endpoint, topology};
use crate::harness::polling::{eventually, never_within};
use crate::harness::requests::Requests;
use crate::harness::stage::{Stage, condition};
use crate::sabotage::place;
use crate::validator;

const LOOPBACK: (&str, &str) = ("METAWSM_DOCS_ALLOW_CIDR", "127.0.0.1/32");

fn of_docs(name: &str, server: &DocsServer, home: &str) -> Value {
    // Longer than a whole story takes on a busy machine, and less than the age of an index that is to be stale.
    let rest = json!({"webURL": "https://docs.example.com/", "staleAfter": "50m"});
    endpoint(name, &server.url(), ("docs", home), rest)
}

fn authority(object: &Value) -> (&str, &str) {
    let authority = &object["status"]["authority"];
    let word = |field: &str| authority[field].as_str().unwrap_or_default();
    (word("kind"), word("endpoint"))
}

fn fresh(object: &Value) -> &str {
    condition(object, "Fresh")["status"].as_str().unwrap_or_default()
}

/// What `kubectl get` shows of the topology while its workspace rules.
async fn the_columns_tell_it(stage: &Stage) {
    let (read, table) = stage.cluster.kubectl(&["get", "topo,docep"]).await;
    assert!(read, "{table}");
    for words in [
        "TICKET",
        "DOC-HOME",
        "AUTHORITY",
        "STATUS",
        "FRESH",
        "RUNS",
        "REACHABLE",
        "INDEXED",
        "TICKETS",
    ] {
        assert!(table.contains(words), "{words} in\n{table}");
    }
    let line = table
        .lines()
        .find(|l| l.starts_with("tickettopology") && l.contains("a-1"))
        .expect("its line");
    let cells: Vec<_> = line.split_whitespace().collect();
    assert_eq!(cells[1..4], ["A-1", "docs", "Workspace"], "{table}");
    assert!(
        cells[4..].contains(&"True") && cells[4..].contains(&"1"),
        "fresh, one run: {table}"
    );
}

/// The global view has a ticket without topology or run.
async fn a_ticket_of_nobody_is_listed(database: &Path) {
    let listed = eventually("a ticket without topology or run is in the global view", async || {
        let listed = metawsm(database, &["docs", "list", "-o", "json"]).await;
        let listed: Vec<Value> = serde_json::from_str(&listed).unwrap_or_default();
        listed.iter().any(|l| l["ticket"] == "LONELY-7").then_some(listed)
    })
    .await;
    let lonely = listed.iter().find(|l| l["ticket"] == "LONELY-7").unwrap();
    assert_eq!(
        (&lonely["authority"], &lonely["reason"]),
        (&json!("Repo"), &json!("NoTopology"))
    );
}

#[tokio::test]
async fn the_authority_goes_to_the_workspace_when_a_run_starts_and_back_when_it_ends() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let server = DocsServer::of(&[("A-1", "active"), ("LONELY-7", "review")]).await;
    let controller = stage.controller("a").with(LOOPBACK.0, LOOPBACK.1);
    let controller = controller
        .with("METAWSM_PUBLIC_URL", "https://metawsm.example.com")
        .lead()
        .await;
    stage.create(&topology("a-1", "A-1", ("docs", &docs.url()))).await;
    stage.create(&of_docs("docs", &server, &docs.url())).await;
    let between = stage
        .until("TicketTopology", "a-1", "the repository's copy rules", |t| {
            authority(t) == ("Repo", "docs") && fresh(t) == "True"
        })
        .await;
    assert_eq!(between["status"]["record"]["status"], "active");
    assert_eq!(
        between["status"]["authority"]["webURL"],
        "https://docs.example.com/ticket/A-1"
    );

    stage.ready_run("relay", &["A-1"], &[("docs", &docs)]).await;
    let ours = |t: &Value| authority(t) == ("Workspace", "relay--a-1") && fresh(t) == "True";
    let during = stage
        .until("TicketTopology", "a-1", "the workspace's copy rules, fresh", ours)
        .await;
    assert_eq!(
        during["status"]["authority"]["webURL"],
        format!("https://metawsm.example.com/docs/{}/relay/A-1/", stage.namespace())
    );
    let alternate = &during["status"]["alternates"][0];
    assert_eq!(
        (&alternate["endpoint"], &alternate["reason"]),
        (&json!("docs"), &json!("WorkspaceRules"))
    );
    stage
        .until("DocEndpoint", "relay--a-1", "it is reachable", |e| {
            condition(e, "Reachable")["status"] == "True"
        })
        .await;

    the_columns_tell_it(&stage).await;
    a_ticket_of_nobody_is_listed(&controller.database()).await;
    let place = place(&stage, controller.database());
    assert_eq!(validator::flaws(&place).await, [], "while the workspace rules");

    stage.delete("Run", "relay").await;
    stage.until_gone("Run", "relay").await;
    stage
        .until("TicketTopology", "a-1", "the repository's copy rules again", |t| {
            authority(t) == ("Repo", "docs")
        })
        .await;
    stage.until_gone("DocEndpoint", "relay--a-1").await;
    let streams = stage.streams();
    for event in [
        "topology.authority.changed",
        "docs.endpoint.up",
        "docs.endpoint.deleted",
    ] {
        streams.first(event).await;
    }
    assert_eq!(validator::flaws(&place).await, [], "in the end");
}

#[tokio::test]
async fn a_stale_index_becomes_fresh_on_request_and_two_hundred_requests_are_few_refreshes() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let server = DocsServer::of(&[("A-1", "active")]).await;
    server.age(Duration::from_secs(3600));
    let controller = stage.controller("a").with(LOOPBACK.0, LOOPBACK.1);
    // What is compared are moments, which are cut to whole milliseconds.
    let apart = Duration::from_millis(2_999);
    let _controller = controller.with("METAWSM_DOCS_REFRESH_INTERVAL", "3s").lead().await;
    stage.create(&topology("a-1", "A-1", ("docs", &docs.url()))).await;
    stage.create(&of_docs("docs", &server, &docs.url())).await;
    stage
        .until("TicketTopology", "a-1", "it is known and stale", |t| {
            fresh(t) == "False" && authority(t).0 == "Repo"
        })
        .await;
    assert_eq!(server.refreshes(), 0, "nobody asked for one");

    let ask = json!({"metadata": {"annotations": {"metawsm.dev/requestedAt": "now"}}});
    stage.patch("TicketTopology", "a-1", ask).await;
    let now = stage
        .until("TicketTopology", "a-1", "it is fresh", |t| fresh(t) == "True")
        .await;
    assert_eq!(now["status"]["lastHandledRequest"], "now");
    let answered = |e: &Value| e["status"]["lastHandledRequest"] == "now" && !e["status"]["lastRefreshAt"].is_null();
    stage
        .until("DocEndpoint", "docs", "the request is answered", answered)
        .await;
    assert_eq!(server.refreshes(), 1);

    let begun = Instant::now();
    for n in 0..200 {
        let ask = json!({"metadata": {"annotations": {"metawsm.dev/requestedAt": format!("burst-{n}")}}});
        stage.patch("DocEndpoint", "docs", ask).await;
    }
    let last = |e: &Value| e["status"]["lastHandledRequest"] == "burst-199";
    stage
        .until("DocEndpoint", "docs", "the last of the burst is answered", last)
        .await;
    // One before, one at once, and one more for each interval that the burst took: two hundred requests take as long as
    // the machine lets them.
    let most = 2 + begun.elapsed().as_millis() / apart.as_millis();
    let made = server.refreshes() as u128;
    assert!(
        (2..=most).contains(&made),
        "{made} refreshes for 200 requests; {most} have room"
    );
    stage.streams().first("docs.index.refreshed").await;
}

#[tokio::test]
async fn a_server_that_falls_silent_keeps_its_last_answer_and_says_so_also_after_a_restart() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let server = DocsServer::of(&[("A-1", "active")]).await;
    let mut controller = stage.controller("a").with(LOOPBACK.0, LOOPBACK.1).lead().await;
    stage.create(&topology("a-1", "A-1", ("docs", &docs.url()))).await;
    stage.create(&of_docs("docs", &server, &docs.url())).await;
    stage
        .until("TicketTopology", "a-1", "it is fresh", |t| fresh(t) == "True")
        .await;

    server.up(false);
    let silent = |t: &Value| t["status"]["record"]["stale"] == true;
    let unasked = stage.until("TicketTopology", "a-1", "it says stale", silent).await;
    let flaws = validator::flaws(&place(&stage, controller.database())).await;
    assert_eq!(flaws, [], "while it is silent");
    assert_eq!(authority(&unasked), ("Repo", "docs"));
    assert_eq!(unasked["status"]["record"]["title"], "Work on A-1");
    let unready = |e: &Value| condition(e, "Reachable")["reason"] == "NotReady" && e["status"]["tickets"] == 1;
    stage
        .until("DocEndpoint", "docs", "it says so and keeps what it knew", unready)
        .await;

    controller.terminate().await;
    controller.restart().await;
    let asked = server.questions();
    eventually("it is asked again", async || {
        (server.questions() > asked + 1).then_some(())
    })
    .await;
    let after = stage.topology("a-1").await;
    assert_eq!(authority(&after), ("Repo", "docs"), "{:#}", after["status"]);
    assert_eq!(after["status"]["record"]["title"], "Work on A-1");
    server.up(true);
    stage
        .until("TicketTopology", "a-1", "it is fresh again", |t| fresh(t) == "True")
        .await;
    stage.streams().first("docs.endpoint.down").await;
    assert_eq!(validator::flaws(&place(&stage, controller.database())).await, []);
}

#[tokio::test]
async fn quiet_servers_cost_no_writes() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let server = DocsServer::of(&[("A-1", "active")]).await;
    let _controller = stage.controller("a").with(LOOPBACK.0, LOOPBACK.1).lead().await;
    stage.create(&topology("a-1", "A-1", ("docs", &docs.url()))).await;
    stage.create(&of_docs("docs", &server, &docs.url())).await;
    stage
        .until("TicketTopology", "a-1", "it is fresh", |t| fresh(t) == "True")
        .await;
    let heard = |e: &Value| condition(e, "Reachable")["status"] == "True";
    stage.until("DocEndpoint", "docs", "it says so itself", heard).await;
    let asked = server.questions();
    eventually("a few rounds pass", async || {
        (server.questions() > asked + 2).then_some(())
    })
    .await;
    let Some(requests) = Requests::from_now(stage.namespace()) else {
        return;
    };
    let asked = server.questions();
    eventually("five rounds pass", async || {
        (server.questions() > asked + 5).then_some(())
    })
    .await;
    let writes = requests.writes();
    assert!(
        writes
            .iter()
            .filter(|w| w.contains("docendpoints") || w.contains("tickettopologies"))
            .count()
            <= 1,
        "{writes:?}"
    );
}

#[tokio::test]
async fn nobody_points_a_workspace_endpoint_anywhere() {
    let stage = Stage::new().await;
    let server = DocsServer::of(&[("A-1", "active")]).await;
    let _controller = stage.controller("a").with(LOOPBACK.0, LOOPBACK.1).lead().await;
    let forged = json!({
        "apiVersion": "metawsm.dev/v1alpha1", "kind": "DocEndpoint", "metadata": {"name": "relay--a-1"},
        "spec": {"kind": "Workspace", "repo": "docs", "runRef": {"name": "relay", "uid": "u-1"}, "ticket": "A-1", "interval": "1s"},
    });
    stage.create(&forged).await;
    let refused = |e: &Value| condition(e, "Reachable")["reason"] == "NotOwnedByRun";
    let told = stage.until("DocEndpoint", "relay--a-1", "it is refused", refused).await;
    assert_eq!(condition(&told, "Stalled")["status"], "True");
    stage
        .patch_status("DocEndpoint", "relay--a-1", json!({"url": server.url()}))
        .await;
    never_within(Duration::from_secs(3), "the server is asked", async || {
        (server.questions() > 0).then(|| "a question came".to_owned())
    })
    .await;
}
