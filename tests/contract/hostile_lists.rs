//! Lists without end, that never stand still, with rows that are none: each is bounded, and told by a code of its own.

use std::sync::atomic::{AtomicUsize, Ordering};

use metawsm::adapters::docmgr::DocsLimits;
use metawsm::ports::doc_source::{DocSource as _, DocSourceCode, DocSourceError, TicketList};
use serde_json::{Value, json};

use crate::hostile_server::{JSON, answering, json_server, page, row, status};
use crate::stage::{LIMITS, PATIENCE, at, client, client_of, rules};

const STATUS: &str = "/api/v1/workspace/status";
const INDEXED: &str = "2026-11-21T08:36:44Z";

async fn list_of(results: Value) -> Result<TicketList, DocSourceError> {
    let (address, _) = json_server(move |request| match request.url.path() {
        "/api/v1/workspace/status" => status(INDEXED),
        _ => json!({"total": results.as_array().map_or(0, Vec::len), "results": results, "nextCursor": ""}),
    })
    .await;
    client().tickets(&at(address), PATIENCE).await
}

#[tokio::test]
async fn all_of_2500_tickets_are_seen() {
    let names: Vec<_> = (0..2_500).map(|n| format!("T-{n:05}")).collect();
    let listed = names.clone();
    let (address, connections) = json_server(move |request| match request.url.path() {
        "/api/v1/workspace/status" => status(INDEXED),
        _ => page(request, &listed),
    })
    .await;
    let list = client().tickets(&at(address), PATIENCE).await.unwrap();
    let seen: Vec<_> = list.rows.iter().map(|r| r.ticket.clone()).collect();
    assert_eq!(seen, names);
    assert_eq!((list.duplicates.len(), list.refused_count), (0, 0));
    assert_eq!(connections.load(Ordering::SeqCst), 1, "one probe, one connection");
}

#[tokio::test]
async fn a_list_that_a_refresh_shifts_is_read_again() {
    let (asked, names) = (
        AtomicUsize::new(0),
        (0..1_200).map(|n| format!("T-{n:05}")).collect::<Vec<_>>(),
    );
    let (address, _) = json_server(move |request| {
        let moved = asked.load(Ordering::SeqCst) >= 2;
        if request.url.path() == STATUS {
            return status(if moved { "2026-11-21T09:00:00Z" } else { INDEXED });
        }
        asked.fetch_add(1, Ordering::SeqCst);
        page(request, if moved { &names[10..] } else { &names })
    })
    .await;
    let list = client().tickets(&at(address), PATIENCE).await.unwrap();
    assert_eq!(
        list.rows.len(),
        1_190,
        "the tickets of the new index, none twice, none missing"
    );
    assert_eq!(list.rows[0].ticket, "T-00010");
    assert_eq!(list.status.indexed_at, "2026-11-21T09:00:00Z".parse().ok());
}

#[tokio::test]
async fn an_index_that_never_stands_still_is_told_after_a_few_readings() {
    let (asked, names) = (
        AtomicUsize::new(0),
        (0..700).map(|n| format!("T-{n:05}")).collect::<Vec<_>>(),
    );
    let (address, _) = json_server(move |request| match request.url.path() {
        "/api/v1/workspace/status" => {
            let second = asked.fetch_add(1, Ordering::SeqCst);
            status(&format!("2026-11-21T09:00:{second:02}Z"))
        }
        _ => page(request, &names),
    })
    .await;
    let error = client().tickets(&at(address), PATIENCE).await.unwrap_err();
    assert_eq!(error.code, DocSourceCode::IndexKeptMoving);
}

#[tokio::test]
async fn more_tickets_than_the_settings_allow_are_refused() {
    let names: Vec<_> = (0..3_001).map(|n| format!("T-{n:05}")).collect();
    let (address, _) = json_server(move |request| match request.url.path() {
        "/api/v1/workspace/status" => status(INDEXED),
        _ => page(request, &names),
    })
    .await;
    let error = client().tickets(&at(address), PATIENCE).await.unwrap_err();
    assert_eq!(error.code, DocSourceCode::TooManyTickets);
    assert!(error.message.contains("--docs-max-tickets"), "{error}");
}

