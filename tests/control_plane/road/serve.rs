//! Carries one request: asks the dice, then the API server. Faults fall on our own group only.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::script::{Fault, Sort};
use super::{Shared, Terms, lists, mangle};

const OURS: &str = "/apis/metawsm.dev/";

pub async fn serve(listener: TcpListener, shared: Shared) {
    let routes = Router::new().fallback(carry).with_state(shared);
    axum::serve(listener, routes).await.expect("the road is served");
}

async fn carry(State(shared): State<Shared>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let sort = sort_of(&request);
    if !is_known(&shared, request.headers()) {
        return status(401, "Unauthorized");
    }
    if !path.starts_with(OURS) {
        return pass(&shared, request).await.unwrap_or_else(|error| status(502, &error));
    }
    let fault = {
        let mut terms = shared.terms();
        let nth = terms.nth(format!("{sort:?} {path}"));
        let fault = terms.script.fault(sort, &path, nth);
        let fault = too_old(&mut terms, sort, &path, version_of(&request), fault);
        if let Some(fault) = fault {
            terms.note((sort, fault));
        }
        fault
    };
    match fault {
        Some(Fault::Answer(code)) => return status(code, "so the road says"),
        Some(Fault::Hang(length)) => {
            sleep(length).await;
            return cut();
        }
        Some(Fault::HangBody) => {
            let never = futures::stream::pending::<Result<Bytes, std::io::Error>>();
            return Response::new(Body::from_stream(never));
        }
        Some(Fault::CutBefore) => return cut(),
        Some(Fault::Delay(length)) => sleep(length).await,
        Some(Fault::CutAfter | Fault::StaleList) | None => {}
    }
    let answer = match pass(&shared, request).await {
        Ok(answer) => answer,
        Err(error) => return status(502, &error),
    };
    if fault == Some(Fault::CutAfter) {
        return cut();
    }
    match sort {
        Sort::Watch => answer,
        Sort::List | Sort::Read | Sort::Write => whole(&shared, &path, sort, fault, answer).await,
    }
}

fn is_known(shared: &Shared, headers: &HeaderMap) -> bool {
    let mut terms = shared.terms();
    let header = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let token = header.and_then(|h| h.strip_prefix("Bearer "));
    let known = terms.tokens.iter().copied().find(|t| Some(*t) == token);
    terms.shown.extend(known);
    known.is_some() || terms.tokens.is_empty()
}

/// Who was told once that a resource version is too old is told so again, until there was a list.
fn too_old(terms: &mut Terms, sort: Sort, path: &str, version: Option<String>, fault: Option<Fault>) -> Option<Fault> {
    match sort {
        Sort::Watch if fault == Some(Fault::Answer(410)) => {
            terms.gone.extend(version.map(|v| (path.to_owned(), v)));
            fault
        }
        Sort::Watch if version.is_some() && terms.gone.get(path) == version.as_ref() => Some(Fault::Answer(410)),
        Sort::List => {
            terms.gone.remove(path);
            fault
        }
        Sort::Watch | Sort::Read | Sort::Write => fault,
    }
}

fn version_of(request: &Request) -> Option<String> {
    let query = request.uri().query().unwrap_or_default();
    let mut words = query.split('&');
    words
        .find_map(|w| w.strip_prefix("resourceVersion="))
        .map(str::to_owned)
}

fn sort_of(request: &Request) -> Sort {
    let query = request.uri().query().unwrap_or_default();
    if request.method() != Method::GET {
        Sort::Write
    } else if query.contains("watch=") {
        Sort::Watch
    } else if ["runs", "tickettopologies", "docendpoints", "forumthreads"]
        .iter()
        .any(|p| request.uri().path().ends_with(p))
    {
        Sort::List
    } else {
        Sort::Read
    }
}

/// Asks the API server; the watch's body goes through the mangle.
async fn pass(shared: &Shared, request: Request) -> Result<Response, String> {
    let (sort, path) = (sort_of(&request), request.uri().path().to_owned());
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|e| e.to_string())?.to_bytes();
    for own in [
        header::HOST,
        header::AUTHORIZATION,
        header::ACCEPT_ENCODING,
        header::CONTENT_LENGTH,
    ] {
        parts.headers.remove(own);
    }
    let (client, user) = {
        let terms = shared.terms();
        (terms.upstream.clone(), terms.user.clone())
    };
    if let Some(user) = user {
        let user = HeaderValue::from_str(&user).expect("a user's name is one line");
        parts.headers.insert("impersonate-user", user);
    }
    let asked = http::Request::from_parts(parts, kube::client::Body::from(body.to_vec()));
    let answer = client.send(asked).await.map_err(|e| e.to_string())?;
    let (parts, body) = answer.into_parts();
    let body = if sort == Sort::Watch && parts.status.is_success() && path.starts_with(OURS) {
        mangle::watch(shared.clone(), path, body)
    } else {
        Body::new(body)
    };
    let mut made = Response::new(body);
    *made.status_mut() = parts.status;
    for kept in [header::CONTENT_TYPE, header::RETRY_AFTER] {
        if let Some(value) = parts.headers.get(&kept) {
            made.headers_mut().insert(kept, value.clone());
        }
    }
    Ok(made)
}

/// An answer that is read whole: an older list may take its place, one object may be broken.
async fn whole(shared: &Shared, path: &str, sort: Sort, fault: Option<Fault>, answer: Response) -> Response {
    let (parts, body) = answer.into_parts();
    let Ok(body) = body.collect().await else { return cut() };
    let mut body = body.to_bytes();
    let mut terms = shared.terms();
    if sort == Sort::List && parts.status.is_success() {
        let older = lists::older(terms.lists.entry(path.to_owned()).or_default(), &body);
        if fault == Some(Fault::StaleList) {
            body = older.unwrap_or(body);
        }
    }
    if let Some(broken) = terms.script.broken.clone()
        && let Ok(mut value) = serde_json::from_slice::<Value>(&body)
    {
        let is_it = |o: &Value| o["metadata"]["name"] == *broken;
        if is_it(&value) {
            break_one(&mut value);
        }
        for item in value["items"].as_array_mut().into_iter().flatten().filter(|o| is_it(o)) {
            break_one(item);
        }
        body = value.to_string().into();
    }
    Response::from_parts(parts, Body::from(body))
}

/// What no schema of ours would have let through.
pub fn break_one(object: &mut Value) {
    object["spec"] = json!({ "tickets": 7, "ticket": 7 });
}

fn status(code: u16, message: &str) -> Response {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": match code { 409 => "Conflict", 410 => "Expired", 401 => "Unauthorized", _ => "InternalError" },
        "code": code,
    });
    let code = StatusCode::from_u16(code).expect("a script names real codes");
    let mut answer = (code, axum::Json(body)).into_response();
    if code == StatusCode::TOO_MANY_REQUESTS {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}

/// Ends the connection in the middle of an answer: no client can tell how it went.
fn cut() -> Response {
    let broken = futures::stream::iter([Err::<Bytes, _>(std::io::Error::other("cut"))]);
    let mut answer = Response::new(Body::from_stream(broken));
    // An announced length that never comes is an error to every client.
    answer
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from_static("1000"));
    answer
}
