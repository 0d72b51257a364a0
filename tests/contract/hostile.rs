//! Servers that lie, flood, stall and break off: each has a code of its own, and costs no more than its budget.

use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use metawsm::ports::doc_source::{DocServer, DocSource as _, DocSourceCode, DocSourceError};
use metawsm::ports::secrets::Credential;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;

use crate::hostile_server::{JSON, Then, answering, json_server, raw, status};
use crate::stage::{PATIENCE, at, client};

const INDEXED: &str = "2026-11-21T08:36:44Z";
/// Shorter than the patience of a server that stalls on purpose.
const SHORT: Duration = Duration::from_millis(700);

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
    // Held without listening: nobody else is given the port meanwhile.
    let held = TcpSocket::new_v4().unwrap();
    held.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let gone = held.local_addr().unwrap();
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
    let (address, connections) = crate::hostile_server::listen(move |mut stream| {
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
    let connected = async {
        while connections.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        answer = client.refresh(&server, PATIENCE) => panic!("it did not wait: {answer:?}"),
        () = connected => {}
    }
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