#[tokio::test]
async fn a_list_without_end_is_cut() {
    for (next, rows) in [("same", 1), ("other", 0)] {
        let count = AtomicUsize::new(0);
        let (address, _) = json_server(move |request| {
            if request.url.path() == STATUS {
                return status(INDEXED);
            }
            let n = count.fetch_add(1, Ordering::SeqCst);
            let results: Vec<_> = (0..rows).map(|_| row(&format!("T-{n}"))).collect();
            json!({"total": 1, "results": results, "nextCursor": next})
        })
        .await;
        let error = client().tickets(&at(address), PATIENCE).await.unwrap_err();
        assert_eq!(error.code, DocSourceCode::NotDocmgr, "{next}: {error}");
    }
}

#[tokio::test]
async fn pages_of_one_row_each_for_ever_end_at_the_limit() {
    let count = AtomicUsize::new(0);
    let (address, _) = json_server(move |request| {
        if request.url.path() == STATUS {
            return status(INDEXED);
        }
        let n = count.fetch_add(1, Ordering::SeqCst);
        json!({"total": 1, "results": [row(&format!("T-{n}"))], "nextCursor": format!("c{n}")})
    })
    .await;
    let few = DocsLimits {
        max_tickets: 50,
        ..LIMITS
    };
    let error = client_of(rules(&["127.0.0.1"], &[]), few)
        .tickets(&at(address), PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(error.code, DocSourceCode::TooManyTickets, "{error}");
}

#[tokio::test]
async fn wrong_types_are_not_docmgr() {
    for body in [
        json!({}),
        json!([]),
        json!(null),
        json!("ok"),
        json!({"root": 5, "indexedAt": INDEXED, "docsIndexed": 1}),
        json!({"root": "/r", "indexedAt": "soon", "docsIndexed": 1}),
        json!({"root": "/r", "indexedAt": INDEXED, "docsIndexed": -1}),
        json!({"root": "/r", "indexedAt": INDEXED, "docsIndexed": "many"}),
    ] {
        let answer = body.clone();
        let (address, _) = json_server(move |_| answer.clone()).await;
        let error = client().status(&at(address), PATIENCE).await.unwrap_err();
        assert_eq!(error.code, DocSourceCode::NotDocmgr, "{body}");
    }
    for results in [
        json!({}),
        json!("x"),
        json!([5]),
        json!([{"ticket": ["A-1"]}]),
        json!([{"title": "no name"}]),
    ] {
        let error = list_of(results.clone()).await.unwrap_err();
        assert_eq!(error.code, DocSourceCode::NotDocmgr, "{results}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let (address, _) = answering(move |_| (200, JSON.to_owned(), deep.clone().into_bytes())).await;
    let error = client().status(&at(address), PATIENCE).await.unwrap_err();
    assert_eq!(error.code, DocSourceCode::NotDocmgr);
}

#[tokio::test]
async fn a_ticket_named_like_a_script_is_left_out_and_the_others_stay() {
    let long = "x".repeat(10_240);
    let names = [
        "A-1",
        "<script>alert(1)</script>",
        "\u{1b}[2J",
        "../../etc/passwd",
        long.as_str(),
        "B-2",
    ];
    let rows: Vec<_> = names.iter().map(|name| row(name)).collect();
    let list = list_of(rows.into()).await.unwrap();
    assert_eq!(
        list.rows.iter().map(|r| r.ticket.as_str()).collect::<Vec<_>>(),
        ["A-1", "B-2"]
    );
    assert_eq!((list.refused_count, list.refused.len()), (4, 4));
    for refused in &list.refused {
        assert!(
            !refused.shown.contains(['<', '\u{1b}', '/']) && refused.shown.len() <= 63,
            "{refused:?}"
        );
        assert!(!refused.why.is_empty());
    }
}

#[tokio::test]
async fn a_duplicate_ticket_is_kept_twice_and_told() {
    let mut second = row("DUP-1");
    second["indexPath"] = "t/other/index.md".into();
    let list = list_of(json!([row("DUP-1"), second, row("A-1")])).await.unwrap();
    assert_eq!((list.rows.len(), list.duplicates), (3, vec!["DUP-1".to_owned()]));
    let same = list_of(json!([row("DUP-1"), row("DUP-1")])).await.unwrap();
    assert_eq!((same.rows.len(), same.duplicates), (1, vec!["DUP-1".to_owned()]));
}
