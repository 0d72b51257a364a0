//! That the validator finds what is wrong with the copies of a ticket that are kept, and with what a topology makes of them.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::harness::docs_server::DocsServer;
use super::harness::history::column;
use super::harness::manifests::endpoint;
use super::harness::polling::first;
use super::harness::stage::Stage;
use super::sabotage::{Rest, found};
use super::validator::Invariant as I;

/// Lets the controller ask servers of this machine.
pub const LOOPBACK: (&str, &str) = ("METAWSM_DOCS_ALLOW_CIDR", "127.0.0.1/32");
/// How long an endpoint may take to be kept on busy cores: a product with a bug may never keep it.
const KEPT_WITHIN: Duration = Duration::from_secs(60);

/// Copies of `A-1`: the home's, one of another repository of the same name, and one whose endpoint goes once it is known.
pub async fn copies_of_a_ticket(stage: &Stage, home: &str, database: &Path) -> [DocsServer; 3] {
    let servers = [
        DocsServer::of(&[("A-1", "active"), ("A-2", "review")]).await,
        DocsServer::of(&[("A-1", "done")]).await,
        DocsServer::of(&[("A-3", "active")]).await,
    ];
    let homes = [("docs", home), ("other", "/srv/other"), ("goes", "/srv/third")];
    for (server, (name, url)) in servers.iter().zip(homes) {
        let site = json!({"webURL": "https://docs.example.com"});
        let made = endpoint(name, &server.url(), ("home", url), site);
        stage.create(&made).await;
    }
    let kept = "SELECT endpoint FROM federated_sources WHERE endpoint = 'goes'";
    first(KEPT_WITHIN, async || {
        (!column(database, kept).await.is_empty()).then_some(())
    })
    .await;
    stage.delete("DocEndpoint", "goes").await;
    servers
}

#[tokio::test]
async fn sabotage_of_what_is_kept_of_servers_is_found() {
    let rest = Rest::new().await;
    let of_docs = "WHERE endpoint_uid = (SELECT endpoint_uid FROM federated_sources WHERE endpoint = 'docs')";
    let cases = [
        (
            I::FederatedIsAnswered,
            format!("DELETE FROM federated_copies {of_docs}"),
        ),
        (
            I::FederatedIsAnswered,
            "DELETE FROM federated_copies WHERE ticket_key = 'a-2'".to_owned(),
        ),
        (
            I::FederatedIsAnswered,
            "UPDATE federated_sources SET endpoint_uid = 'gone' WHERE endpoint = 'other'".to_owned(),
        ),
        (
            I::FederatedIsAnswered,
            "UPDATE federated_sources SET indexed_at_ms = 1".to_owned(),
        ),
        (
            I::FederatedIsAnswered,
            "UPDATE mirror SET status = json_set(status, '$.authority.kind', 'None') WHERE kind = 'TicketTopology'"
                .to_owned(),
        ),
        (I::AuthorityIsRule, format!("DELETE FROM federated_copies {of_docs}")),
        (
            I::AuthorityIsRule,
            format!("UPDATE federated_copies SET title = 'Another' {of_docs}"),
        ),
        (
            I::AuthorityIsRule,
            format!("UPDATE federated_copies SET twice = 1 {of_docs}"),
        ),
    ];
    rest.finds(cases).await;
}

#[tokio::test]
async fn sabotage_of_what_a_topology_says_of_its_copies_is_found() {
    let rest = Rest::new().await;
    let told = rest.stage.topology("a-1").await["status"].clone();
    let claim = json!([{"runUID": "u-1", "runName": "ghost", "homeURL": "/srv/x", "since": "2026-11-21T08:00:00Z"}]);
    let cases = [
        json!({"authority": {"kind": "Workspace"}}),
        json!({"authority": {"endpoint": "other"}}),
        json!({"authority": {"webURL": "https://elsewhere.example.com"}}),
        json!({"alternates": []}),
        json!({"alternates": [{"kind": "Repo", "endpoint": "other", "reason": "Older"}]}),
        json!({"copies": 7}),
        json!({"record": {"status": "done"}}),
        json!({"record": {"stale": true}}),
        json!({"owner": {"runName": "ghost", "runUID": "u-1"}, "claims": claim}),
        json!({"warnings": [{"code": "SeveralWorkspaces", "message": "two"}]}),
    ];
    for case in cases {
        rest.stage.patch_status("TicketTopology", "a-1", case.clone()).await;
        let found = found(&rest.place).await;
        assert!(found.contains(&I::AuthorityIsRule), "not found after {case}: {found:?}");
        let back = case.as_object().unwrap().keys();
        let back: Value = back.map(|field| (field.clone(), told[field].clone())).collect();
        rest.stage.patch_status("TicketTopology", "a-1", back).await;
    }
    assert!(
        !found(&rest.place).await.contains(&I::AuthorityIsRule),
        "all is as it was"
    );
    rest.stage
        .patch_status("DocEndpoint", "docs", json!({"reachable": false}))
        .await;
    let forged = json!({"authority": {"endpoint": "other"}});
    rest.stage.patch_status("TicketTopology", "a-1", forged).await;
    let found = found(&rest.place).await;
    assert!(
        found.contains(&I::AuthorityIsRule),
        "no rule takes another home: {found:?}"
    );
}
