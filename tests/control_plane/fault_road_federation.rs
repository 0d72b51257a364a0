//! A repository's endpoint over a faulty road to the API server: asked, changed, refreshed, silent, back and deleted, it ends
//! as over a clean road: same facts and events in order, none twice, the same copy the truth at each rest, its server asked
//! for no refresh more, and no storm of writes. Seeds as in `fault_road`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::fault_road::{LONG, compare, over, tell};
use crate::harness::cluster::variable;
use crate::harness::docs_server::DocsServer;
use crate::harness::history::{audit_of, verify};
use crate::harness::manifests::{endpoint, topology};
use crate::harness::polling::within;
use crate::harness::requests::Requests;
use crate::harness::stage::{Stage, condition, is_calm};
use crate::road::{Road, Script, script};
use crate::sabotage::place;
use crate::sabotage_federation::LOOPBACK;
use crate::validator;

/// The home of the ticket, and a repository of the same name that is not.
const HOMES: (&str, &str) = ("/srv/docs", "/srv/other");
/// Older than what is there, and young enough: taking it is no news of a younger index.
const OLDER: Duration = Duration::from_secs(600);

/// Everything that must be the same over any road.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    /// What was recorded and told, by object, in order.
    told: Vec<String>,
    /// What topology and endpoint say where the story rests.
    rests: Vec<String>,
    refreshes: usize,
}

fn is(object: &Value, kind: &str, status: &str) -> bool {
    condition(object, kind)["status"] == status
}

