//! What the crash story says of authority and freshness: at rest it is the same whatever was interrupted, and of what
//! was told on the way the part that no crash may take away or add.

use serde_json::{Value, json};

use super::crash_story::SET;
use super::harness::stage::{Stage, condition};

/// Waits until that endpoint is the ticket's authority, fresh, with the documents of its seed in its index, beside these
/// other copies; then what topology and endpoint say, without times, addresses and revisions.
pub async fn truth(stage: &Stage, (topology, endpoint): (&str, &str), alternates: &[(&str, &str)]) -> String {
    let mut want: Vec<_> = alternates
        .iter()
        .map(|(name, why)| json!({"endpoint": name, "reason": why}))
        .collect();
    want.sort_by_key(ToString::to_string);
    let rules = |t: &Value| {
        let status = &t["status"];
        status["authority"]["endpoint"] == endpoint
            && condition(t, "AuthorityKnown")["status"] == "True"
            && condition(t, "Fresh")["status"] == "True"
            && status["record"]["stale"] != true
            && others(status) == want
    };
    let what = format!("{endpoint} rules beside {want:?}");
    let topology = stage.until("TicketTopology", topology, &what, rules).await;
    let (run, ticket) = endpoint.split_once("--").unwrap();
    let (seeded, ticket) = (stage.run(run).await, ticket.to_uppercase());
    let revision = seeded["status"]["workspaces"]
        .as_array()
        .and_then(|all| all.iter().find(|w| w["ticket"] == *ticket))
        .map(|w| w["seed"]["revision"].clone());
    let holds = |e: &Value| {
        let sound = ["Ready", "Reachable", "Fresh"]
            .iter()
            .all(|c| condition(e, c)["status"] == "True");
        sound && Some(&e["status"]["seedRevision"]) == revision.as_ref()
    };
    let served = stage
        .until("DocEndpoint", endpoint, "its index holds what was seeded", holds)
        .await;
    let (topology, served) = (&topology["status"], &served["status"]);
    let warnings: Vec<_> = topology["warnings"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|w| &w["code"])
        .collect();
    let record = ["title", "status", "topics", "source"].map(|field| &topology["record"][field]);
    let counts = ["tickets", "docsIndexed"].map(|field| &served[field]);
    let authority = ["kind", "endpoint", "reason"].map(|field| &topology["authority"][field]);
    format!("truth {authority:?} {record:?} {want:?} {warnings:?} {counts:?}")
}

fn others(status: &Value) -> Vec<Value> {
    let listed = status["alternates"].as_array().into_iter().flatten();
    let mut others: Vec<_> = listed
        .map(|a| json!({"endpoint": a["endpoint"], "reason": a["reason"]}))
        .collect();
    others.sort_by_key(ToString::to_string);
    others
}

/// What a row is to the digest.
pub enum Told {
    /// No fact or event of federation, or the end of an endpoint: told once, like any other.
    Elsewhere,
    /// It depends on when servers are asked, for a crash may let a look fall out or a server be down.
    Passing,
    Line(String),
}

/// The line of a fact or event of federation.
pub fn federated(row: &Value) -> Told {
    let told = row["type"].as_str().unwrap_or_default();
    let facts = |names: &[&str]| -> Value {
        names
            .iter()
            .map(|n| ((*n).to_owned(), row["facts"][*n].clone()))
            .collect()
    };
    let once = |facts: Value| Told::Line(format!("{SET}{} {told} {} {facts}", row["what"], row["name"]));
    match told {
        "EndpointUp" | "docs.endpoint.up" => once(facts(&["kind", "repo", "run", "ticket"])),
        // One whose server cannot be asked after a crash waits, and is announced once more.
        "RefreshBegun" if row["cause"] == "Requested" => once(facts(&["request", "run", "ticket"])),
        "AuthorityChanged" | "topology.authority.changed" if row["facts"]["to"] == "Workspace" => {
            once(facts(&["ticket", "toEndpoint", "reason"]))
        }
        "SeveralWorkspaces" => once(facts(&["ticket"])),
        "RefreshBegun"
        | "AuthorityChanged"
        | "topology.authority.changed"
        | "EndpointDown"
        | "IndexRefreshed"
        | "IndexStale"
        | "docs.endpoint.down"
        | "docs.index.refreshed"
        | "docs.index.stale" => Told::Passing,
        _ => Told::Elsewhere,
    }
}
