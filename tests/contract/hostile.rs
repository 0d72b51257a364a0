//! Servers that lie, flood, stall and break off: each has a code of its own, and costs no more than its budget.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use metawsm::adapters::docmgr::DocsLimits;
use metawsm::ports::doc_source::{DocServer, DocSource as _, DocSourceCode, DocSourceError, TicketList};
use metawsm::ports::secrets::Credential;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::hostile_server::{JSON, Then, answering, json_server, page, raw, row, status};
use crate::stage::{LIMITS, PATIENCE, at, client, client_of, rules};

const STATUS: &str = "/api/v1/workspace/status";
const INDEXED: &str = "2026-11-21T08:36:44Z";
/// Shorter than the patience of a server that stalls on purpose.
const SHORT: Duration = Duration::from_millis(700);

async fn list_of(results: Value) -> Result<TicketList, DocSourceError> {
    let (address, _) = json_server(move |request| match request.url.path() {
        "/api/v1/workspace/status" => status(INDEXED),
        _ => json!({"total": results.as_array().map_or(0, Vec::len), "results": results, "nextCursor": ""}),
    })
    .await;
    client().tickets(&at(address), PATIENCE).await
}

async fn status_of(bytes: Vec<u8>, then: Then, within: Duration) -> DocSourceError {
    let (address, _) = raw(bytes, then).await;
    let error = client().status(&at(address), within).await.unwrap_err();
    assert!(
        error.message.chars().count() <= 512 && !error.message.chars().any(char::is_control),
        "{error}"
    );
    error
}

