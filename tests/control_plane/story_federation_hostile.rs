//! Endpoints that answer with floods, bombs, wrong types, pages for people and strange tickets: each says clearly what is
//! wrong, nothing else is disturbed, and nothing of it is shown raw.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::harness::docs_server::DocsServer;
use crate::harness::history::metawsm;
use crate::harness::manifests::topology;
use crate::harness::polling::eventually;
use crate::harness::stage::{Stage, condition};
use crate::hostile_server::{JSON, Then, answering, json_server, raw, row, status};

const INDEXED: &str = "2026-11-21T08:36:44Z";
const SCRIPT: &str = "<script>alert(1)</script>";

fn endpoint(name: &str, address: SocketAddr) -> Value {
    json!({
        "apiVersion": "metawsm.dev/v1alpha1", "kind": "DocEndpoint", "metadata": {"name": name},
        "spec": {
            "kind": "Repo", "url": format!("http://{address}"), "repo": name, "repoURL": format!("/srv/{name}"),
            "interval": "1s", "timeout": "10s", "staleAfter": "24h",
        },
    })
}

/// A list of these tickets.
async fn listing(tickets: &'static [&'static str]) -> SocketAddr {
    let (address, _) = json_server(move |request| {
        if request.url.path() == "/api/v1/workspace/status" {
            return status(INDEXED);
        }
        let rows = tickets.iter().enumerate().map(|(place, ticket)| {
            let mut row = row(ticket);
            row["indexPath"] = format!("t/{place}/index.md").into();
            row
        });
        let rows: Vec<_> = rows.collect();
        json!({"total": rows.len(), "results": rows, "nextCursor": ""})
    })
    .await;
    address
}

/// A server of each sort, with the reason that its endpoint must give.
async fn bad() -> Vec<(&'static str, SocketAddr, &'static str)> {
    let head = |more: &str| format!("HTTP/1.1 200 OK\r\n{JSON}{more}\r\n").into_bytes();
    let (flood, _) = raw(
        head("Content-Length: 104857600\r\n"),
        Then::Repeat(&[b' '; 8192], Duration::ZERO),
    )
    .await;
    let (endless, _) = raw(head(""), Then::Repeat(&[b' '; 8192], Duration::ZERO)).await;
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b' '; 50 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    let (bomb, _) = answering(move |_| (200, format!("{JSON}Content-Encoding: gzip\r\n"), bomb.clone())).await;
    let (types, _) = json_server(|_| json!({"root": 7, "indexedAt": [], "docsIndexed": "many"})).await;
    let (html, _) = answering(|_| {
        let page = format!("<html>{SCRIPT}</html>").into_bytes();
        (200, "Content-Type: text/html\r\n".to_owned(), page)
    })
    .await;
    vec![
        ("flood", flood, "TooLarge"),
        ("endless", endless, "TooLarge"),
        ("bomb", bomb, "NotDocmgr"),
        ("types", types, "NotDocmgr"),
        ("html", html, "NotDocmgr"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_servers_are_told_by_their_conditions_and_disturb_nobody() {
    let stage = Stage::new().await;
    let good = DocsServer::of(&[("A-1", "active")]).await;
    let controller = stage.controller("a").with("METAWSM_DOCS_ALLOW_CIDR", "127.0.0.1/32");
    let controller = controller.lead().await;
    let bad = bad().await;
    for (name, address, _) in &bad {
        stage.create(&endpoint(name, *address)).await;
    }
    stage
        .create(&endpoint("twice", listing(&["DUP-1", "DUP-1", "C-1"]).await))
        .await;
    stage.create(&endpoint("script", listing(&[SCRIPT, "D-1"]).await)).await;
    stage.create(&endpoint("good", good.address)).await;
    for (name, ticket) in [("good", "A-1"), ("twice", "DUP-1")] {
        let home = format!("/srv/{name}");
        stage
            .create(&topology(&ticket.to_lowercase(), ticket, (name, &home)))
            .await;
    }

    for (name, _, reason) in &bad {
        let told = |e: &Value| condition(e, "Reachable")["reason"] == *reason;
        let what = format!("it says {reason}");
        let told = stage.until("DocEndpoint", name, &what, told).await;
        let message = condition(&told, "Reachable")["message"].as_str().unwrap();
        assert!(!message.is_empty() && !message.contains("<script"), "{name}: {message}");
    }
    let said = async |name: &str, words: &str| {
        let up = |e: &Value| condition(e, "Ready")["status"] == "True";
        let ready = stage.until("DocEndpoint", name, "what is good of it is used", up).await;
        let message = condition(&ready, "Ready")["message"].as_str().unwrap().to_owned();
        assert!(
            message.contains(words) && !message.contains("<script"),
            "{name}: {message}"
        );
    };
    said("twice", "several front pages").await;
    said("script", "could not be used").await;
    let refused = |t: &Value| t["status"]["alternates"][0]["reason"] == "TicketTwice";
    stage
        .until("TicketTopology", "dup-1", "neither of the two rules", refused)
        .await;
    let rules = |t: &Value| t["status"]["authority"]["endpoint"] == "good" && condition(t, "Fresh")["status"] == "True";
    stage.until("TicketTopology", "a-1", "the good one rules", rules).await;
    let asked = good.questions();
    eventually("the good one is asked at its interval all the while", async || {
        (good.questions() > asked + 3).then_some(())
    })
    .await;
    let listed = eventually("the global view has what is good of their lists", async || {
        let listed = metawsm(&controller.database(), &["docs", "list", "-o", "json"]).await;
        (listed.contains("D-1") && listed.contains("C-1")).then_some(listed)
    })
    .await;
    assert!(!listed.contains("<script"), "{listed}");
}
