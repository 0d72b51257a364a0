//! What the road does to the events of one watch, line by line.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt as _;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::Shared;
use super::script::Trick;

type Line = Result<Bytes, std::io::Error>;

/// The line with which an API server ends a watch that is too old.
const GONE: &str = concat!(
    r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","#,
    r#""message":"too old resource version","reason":"Expired","code":410}}"#,
    "\n"
);

/// How long an event waits for another to change places with.
const PARTNER: Duration = Duration::from_millis(60);
/// Longer than any test.
const LONG: Duration = Duration::from_secs(3600);

/// The body of a watch as it comes out at the other end.
pub fn watch(shared: Shared, path: String, upstream: kube::client::Body) -> Body {
    let (send, receive) = mpsc::channel(16);
    tokio::spawn(carry(shared, path, upstream, send));
    Body::from_stream(futures::stream::unfold(receive, |mut receive| async {
        receive.recv().await.map(|line| (line, receive))
    }))
}

async fn carry(shared: Shared, path: String, upstream: kube::client::Body, send: mpsc::Sender<Line>) {
    let close = shared.terms().script.close_watches;
    let end = Instant::now() + close.unwrap_or(LONG);
    let mut body = upstream.into_data_stream();
    let mut carrier = Carrier {
        shared,
        path,
        send,
        held: None,
        owes: false,
    };
    let mut rest = Vec::new();
    loop {
        let partner = if carrier.held.is_some() { PARTNER } else { LONG };
        tokio::select! {
            piece = body.next() => {
                let Some(Ok(piece)) = piece else { break };
                rest.extend_from_slice(&piece);
                while let Some(at) = rest.iter().position(|b| *b == b'\n') {
                    let line: Vec<u8> = rest.drain(..=at).collect();
                    if !carrier.line(line).await {
                        return;
                    }
                }
            }
            () = sleep(partner), if carrier.held.is_some() => carrier.put_down().await,
            () = sleep_until(end) => break,
            () = carrier.send.closed() => return,
        }
    }
    carrier.put_down().await;
    if carrier.owes {
        let _ = carrier.send.send(Ok(Bytes::from_static(GONE.as_bytes()))).await;
    }
}

struct Carrier {
    shared: Shared,
    path: String,
    send: mpsc::Sender<Line>,
    /// Waits for another event to change places with.
    held: Option<Bytes>,
    /// An event was lost or came in the wrong order: the watch must end with a 410.
    owes: bool,
}

impl Carrier {
    /// Whether the watch goes on.
    async fn line(&mut self, line: Vec<u8>) -> bool {
        let (line, trick) = self.judge(line);
        let Some(line) = line else { return true };
        match trick {
            None => self.pass(line).await,
            Some(Trick::Drop) => self.owes = true,
            Some(Trick::Repeat) => {
                self.pass(line.clone()).await;
                self.pass(line).await;
            }
            Some(Trick::Exchange) => {
                self.put_down().await;
                (self.held, self.owes) = (Some(line), true);
            }
            Some(Trick::Delay(length)) => {
                sleep(length).await;
                self.pass(line).await;
            }
            Some(Trick::Gone) => {
                let _ = self.send.send(Ok(Bytes::from_static(GONE.as_bytes()))).await;
                return false;
            }
        }
        true
    }

    fn judge(&self, line: Vec<u8>) -> (Option<Bytes>, Option<Trick>) {
        let mut terms = self.shared.terms();
        let event: Value = serde_json::from_slice(&line).unwrap_or_default();
        let name = event["object"]["metadata"]["name"].as_str().unwrap_or_default();
        if let Some((path, whose, left)) = terms.swallow.as_mut()
            && *left > 0
            && self.path.ends_with(path.as_str())
            && name == whose
        {
            *left -= 1;
            terms.note("Swallow");
            return (None, None);
        }
        let nth = terms.nth(format!("event {}", self.path));
        let trick = terms.script.trick(&self.path, nth);
        if let Some(trick) = trick {
            terms.note(trick);
        }
        let line = match &terms.script.broken {
            Some(broken) if broken == name => {
                let mut event = event.clone();
                super::serve::break_one(&mut event["object"]);
                terms.note("Broken");
                Bytes::from(event.to_string() + "\n")
            }
            _ => Bytes::from(line),
        };
        (Some(line), trick)
    }

    async fn pass(&mut self, line: Bytes) {
        let _ = self.send.send(Ok(line)).await;
        self.put_down().await;
    }

    async fn put_down(&mut self) {
        if let Some(line) = self.held.take() {
            let _ = self.send.send(Ok(line)).await;
        }
    }
}
