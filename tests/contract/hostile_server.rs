//! Servers that are not docmgr, byte by byte.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub url: Url,
    pub headers: BTreeMap<String, String>,
}

impl Request {
    /// A parameter of its query; empty where it has none.
    pub fn parameter(&self, name: &str) -> String {
        let found = self.url.query_pairs().find(|(n, _)| n == name);
        found.map_or_else(String::new, |(_, value)| value.into_owned())
    }
}

/// How many connections were made.
pub type Connections = Arc<AtomicUsize>;

/// Hands each connection to `handle`; ends with the test's runtime.
pub async fn listen<F, Fut>(handle: F) -> (SocketAddr, Connections)
where
    F: Fn(TcpStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Connections::default();
    let counted = connections.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(handle(stream));
        }
    });
    (address, connections)
}

/// Answers each request with status, headers and body.
pub async fn answering<F>(answer: F) -> (SocketAddr, Connections)
where
    F: Fn(&Request) -> (u16, String, Vec<u8>) + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    listen(move |stream| {
        let answer = answer.clone();
        async move {
            let mut stream = BufReader::new(stream);
            while let Some(request) = request(&mut stream).await {
                let (status, headers, body) = answer(&request);
                let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
                if stream.write_all(&[head.into_bytes(), body].concat()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

/// Answers each request with JSON.
pub async fn json_server<F>(answer: F) -> (SocketAddr, Connections)
where
    F: Fn(&Request) -> Value + Send + Sync + 'static,
{
    answering(move |request| (200, JSON.to_owned(), answer(request).to_string().into_bytes())).await
}

pub const JSON: &str = "Content-Type: application/json\r\n";

/// Answers the request for any route with the bytes, then does what `then` says.
pub async fn raw(bytes: Vec<u8>, then: Then) -> (SocketAddr, Connections) {
    let bytes = Arc::new(bytes);
    listen(move |stream| {
        let bytes = bytes.clone();
        async move {
            let mut stream = BufReader::new(stream);
            if request(&mut stream).await.is_none() || stream.write_all(&bytes).await.is_err() {
                return;
            }
            match then {
                Then::Close => {}
                Then::Hang => std::future::pending().await,
                Then::Repeat(chunk, pause) => {
                    while stream.write_all(chunk).await.is_ok() && stream.flush().await.is_ok() {
                        tokio::time::sleep(pause).await;
                    }
                }
            }
        }
    })
    .await
}

/// What a raw server does behind its bytes.
#[derive(Clone, Copy)]
pub enum Then {
    Close,
    Hang,
    Repeat(&'static [u8], Duration),
}

/// A good status.
pub fn status(indexed_at: &str) -> Value {
    json!({"root": "/repo/ttmp", "repoRoot": "/repo", "indexedAt": indexed_at, "docsIndexed": 3, "ftsAvailable": true})
}

/// A row of a list.
pub fn row(ticket: &str) -> Value {
    json!({
        "ticket": ticket, "title": format!("About {ticket}"), "status": "active", "topics": ["a"], "owners": null,
        "intent": "long-term", "updatedAt": "2026-11-21T08:36:40.85Z", "ticketDir": format!("t/{ticket}"),
        "indexPath": format!("t/{ticket}/index.md"), "snippet": "", "stats": null,
    })
}

/// One page of these rows, by a cursor that is an offset.
pub fn page(request: &Request, names: &[String]) -> Value {
    let size: usize = request.parameter("pageSize").parse().unwrap();
    let from: usize = request.parameter("cursor").parse().unwrap_or(0);
    let rows: Vec<_> = names.iter().skip(from).take(size).map(|name| row(name)).collect();
    let next = match from + rows.len() < names.len() {
        true => (from + rows.len()).to_string(),
        false => String::new(),
    };
    json!({"total": names.len(), "results": rows, "nextCursor": next})
}

async fn request(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut first = lines.first()?.split(' ');
    let target = first.nth(1)?;
    let url = Url::parse("http://x").unwrap().join(target).ok()?;
    let header =
        |line: &String| Some(line.split_once(": ")).map(|pair| pair.map(|(n, v)| (n.to_lowercase(), v.to_owned())));
    let headers = lines[1..].iter().filter_map(header).flatten().collect();
    Some(Request { url, headers })
}
