//! Every recorded answer of the routes that we use, read by the client.

use metawsm::kernel::moment::Moment;
use metawsm::ports::doc_source::{DocSource as _, DocSourceCode};

use crate::exchanges::{self, Exchange};
use crate::replay;
use crate::stage::{PATIENCE, at, client};

const STATUS: &str = "/api/v1/workspace/status";

#[tokio::test]
async fn every_recorded_status_is_read() {
    let recorded: Vec<_> = exchanges::all()
        .into_iter()
        .filter(|(_, e)| e.request.path == STATUS && e.response.status == 200)
        .collect();
    assert_eq!(recorded.len(), 9);
    for (number, exchange) in recorded {
        let body = exchange.response.body.clone();
        let (address, _) = replay::serve_exchanges(vec![(number, exchange)]).await;
        let read = client().status(&at(address), PATIENCE).await.unwrap();
        assert_eq!(read.root, body["root"].as_str().unwrap(), "{number}");
        assert_eq!(read.repo_root, body["repoRoot"].as_str().unwrap(), "{number}");
        assert_eq!(read.docs_indexed, body["docsIndexed"].as_u64().unwrap(), "{number}");
        assert_eq!(read.full_text, body["ftsAvailable"].as_bool().unwrap(), "{number}");
        let instant: Moment = body["indexedAt"].as_str().unwrap().parse().unwrap();
        assert_eq!(read.indexed_at, Some(instant), "{number}");
    }
}

