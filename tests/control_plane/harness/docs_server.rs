//! A server of documents whose answers a test decides: just enough of docmgr's API to be federated.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use metawsm::kernel::moment::Moment;
use serde_json::{Value, json};

/// What it says.
struct Says {
    tickets: Vec<(String, String)>,
    indexed_at: Timestamp,
    up: bool,
    refreshes: usize,
    questions: usize,
}

/// The server; gone with the value.
pub struct DocsServer {
    pub address: SocketAddr,
    says: Arc<Mutex<Says>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for DocsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Shared = State<Arc<Mutex<Says>>>;

impl DocsServer {
    /// Serves these tickets, each with its status, from an index of now.
    pub async fn of(tickets: &[(&str, &str)]) -> Self {
        let tickets = tickets
            .iter()
            .map(|(t, s)| ((*t).to_owned(), (*s).to_owned()))
            .collect();
        let says = Says {
            tickets,
            indexed_at: Timestamp::now(),
            up: true,
            refreshes: 0,
            questions: 0,
        };
        let says = Arc::new(Mutex::new(says));
        let routes = Router::new()
            .route("/api/v1/workspace/status", get(status))
            .route("/api/v1/workspace/tickets", get(tickets_of))
            .route("/api/v1/index/refresh", post(refresh))
            .with_state(says.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, says, task }
    }

    /// Its address for people.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its index is so old from now on.
    pub fn age(&self, by: Duration) {
        self.says.lock().unwrap().indexed_at = Timestamp::now() - by;
    }

    /// When its index was built, as a status tells it.
    pub fn indexed_at(&self) -> String {
        Moment::new(self.says.lock().unwrap().indexed_at).to_string()
    }

    /// Whether it is up.
    pub fn up(&self, up: bool) {
        self.says.lock().unwrap().up = up;
    }

    /// How many refreshes it was asked for.
    pub fn refreshes(&self) -> usize {
        self.says.lock().unwrap().refreshes
    }

    /// How many other questions it was asked.
    pub fn questions(&self) -> usize {
        self.says.lock().unwrap().questions
    }
}

fn down() -> Response {
    let error = json!({"error": {"code": "index_not_ready", "message": "the index is not there yet", "details": null}});
    (StatusCode::SERVICE_UNAVAILABLE, Json(error)).into_response()
}

fn answer(says: &Shared, body: impl FnOnce(&mut Says) -> Value) -> Response {
    let mut says = says.lock().unwrap();
    says.questions += 1;
    if says.up {
        Json(body(&mut says)).into_response()
    } else {
        down()
    }
}

async fn status(says: Shared) -> Response {
    answer(&says, |says| {
        json!({
            "root": "/srv/docs/ttmp", "configDir": "", "repoRoot": "/srv/docs", "configPath": "", "vocabularyPath": "",
            "indexedAt": says.indexed_at.to_string(), "docsIndexed": says.tickets.len(), "ftsAvailable": true,
        })
    })
}

async fn tickets_of(says: Shared) -> Response {
    answer(&says, |says| {
        let rows: Vec<_> = says.tickets.iter().map(|(ticket, status)| json!({
            "ticket": ticket, "title": format!("Work on {ticket}"), "status": status, "topics": ["auth"], "owners": [],
            "intent": "", "createdAt": "2026-11-01", "updatedAt": "2026-11-01T10:00:00Z", "ticketDir": "2026/11/01/x",
            "indexPath": "2026/11/01/x/index.md", "snippet": "", "stats": null,
        })).collect();
        json!({"total": rows.len(), "results": rows, "nextCursor": "", "query": {}})
    })
}

async fn refresh(says: Shared) -> Response {
    {
        let mut says = says.lock().unwrap();
        if !says.up {
            return down();
        }
        says.refreshes += 1;
        says.indexed_at = Timestamp::now();
    }
    let says = says.lock().unwrap();
    let body = json!({
        "refreshed": true, "indexedAt": says.indexed_at.to_string(), "docsIndexed": says.tickets.len(), "ftsAvailable": true,
    });
    Json(body).into_response()
}
