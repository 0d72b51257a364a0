//! `/docs/<namespace>/<run>/<ticket>/`: a workspace's documents, for those whom the cluster lets `get` the Run. Reads only.
//! Nothing of a caller's request but its path and query ever reaches a documents' server.

pub mod page;
pub mod target;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use tokio::sync::Semaphore;
use tracing::warn;
use url::form_urlencoded;

use self::target::{Part, Target, target};
use crate::ports::access::{Access, Verdict};
use crate::ports::doc_pages::DocPages;
use crate::ports::doc_source::{DocServer, DocSourceCode, DocSourceError, DocsDoor, LiveDocs, Reach};

/// How long one request may take in all: what a person waits for.
const WITHIN: Duration = Duration::from_secs(10);
/// Requests worked on at the same time: each may ask the API server twice.
const AT_ONCE: usize = 32;
/// The longest token and query that are looked at.
const LONGEST_TOKEN: usize = 16 << 10;
const LONGEST_QUERY: usize = 4 << 10;

/// What the pages need. It is there once this process leads.
pub struct Shown {
    pub access: Arc<dyn Access>,
    pub door: Arc<dyn DocsDoor>,
    pub pages: Arc<dyn DocPages>,
}

/// The place of [`Shown`], empty until this process leads.
#[derive(Clone)]
pub struct DeepLinks {
    shown: Arc<OnceLock<Shown>>,
    room: Arc<Semaphore>,
}

impl Default for DeepLinks {
    fn default() -> Self {
        Self {
            shown: Arc::default(),
            room: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

impl DeepLinks {
    /// Opens the pages; a second time changes nothing.
    pub fn open(&self, shown: Shown) {
        let _ = self.shown.set(shown);
    }

    /// The routes, for everything below `/docs/`.
    pub fn routes(&self) -> Router {
        Router::new()
            .route("/docs/{*path}", axum::routing::any(serve))
            .with_state(self.clone())
    }
}

/// An answer in the making.
struct Said {
    status: StatusCode,
    kind: &'static str,
    body: Vec<u8>,
}

impl Said {
    fn page(html: String) -> Self {
        Self {
            status: StatusCode::OK,
            kind: "text/html; charset=utf-8",
            body: html.into_bytes(),
        }
    }

    fn problem(status: StatusCode, what: &str) -> Self {
        Self {
            status,
            ..Self::page(page::problem(what))
        }
    }
}

async fn serve(
    State(links): State<DeepLinks>,
    method: Method,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response<Body> {
    let query = query.unwrap_or_default();
    let said = tokio::time::timeout(WITHIN, answer(&links, &method, &uri, &query, &headers));
    let late = |_| Said::problem(StatusCode::GATEWAY_TIMEOUT, "This took too long; try again.");
    let said = said.await.unwrap_or_else(late);
    let body = match method {
        Method::HEAD => Body::empty(),
        _ => Body::from(said.body),
    };
    let mut response = Response::new(body);
    *response.status_mut() = said.status;
    let fixed = [
        (header::CONTENT_TYPE, said.kind),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in fixed {
        response
            .headers_mut()
            .insert(name, header::HeaderValue::from_static(value));
    }
    if said.status == StatusCode::UNAUTHORIZED {
        let bearer = header::HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
    }
    response
}

async fn answer(links: &DeepLinks, method: &Method, uri: &Uri, query: &str, headers: &HeaderMap) -> Said {
    let Some(token) = bearer(headers) else {
        return Said::problem(
            StatusCode::UNAUTHORIZED,
            "Send a token of this cluster: Authorization: Bearer TOKEN.",
        );
    };
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Said::problem(StatusCode::METHOD_NOT_ALLOWED, "Documents are only read here.");
    }
    let target = uri.path().strip_prefix("/docs/").and_then(target);
    let Some(target) = target.filter(|_| query.len() <= LONGEST_QUERY) else {
        return Said::problem(StatusCode::NOT_FOUND, "There is no such page.");
    };
    let Some(shown) = links.shown.get() else {
        return Said::problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "This process serves no documents now: it does not lead.",
        );
    };
    let Ok(_room) = links.room.acquire().await else {
        return Said::problem(StatusCode::SERVICE_UNAVAILABLE, "This process is ending.");
    };
    match shown.access.may_get_run(token, target.namespace, target.run).await {
        Ok(Verdict::Allowed) => {}
        Ok(Verdict::Unknown) => {
            return Said::problem(StatusCode::UNAUTHORIZED, "The token is not one of this cluster's.");
        }
        Ok(Verdict::Forbidden { user }) => {
            let what = format!(
                "'{user}' may not get run '{}' in namespace '{}'.",
                target.run, target.namespace
            );
            return Said::problem(StatusCode::FORBIDDEN, &what);
        }
        Err(why) => {
            warn!(%why, "a caller could not be judged");
            return Said::problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "The API server cannot be asked who you are; try again.",
            );
        }
    }
    let live = || shown.door.live(target.namespace, target.run, target.ticket);
    let Some(found) = live().await else {
        return Said::problem(StatusCode::NOT_FOUND, "No docs service runs for this workspace now.");
    };
    let said = read(shown.pages.as_ref(), &found, &target, query).await;
    // A port that changed hands meanwhile may have been answered by anybody.
    if live().await.as_ref() != Some(&found) {
        return Said::problem(StatusCode::BAD_GATEWAY, "The docs service ended meanwhile; try again.");
    }
    said.unwrap_or_else(|why| unread(&why))
}

/// What the documents' server has to say.
async fn read(
    pages: &dyn DocPages,
    found: &LiveDocs,
    target: &Target<'_>,
    query: &str,
) -> Result<Said, DocSourceError> {
    let address = found.address;
    let Ok(url) = format!("http://{address}").parse() else {
        return Ok(Said::problem(
            StatusCode::BAD_GATEWAY,
            "The docs service has no usable address.",
        ));
    };
    let server = &DocServer {
        url,
        credential: None,
        reach: Reach::Live { address },
    };
    let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let none = |what: &str| Said::problem(StatusCode::NOT_FOUND, what);
    Ok(match target.part {
        Part::Ticket => match pages.ticket(server, target.ticket, WITHIN).await? {
            Some(found) => Said::page(page::ticket(target, &found)),
            None => none("The workspace's documents have no such ticket, or more than one."),
        },
        Part::Document => {
            let path = pairs
                .iter()
                .find(|(name, _)| name == "path")
                .map_or("", |(_, value)| value);
            match pages.document(server, path, WITHIN).await? {
                Some(found) => Said::page(page::document(target, &found)),
                None => none("There is no such document."),
            }
        }
        Part::Api(route) => {
            let passed = pages.pass(server, route, &pairs, WITHIN).await?;
            Said {
                status: StatusCode::from_u16(passed.status).unwrap_or(StatusCode::BAD_GATEWAY),
                kind: "application/json",
                body: passed.body,
            }
        }
    })
}

fn unread(why: &DocSourceError) -> Said {
    let status = match why.code {
        DocSourceCode::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    };
    Said::problem(
        status,
        &format!("The docs service cannot be read ({}): {}", why.code, why.message),
    )
}

/// The token of exactly one `Authorization: Bearer` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (all.next(), all.next()) else {
        return None;
    };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    let plain = |b: u8| b.is_ascii_graphic();
    let usable = !token.is_empty() && token.len() <= LONGEST_TOKEN && token.bytes().all(plain);
    (scheme.eq_ignore_ascii_case("bearer") && usable).then_some(token)
}
