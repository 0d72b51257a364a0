//! `/livez`, `/readyz` and `/metrics`. Tells the state of the process; changes nothing.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

/// What must be true before the process is ready; each part is named and told.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, Part>>>);

/// Whether a part is ready, and what it lacks.
#[derive(Clone, Debug, Default)]
struct Part {
    ready: bool,
    lacks: String,
}

impl Readiness {
    /// Says whether a part is ready; a part that was never named does not count.
    pub fn set(&self, part: &'static str, ready: bool) {
        self.put(part, ready, String::new());
    }

    /// Says what a part lacks; it is ready when that is nothing.
    pub fn lacks(&self, part: &'static str, what: &[String]) {
        self.put(part, what.is_empty(), what.join(", "));
    }

    fn put(&self, part: &'static str, ready: bool, lacks: String) {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.insert(part, Part { ready, lacks });
    }

    fn report(&self) -> (bool, String) {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<_> = parts
            .iter()
            .map(|(name, part)| match (part.ready, part.lacks.as_str()) {
                (true, _) => format!("[+] {name}"),
                (false, "") => format!("[-] {name}"),
                (false, lacks) => format!("[-] {name}: {lacks}"),
            })
            .collect();
        (
            !parts.is_empty() && parts.values().all(|part| part.ready),
            lines.join("\n") + "\n",
        )
    }
}

/// What the routes need.
#[derive(Clone)]
pub struct Health {
    pub readiness: Readiness,
    pub registry: Arc<Registry>,
}

/// Serves these routes, and `more` beside them, until `stop` comes true.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    health: Health,
    more: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(health)
        .merge(more);
    axum::serve(listener, routes).with_graceful_shutdown(stop).await
}

async fn ready(State(health): State<Health>) -> impl IntoResponse {
    let (ready, report) = health.readiness.report();
    (
        if ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        },
        report,
    )
}

async fn metrics(State(health): State<Health>) -> impl IntoResponse {
    let mut body = String::new();
    match encode(&mut body, &health.registry) {
        Ok(()) => (
            StatusCode::OK,
            [(
                header::CONTENT_TYPE,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            )],
            body,
        ),
        Err(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            [(header::CONTENT_TYPE, "text/plain")],
            error.to_string(),
        ),
    }
}
