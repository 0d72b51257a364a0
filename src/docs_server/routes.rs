//! Which path leads to what, and with which method. Exact paths only; everything else is docmgr's plain 404, `files/*`
//! with it. The body of a request is never read.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, Response};
use serde_json::json;

use super::answer::{self, Answer, Refusal, no_route};
use super::document;
use super::parameters::Parameters;
use super::refresh::Shelf;
use super::workspace::View;

/// What there is to be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Health,
    Status,
    Summary,
    Tickets,
    Recent,
    Topics,
    Topic,
    Ticket,
    Documents,
    Tasks,
    Document,
    Refresh,
}

impl Route {
    fn of(path: &str) -> Option<Self> {
        Some(match path.strip_prefix("/api/v1/")? {
            "healthz" => Self::Health,
            "workspace/status" => Self::Status,
            "workspace/summary" => Self::Summary,
            "workspace/tickets" => Self::Tickets,
            "workspace/recent" => Self::Recent,
            "workspace/topics" => Self::Topics,
            "workspace/topics/get" => Self::Topic,
            "tickets/get" => Self::Ticket,
            "tickets/docs" => Self::Documents,
            "tickets/tasks" => Self::Tasks,
            "docs/get" => Self::Document,
            "index/refresh" => Self::Refresh,
            _ => return None,
        })
    }

    fn method(self) -> Method {
        match self {
            Self::Refresh => Method::POST,
            Self::Health
            | Self::Status
            | Self::Summary
            | Self::Tickets
            | Self::Recent
            | Self::Topics
            | Self::Topic
            | Self::Ticket
            | Self::Documents
            | Self::Tasks
            | Self::Document => Method::GET,
        }
    }
}

/// All routes.
pub fn routes(shelf: Arc<Shelf>) -> Router {
    Router::new().fallback(handle).with_state(shelf)
}

async fn handle(State(shelf): State<Arc<Shelf>>, request: Request) -> Response<Body> {
    let Some(route) = Route::of(request.uri().path()) else {
        return no_route();
    };
    if request.method() != route.method() {
        return Refusal::method().response();
    }
    let parameters = Parameters::of(request.uri().query().unwrap_or_default());
    if route == Route::Refresh {
        return answer::response(refreshed(&shelf).await);
    }
    let answered = tokio::task::spawn_blocking(move || read(route, &shelf, &parameters)).await;
    answer::response(answered.unwrap_or_else(|error| Err(Refusal::internal(error))))
}

async fn refreshed(shelf: &Arc<Shelf>) -> Answer {
    let index = shelf.refresh().await.map_err(Refusal::internal)?;
    Ok(json!({
        "refreshed": true, "indexedAt": index.indexed_at.to_string(), "docsIndexed": index.counted,
        "ftsAvailable": false,
    }))
}

fn read(route: Route, shelf: &Shelf, parameters: &Parameters) -> Answer {
    let index = shelf.index();
    let view = View::new(&shelf.place, &index);
    match route {
        Route::Health => Ok(json!({ "ok": true })),
        Route::Status => Ok(view.status()),
        Route::Summary => Ok(view.summary()),
        Route::Tickets => view.list(parameters),
        Route::Recent => Ok(view.recent(parameters)),
        Route::Topics => Ok(view.topics(parameters)),
        Route::Topic => view.topic(parameters),
        Route::Ticket => view.ticket(parameters),
        Route::Documents => view.documents(parameters),
        Route::Tasks => view.tasks(parameters),
        Route::Document => document::get(&shelf.place, &parameters.required("path")?),
        Route::Refresh => Err(Refusal::method()),
    }
}