fn head(more: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{JSON}{more}\r\n").into_bytes()
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
async fn an_answer_of_100_mb_is_refused_by_its_length_before_it_is_read() {
    let error = status_of(
        head("Content-Length: 104857600\r\n"),
        Then::Repeat(&[b' '; 16_384], Duration::ZERO),
        PATIENCE,
    );
    assert_eq!(error.await.code, DocSourceCode::TooLarge);
}

#[tokio::test]
async fn an_answer_of_100_mb_without_a_length_is_cut_at_the_limit() {
    let error = status_of(
        head("Connection: close\r\n"),
        Then::Repeat(&[b' '; 16_384], Duration::ZERO),
        PATIENCE,
    )
    .await;
    assert_eq!(error.code, DocSourceCode::TooLarge);
    assert!(error.message.contains("--docs-max-answer-bytes"), "{error}");
}

#[tokio::test]
async fn a_gzip_bomb_is_never_inflated() {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    let blank = vec![b' '; 1 << 20];
    for _ in 0..100 {
        bomb.write_all(&blank).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 1 << 20, "it is small on the wire");
    for headers in [format!("{JSON}Content-Encoding: gzip\r\n"), JSON.to_owned()] {
        let bomb = bomb.clone();
        let (address, _) = answering(move |request| {
            assert!(
                !request.headers.contains_key("accept-encoding"),
                "nothing compressed is asked for"
            );
            (200, headers.clone(), bomb.clone())
        })
        .await;
        let error = client().status(&at(address), PATIENCE).await.unwrap_err();
        assert_eq!(error.code, DocSourceCode::NotDocmgr, "{error}");
    }
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
async fn a_page_for_people_is_not_docmgr() {
    for kind in ["text/html; charset=utf-8", "text/plain", "application/javascript"] {
        let body = b"<html><script>alert(1)</script></html>".to_vec();
        let headers = format!("Content-Type: {kind}\r\n");
        let (address, _) = answering(move |_| (200, headers.clone(), body.clone())).await;
        let error = client().status(&at(address), PATIENCE).await.unwrap_err();
        assert_eq!(error.code, DocSourceCode::NotDocmgr);
        assert!(!error.message.contains("script>"), "{error}");
    }
    let error = status_of(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), Then::Close, PATIENCE).await;
    assert_eq!(error.code, DocSourceCode::NotDocmgr, "{error}");
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

#[tokio::test]
async fn headers_without_end_are_cut() {
    let many: &[u8] = "X-More: and more and more\r\n".repeat(1_000).leak().as_bytes();
    let start = b"HTTP/1.1 200 OK\r\n".to_vec();
    let error = status_of(start.clone(), Then::Repeat(many, Duration::ZERO), PATIENCE).await;
    assert_eq!(error.code, DocSourceCode::TooLarge, "{error}");
    let endless: &[u8] = &[b'a'; 16_384];
    let error = status_of(
        [start, b"X-Long: ".to_vec()].concat(),
        Then::Repeat(endless, Duration::ZERO),
        PATIENCE,
    )
    .await;
    assert_eq!(error.code, DocSourceCode::TooLarge, "{error}");
}

#[tokio::test]
async fn a_trickle_is_cut_by_the_time_given_to_the_whole_call() {
    let drop = Duration::from_millis(50);
    let starts = [
        head("Content-Length: 5000\r\n"),
        b"HTTP/1.1 200 OK\r\nX-Slow: ".to_vec(),
        b"HTTP/1.1 200 ".to_vec(),
    ];
    for start in starts {
        let error = status_of(start, Then::Repeat(b"x", drop), SHORT).await;
        assert_eq!(error.code, DocSourceCode::TimedOut, "{error}");
    }
    let informational = b"HTTP/1.1 100 Continue\r\n\r\n";
    let error = status_of(vec![], Then::Repeat(informational, drop), SHORT).await;
    assert_eq!(error.code, DocSourceCode::TimedOut, "{error}");
}

#[tokio::test]
async fn a_server_that_hangs_is_cut_by_the_time_given() {
    for start in [vec![], b"HTTP/1.1 200 OK\r\n".to_vec(), head("Content-Length: 10\r\n")] {
        assert_eq!(status_of(start, Then::Hang, SHORT).await.code, DocSourceCode::TimedOut);
    }
}

#[tokio::test]
async fn a_dead_server_is_told_at_once() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = client().status(&at(gone), PATIENCE).await.unwrap_err();
    assert_eq!(error.code, DocSourceCode::ConnectFailed, "{error}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_told() {
    for start in [
        vec![],
        b"HTTP/1.1 200 OK\r\n".to_vec(),
        [head("Content-Length: 99\r\n"), b"{\"ro".to_vec()].concat(),
    ] {
        let error = status_of(start, Then::Close, PATIENCE).await;
        assert_eq!(error.code, DocSourceCode::AnswerCutOff, "{error}");
    }
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection() {
    let (closed, was_closed) = tokio::sync::oneshot::channel();
    let closed = std::sync::Mutex::new(Some(closed));
    let (address, _) = crate::hostile_server::listen(move |mut stream| {
        let closed = closed.lock().unwrap().take();
        async move {
            let mut sink = tokio::io::sink();
            let _ = tokio::io::copy(&mut stream, &mut sink).await;
            let _ = closed.map(|c| c.send(()));
        }
    })
    .await;
    let client = client();
    let server = at(address);
    let dropped = tokio::time::timeout(SHORT, client.refresh(&server, PATIENCE)).await;
    assert!(dropped.is_err(), "it was still waiting");
    tokio::time::timeout(PATIENCE, was_closed)
        .await
        .expect("the server sees the end")
        .unwrap();
}

#[tokio::test]
async fn a_token_is_sent_to_its_server_and_shown_nowhere() {
    let (address, _) = answering(|request| {
        let sent = request.headers.get("authorization").cloned().unwrap_or_default();
        (
            401,
            JSON.to_owned(),
            json!({"error": {"code": "no", "message": format!("you sent {sent}")}})
                .to_string()
                .into_bytes(),
        )
    })
    .await;
    let server = DocServer {
        credential: Some(Credential::Https {
            authorization: Some("Bearer s3cret".to_owned()),
            authority: None,
            words: vec!["s3cret".to_owned()],
        }),
        ..at(address)
    };
    let error = client().status(&server, PATIENCE).await.unwrap_err();
    assert_eq!(error.code, DocSourceCode::Unauthorized);
    assert!(
        error.message.contains("you sent Bearer …"),
        "it was sent, and is concealed: {error}"
    );
    assert!(!format!("{error:?} {server:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_secret_that_opens_no_server_is_refused_before_anything_is_sent() {
    let (address, connections) = json_server(|_| status(INDEXED)).await;
    for credential in [
        Credential::Ssh {
            identity: "key".to_owned(),
            known_hosts: String::new(),
        },
        Credential::Https {
            authorization: Some("Bearer a\nb".to_owned()),
            authority: None,
            words: vec![],
        },
        Credential::Https {
            authorization: None,
            authority: Some("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n".to_owned()),
            words: vec![],
        },
    ] {
        let server = DocServer {
            credential: Some(credential),
            ..at(address)
        };
        let error = client().status(&server, PATIENCE).await.unwrap_err();
        assert_eq!(error.code, DocSourceCode::SecretUnusable, "{error}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn plain_http_behind_https_is_a_tls_failure() {
    let (address, _) = crate::hostile_server::listen(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    })
    .await;
    let server = crate::stage::listed(&format!("https://{address}"));
    let error = client().status(&server, PATIENCE).await.unwrap_err();
    assert!(matches!(error.code, DocSourceCode::TlsFailed), "{error:?}");
}
