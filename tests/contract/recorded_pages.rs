//! What people are shown, read from recorded answers.

use std::sync::atomic::Ordering;

use metawsm::ports::doc_pages::DocPages as _;
use metawsm::ports::doc_source::DocSourceCode;
use serde_json::json;

use crate::exchanges;
use crate::hostile_server::json_server;
use crate::replay;
use crate::stage::{PATIENCE, at, client};

#[tokio::test]
async fn a_tickets_page_has_its_documents() {
    let (address, _) = replay::serve(&[34, 41]).await;
    let page = client()
        .ticket(&at(address), "METAWSM-101", PATIENCE)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (page.ticket.title.as_str(), page.cut),
        ("Relay operator updates", false)
    );
    let recorded = exchanges::all()[&41].response.body["results"].clone();
    assert_eq!(page.documents.len(), 5);
    for (row, json) in page.documents.iter().zip(recorded.as_array().unwrap()) {
        assert_eq!(
            (row.path.as_str(), row.title.as_str()),
            (json["path"].as_str().unwrap(), json["title"].as_str().unwrap())
        );
        assert_eq!(row.updated_at, json["lastUpdated"].as_str().unwrap().parse().ok());
    }
}

#[tokio::test]
async fn a_ticket_that_is_not_there_has_no_page_and_an_ambiguous_one_is_told() {
    let (address, _) = replay::serve(&[37]).await;
    assert_eq!(client().ticket(&at(address), "NOPE-1", PATIENCE).await, Ok(None));
    let (address, _) = replay::serve(&[122]).await;
    let error = client().ticket(&at(address), "DUP-1", PATIENCE).await.unwrap_err();
    assert_eq!(error.code, DocSourceCode::ServerError);
    assert!(error.message.contains("ambiguous"), "{error}");
}

#[tokio::test]
async fn a_server_that_matches_loosely_is_not_believed() {
    for (answered, known) in [("METAWSM-1011", false), ("METAWSM-10", false), ("metawsm-101", true)] {
        let (address, _) = json_server(move |request| match request.url.path() {
            "/api/v1/tickets/get" => json!({"ticket": answered, "title": "x"}),
            _ => json!({"total": 0, "results": null, "nextCursor": ""}),
        })
        .await;
        let page = client().ticket(&at(address), "METAWSM-101", PATIENCE).await.unwrap();
        assert_eq!(page.is_some(), known, "{answered}");
    }
}

#[tokio::test]
async fn every_recorded_document_is_read() {
    let mut read = 0;
    for (number, exchange) in exchanges::all() {
        if exchange.request.path != "/api/v1/docs/get" || exchange.response.status != 200 {
            continue;
        }
        let path = exchange.request.query["path"].clone();
        let body = exchange.response.body.clone();
        let (address, _) = replay::serve_exchanges(vec![(number, exchange)]).await;
        let shown = client().document(&at(address), &path, PATIENCE).await.unwrap();
        if path.starts_with('/') {
            assert_eq!(shown, None, "an absolute path is not asked for");
            continue;
        }
        let shown = shown.unwrap_or_else(|| panic!("{number}"));
        assert_eq!(shown.body, body["body"].as_str().unwrap(), "{number}");
        assert_eq!(
            shown.title,
            body["doc"]["title"].as_str().unwrap_or_default(),
            "{number}"
        );
        read += 1;
    }
    assert!(read >= 8, "{read}");
}

#[tokio::test]
async fn a_document_is_never_asked_for_outside_of_the_docs_root() {
    let (address, connections) = json_server(|_| json!({})).await;
    for path in [
        "",
        "../x.md",
        "a/../../x.md",
        "/etc/passwd",
        "a//b.md",
        "./a.md",
        "a\\..\\b",
        "a\u{0}b",
        "a\n",
    ] {
        assert_eq!(
            client().document(&at(address), path, PATIENCE).await,
            Ok(None),
            "{path:?}"
        );
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn answers_and_errors_of_the_api_are_passed_on_as_they_came() {
    for number in [3, 28, 30, 51, 56, 76, 37, 36, 11] {
        let recorded = exchanges::all()[&number].clone();
        let (address, _) = replay::serve(&[number]).await;
        let route = recorded.request.path.strip_prefix("/api/v1/").unwrap().to_owned();
        let query: Vec<_> = recorded.request.query.clone().into_iter().collect();
        let passed = client().pass(&at(address), &route, &query, PATIENCE).await.unwrap();
        assert_eq!(passed.status, recorded.response.status, "{number}");
        let body: serde_json::Value = serde_json::from_slice(&passed.body).unwrap();
        assert_eq!(body, recorded.response.body, "{number}");
    }
    let (address, _) =
        crate::hostile_server::answering(|_| (200, "Content-Type: text/html\r\n".to_owned(), b"<html>".to_vec())).await;
    let error = client()
        .pass(&at(address), "docs/get", &[], PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(error.code, DocSourceCode::NotDocmgr);
}
