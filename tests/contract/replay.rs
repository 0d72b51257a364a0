//! A server that answers as recorded: each request gets the next of the chosen exchanges that fits it, the last one again
//! and again. What only shapes a page (`pageSize`, `orderBy`) may differ.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{Method, Response, Uri};
use tokio::net::TcpListener;

use crate::exchanges::{self, Answered, Exchange};

/// What each request got: `METHOD path number`.
pub type Seen = Arc<Mutex<Vec<String>>>;

#[derive(Clone)]
struct Chosen {
    exchanges: Arc<Vec<(u16, Exchange)>>,
    seen: Seen,
}

/// Serves the exchanges with these numbers; ends with the test's runtime.
pub async fn serve(numbers: &[u16]) -> (SocketAddr, Seen) {
    let all = exchanges::all();
    let exchanges = numbers.iter().map(|n| (*n, all[n].clone())).collect();
    serve_exchanges(exchanges).await
}

/// Serves made-up exchanges.
pub async fn serve_exchanges(exchanges: Vec<(u16, Exchange)>) -> (SocketAddr, Seen) {
    let seen = Seen::default();
    let chosen = Chosen {
        exchanges: Arc::new(exchanges),
        seen: seen.clone(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new().fallback(answer).with_state(chosen);
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (address, seen)
}

async fn answer(
    State(chosen): State<Chosen>,
    method: Method,
    uri: Uri,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response<Body> {
    let shaping = |name: &str| matches!(name, "pageSize" | "orderBy" | "includeStats");
    let telling = |query: &BTreeMap<String, String>| {
        let mut kept = query.clone();
        kept.retain(|name, _| !shaping(name));
        kept
    };
    let fits: Vec<_> = chosen
        .exchanges
        .iter()
        .filter(|(_, e)| e.request.method == method.as_str() && e.request.path == uri.path())
        .filter(|(_, e)| telling(&e.request.query) == telling(&query))
        .collect();
    let mut seen = chosen.seen.lock().unwrap();
    let before = |number: &u16| seen.iter().any(|line| line.ends_with(&format!(" {number}")));
    let next = fits.iter().find(|(n, _)| !before(n)).or(fits.last());
    let Some((number, exchange)) = next else {
        panic!("nobody recorded {method} {uri}");
    };
    seen.push(format!("{method} {} {number}", uri.path()));
    respond(&exchange.response)
}

fn respond(answered: &Answered) -> Response<Body> {
    let mut response = Response::builder().status(answered.status);
    for (name, value) in &answered.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(answered.bytes())).unwrap()
}