#[tokio::test]
async fn an_index_time_in_another_zone_is_the_same_instant() {
    let (address, _) = replay::serve(&[177]).await;
    let read = client().status(&at(address), PATIENCE).await.unwrap();
    let text = exchanges::all()[&177].response.body["indexedAt"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(!text.ends_with('Z'), "the recording is of another zone: {text}");
    assert_eq!(read.indexed_at, Some(text.parse().unwrap()));
}

#[tokio::test]
async fn every_recorded_list_of_tickets_is_read() {
    let mut read_lists = 0;
    for (number, mut exchange) in exchanges::all() {
        if exchange.request.path != "/api/v1/workspace/tickets" || exchange.response.status != 200 {
            continue;
        }
        // Filters are not asked for by the client; their answers are lists like any other.
        exchange.request.query.clear();
        exchange.response.body["nextCursor"] = "".into();
        let rows = exchange.response.body["results"].as_array().unwrap().clone();
        let status = exchanges::all()[&2].clone();
        let (address, _) = replay::serve_exchanges(vec![(2, status), (number, exchange)]).await;
        let list = client().tickets(&at(address), PATIENCE).await.unwrap();
        assert_eq!(list.refused_count, 0, "{number}: {:?}", list.refused);
        let names: Vec<_> = list.rows.iter().map(|r| r.ticket.as_str()).collect();
        let recorded: Vec<_> = rows.iter().map(|r| r["ticket"].as_str().unwrap()).collect();
        assert_eq!(names, recorded, "{number}");
        for (row, json) in list.rows.iter().zip(&rows) {
            assert_eq!(row.title, json["title"].as_str().unwrap());
            assert_eq!(row.index_path, json["indexPath"].as_str().unwrap());
            assert_eq!(
                row.updated_at,
                json["updatedAt"].as_str().unwrap().parse().ok(),
                "{number}"
            );
            let topics: Vec<_> = json["topics"]
                .as_array()
                .unwrap()
                .iter()
                .map(|t| t.as_str().unwrap())
                .collect();
            assert_eq!(row.topics, topics);
        }
        read_lists += 1;
    }
    assert!(read_lists > 15, "{read_lists}");
}

#[tokio::test]
async fn pages_are_followed_by_cursor_to_the_end() {
    let (address, seen) = replay::serve(&[2, 8, 9]).await;
    let list = client().tickets(&at(address), PATIENCE).await.unwrap();
    let names: Vec<_> = list.rows.iter().map(|r| r.ticket.as_str()).collect();
    assert_eq!(names, ["METAWSM-101", "METAWSM-102", "OTHER-7"]);
    let asked: Vec<_> = seen
        .lock()
        .unwrap()
        .iter()
        .map(|l| l.rsplit(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(
        asked,
        ["2", "8", "9", "2"],
        "the status is asked again behind the last page"
    );
}

#[tokio::test]
async fn a_ticket_with_two_front_pages_is_two_rows_and_told() {
    let (address, _) = replay::serve(&[2, 117]).await;
    let before = client().tickets(&at(address), PATIENCE).await.unwrap();
    assert!(before.duplicates.is_empty());
    let mut exchange = exchanges::all()[&120].clone();
    exchange.request.query.clear();
    let status = exchanges::all()[&2].clone();
    let (address, _) = replay::serve_exchanges(vec![(2, status), (120, exchange)]).await;
    let list = client().tickets(&at(address), PATIENCE).await.unwrap();
    assert_eq!(list.duplicates, ["DUP-1"]);
    assert_eq!(list.rows.iter().filter(|r| r.ticket == "DUP-1").count(), 2);
}

#[tokio::test]
async fn every_recorded_refresh_is_read() {
    for (number, exchange) in exchanges::all() {
        if exchange.request.path != "/api/v1/index/refresh" || exchange.request.method != "POST" {
            continue;
        }
        let answer = exchange.response.clone();
        let (address, seen) = replay::serve_exchanges(vec![(number, exchange)]).await;
        let read = client().refresh(&at(address), PATIENCE).await;
        if answer.status == 200 {
            let instant: Moment = answer.body["indexedAt"].as_str().unwrap().parse().unwrap();
            let read = read.unwrap();
            assert_eq!(
                (read.indexed_at, Some(read.docs_indexed)),
                (instant, answer.body["docsIndexed"].as_u64())
            );
        } else {
            let error = read.unwrap_err();
            assert_eq!(error.code, DocSourceCode::ServerError, "{number}");
            assert!(error.message.contains("/repo/ttmp: no such file"), "{}", error.message);
        }
        assert_eq!(
            seen.lock().unwrap().len(),
            1,
            "{number}: a refresh is never asked for twice"
        );
    }
}

/// The exchange, answered where the status is asked for.
fn instead_of_status(mut exchange: Exchange) -> Exchange {
    "GET".clone_into(&mut exchange.request.method);
    STATUS.clone_into(&mut exchange.request.path);
    exchange.request.query.clear();
    exchange
}

#[tokio::test]
async fn every_recorded_error_has_a_code_and_a_message_with_its_words() {
    let mut kinds = std::collections::BTreeSet::new();
    for (number, exchange) in exchanges::all() {
        let answer = exchange.response.clone();
        if answer.status < 400 || exchange.request.method == "HEAD" {
            continue;
        }
        let (address, _) = replay::serve_exchanges(vec![(number, instead_of_status(exchange))]).await;
        let error = client().status(&at(address), PATIENCE).await.unwrap_err();
        let word = answer.body["error"]["code"].as_str();
        let expected = match (answer.status, word) {
            (403, _) => DocSourceCode::Unauthorized,
            (_, Some(_)) => DocSourceCode::ServerError,
            (_, None) => DocSourceCode::NotDocmgr,
        };
        assert_eq!(error.code, expected, "{number}: {error}");
        assert!(error.message.contains(&answer.status.to_string()), "{number}: {error}");
        if let Some(word) = word {
            assert!(error.message.contains(word), "{number}: {error}");
            kinds.insert(word.to_owned());
        }
    }
    for word in [
        "invalid_argument",
        "invalid_cursor",
        "ambiguous",
        "not_found",
        "internal",
        "fts_not_available",
        "forbidden",
    ] {
        assert!(kinds.contains(word), "{word} was not among {kinds:?}");
    }
}

#[tokio::test]
async fn a_server_without_an_index_is_not_up_yet() {
    let mut exchange = instead_of_status(exchanges::all()[&25].clone());
    exchange.response.status = 503;
    exchange.response.body["error"]["code"] = "index_not_ready".into();
    let (address, _) = replay::serve_exchanges(vec![(1, exchange)]).await;
    let error = client().status(&at(address), PATIENCE).await.unwrap_err();
    assert_eq!(error.code, DocSourceCode::NotReady);
}