/// What they say, without times and addresses, and without what a bad road alone makes them say for a while.
async fn rest(stage: &Stage, what: &str) -> String {
    let calm = async |kind: &str, name: &str| stage.until(kind, name, "no pass over it fails", is_calm).await;
    let (topology, endpoint) = (calm("TicketTopology", "a-1").await, calm("DocEndpoint", "docs").await);
    let conditions = |o: &Value| -> Vec<String> {
        let list = o["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let mut lines: Vec<_> = list
            .iter()
            .map(|c| format!("{}={} {}", c["type"], c["status"], c["reason"]))
            .collect();
        lines.sort();
        lines
    };
    let (t, e) = (&topology["status"], &endpoint["status"]);
    let record = ["title", "status", "stale", "source"].map(|field| t["record"][field].clone());
    let others: Vec<_> = t["alternates"].as_array().into_iter().flatten().collect();
    let others: Vec<_> = others.iter().map(|a| (&a["endpoint"], &a["reason"])).collect();
    let counts = ["reachable", "tickets", "docsIndexed", "lastHandledRequest"].map(|field| e[field].clone());
    format!(
        "{what}: {} {record:?} {others:?} {:?} {counts:?} {:?}",
        t["authority"],
        conditions(&topology),
        conditions(&endpoint)
    )
}

/// Refreshed by the endpoint's annotation, then by the topology's.
async fn refreshed(stage: &Stage, second: &DocsServer, rests: &mut Vec<String>) {
    for (kind, name, request) in [("DocEndpoint", "docs", "now"), ("TicketTopology", "a-1", "again")] {
        let ask = json!({"metadata": {"annotations": {"metawsm.dev/requestedAt": request}}});
        stage.patch(kind, name, ask).await;
        let answered =
            |e: &Value| e["status"]["lastHandledRequest"] == request && e["status"]["indexedAt"] == second.indexed_at();
        stage
            .until("DocEndpoint", "docs", "the request is answered", answered)
            .await;
        let heard = |t: &Value| {
            let indexed = &t["status"]["record"]["indexedAt"];
            *indexed == second.indexed_at() && is(t, "Fresh", "True")
        };
        stage
            .until("TicketTopology", "a-1", "the new index is heard", heard)
            .await;
        rests.push(rest(stage, request).await);
    }
    let answered = |t: &Value| t["status"]["lastHandledRequest"] == "again";
    stage
        .until("TicketTopology", "a-1", "its request is answered", answered)
        .await;
}

/// The story: what came of it, and the number of writes.
async fn story(stage: &Stage, servers: &[DocsServer; 3]) -> (Outcome, usize) {
    let requests = Requests::from_now(stage.namespace());
    let [first, second, other] = servers;
    let mut rests = vec![];
    let until = async |kind: &str, name: &str, what: &str, judge: &dyn Fn(&Value) -> bool| {
        stage.until(kind, name, what, judge).await;
    };
    stage.create(&topology("a-1", "A-1", ("docs", HOMES.0))).await;
    let nobody = |t: &Value| t["status"]["authority"]["kind"] == "None";
    until("TicketTopology", "a-1", "nobody has it", &nobody).await;
    let patient = json!({"timeout": "30s", "staleAfter": "24h", "webURL": "https://one.example.com"});
    let made = |name, server: &DocsServer, home| endpoint(name, &server.url(), ("docs", home), patient.clone());
    stage.create(&made("docs", first, HOMES.0)).await;
    let rules = |t: &Value| t["status"]["authority"]["endpoint"] == "docs" && is(t, "Fresh", "True");
    until("TicketTopology", "a-1", "the home's copy rules", &rules).await;
    stage.create(&made("other", other, HOMES.1)).await;
    let beside = |t: &Value| t["status"]["alternates"][0]["endpoint"] == "other";
    until("TicketTopology", "a-1", "another home is beside it", &beside).await;
    // The topology may know of it before its own status does.
    until("DocEndpoint", "other", "it is told", &|e| is(e, "Ready", "True")).await;
    until("DocEndpoint", "docs", "its tickets are counted", &|e| {
        e["status"]["tickets"] == 2
    })
    .await;
    rests.push(rest(stage, "probed").await);

    let site = json!({"spec": {"webURL": "https://two.example.com", "url": second.url()}});
    stage.patch("DocEndpoint", "docs", site).await;
    let moved = |t: &Value| {
        t["status"]["record"]["status"] == "review"
            && t["status"]["authority"]["webURL"] == "https://two.example.com/ticket/A-1"
    };
    until("TicketTopology", "a-1", "it is read elsewhere", &moved).await;
    until("DocEndpoint", "docs", "its tickets are counted", &|e| {
        e["status"]["tickets"] == 1
    })
    .await;
    rests.push(rest(stage, "changed").await);

    refreshed(stage, second, &mut rests).await;
    for (up, value) in [(false, "False"), (true, "True")] {
        second.up(up);
        until("DocEndpoint", "docs", "it is seen", &|e| is(e, "Reachable", value)).await;
        until("TicketTopology", "a-1", "it is told", &|t| is(t, "Fresh", value)).await;
        rests.push(rest(stage, if up { "back" } else { "silent" }).await);
    }

    stage.delete("DocEndpoint", "docs").await;
    stage.until_gone("DocEndpoint", "docs").await;
    until("TicketTopology", "a-1", "nobody has it any more", &nobody).await;
    rests.push(rest(stage, "gone").await);
    let writes = requests.map_or(0, |r| r.writes().len());
    let refreshes = servers.iter().map(DocsServer::refreshes).sum();
    let told = vec![];
    (Outcome { told, rests, refreshes }, writes)
}

/// What was recorded of each object and told of it, in order; nothing twice, nothing left out.
async fn told(stage: &Stage, database: &std::path::Path) -> Vec<String> {
    let mut lines = vec![];
    for (kind, name) in [
        ("DocEndpoint", "docs"),
        ("DocEndpoint", "other"),
        ("TicketTopology", "a-1"),
    ] {
        for (n, fact) in audit_of(database, kind, name).await.iter().enumerate() {
            assert_eq!(fact["seq"], n + 1, "{kind} {name}: no fact twice, none missing");
            let facts = ["to", "toEndpoint", "reason", "request", "ticket"].map(|field| fact["facts"][field].clone());
            lines.push(format!("{kind} {name} {} {facts:?}", fact["type"]));
        }
        let all = stage.streams().all().await;
        let subject = format!("{}/{name}", stage.namespace());
        let about = all
            .iter()
            .filter(|(_, e)| e.event.subject.ends_with(&subject) && e.event.subject.starts_with(kind));
        lines.extend(about.map(|(_, e)| format!("{kind} {name} {}", e.event.event_type)));
    }
    lines
}

async fn travel(script: Script) -> (Outcome, usize) {
    let stage = Stage::new().await;
    let servers = [
        DocsServer::of(&[("A-1", "active"), ("B-2", "active")]).await,
        DocsServer::of(&[("A-1", "review")]).await,
        DocsServer::of(&[("A-1", "done")]).await,
    ];
    servers[1].age(OLDER);
    let road = Road::to(&variable("KUBECONFIG"), script.clone()).await;
    let settings = over(&road, &stage).with(LOOPBACK.0, LOOPBACK.1);
    let controller = settings.with("METAWSM_DOCS_REFRESH_INTERVAL", "1s").start();
    let leading = async || controller.leads().then_some(());
    within(LONG, "the controller leads", leading).await;
    let (mut outcome, writes) = story(&stage, &servers).await;
    let flaws = validator::flaws(&place(&stage, controller.database())).await;
    assert_eq!(flaws, [], "the road '{}'", script.name);
    verify(&controller.database()).await;
    outcome.told = told(&stage, &controller.database()).await;
    tell(&road, &script, writes);
    (outcome, writes)
}

#[tokio::test]
async fn endpoints_on_a_road_where_everything_goes_wrong_come_to_the_same_end() {
    compare(script::everything, travel).await;
}

#[tokio::test]
async fn endpoints_whose_watches_end_lose_repeat_and_mix_events_come_to_the_same_end() {
    compare(script::watches, travel).await;
}

#[tokio::test]
async fn endpoints_on_old_lists_and_watches_too_old_come_to_the_same_end() {
    compare(script::staleness, travel).await;
}
