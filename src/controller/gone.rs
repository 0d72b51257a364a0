//! The road between us and the API server: a deadline on every call, to its last byte where it is no watch, a count of requests, and
//! the repair of one trap. A watch that is answered with HTTP 410 at its start would be tried again with the same
//! resource version for ever; it is turned into the in-stream error that kube's watcher does recover from.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full};
use kube::client::{Body, DynBody};
use tower::{BoxError, Layer, Service};

use super::metrics::{Metrics, RequestLabels};
use crate::failpoint::sabotaged;

/// The line that a watch carries when its resource version is too old.
const EXPIRED: &str = concat!(
    r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","#,
    r#""message":"too old resource version","reason":"Expired","code":410}}"#,
    "\n"
);

/// Wraps every request; see the module.
#[derive(Clone)]
pub struct Road {
    pub metrics: Arc<Metrics>,
    pub deadline: Duration,
}

impl<S> Layer<S> for Road {
    type Service = OnRoad<S>;
    fn layer(&self, inner: S) -> OnRoad<S> {
        OnRoad {
            inner,
            road: self.clone(),
        }
    }
}

/// A service on the [`Road`].
#[derive(Clone)]
pub struct OnRoad<S> {
    inner: S,
    road: Road,
}

type Answer = Response<Box<DynBody>>;

impl<S> Service<Request<Body>> for OnRoad<S>
where
    S: Service<Request<Body>, Response = Answer, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Answer;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let watch = is_watch(request.uri().query());
        let method = request.method().to_string();
        let Road { metrics, deadline } = self.road.clone();
        let until = tokio::time::Instant::now() + deadline;
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = tokio::time::timeout_at(until, answer)
                .await
                .unwrap_or_else(|_| Err(format!("no answer from the API server within {deadline:?}").into()));
            let code = answer
                .as_ref()
                .map_or("error".to_owned(), |a| a.status().as_u16().to_string());
            metrics.requests.get_or_create(&RequestLabels { code, method }).inc();
            let endless = sabotaged("sabotage.road.bodies_without_end");
            Ok(match answer? {
                answer if watch => mend(answer),
                answer if endless => answer,
                answer => limit(answer, until),
            })
        })
    }
}

fn is_watch(query: Option<&str>) -> bool {
    query.is_some_and(|q| q.split('&').any(|p| p == "watch=true" || p == "watch=1"))
}

/// Headers may come and the rest never: the deadline holds for the whole answer.
fn limit(answer: Answer, until: tokio::time::Instant) -> Answer {
    answer.map(|body| {
        let late = tokio::time::sleep_until(until);
        Box::new(Limited {
            body: Box::into_pin(body),
            late: Box::pin(late),
        }) as Box<DynBody>
    })
}

/// A body that fails once it is late.
struct Limited {
    body: Pin<Box<DynBody>>,
    late: Pin<Box<tokio::time::Sleep>>,
}

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = self.body.as_mut().poll_frame(cx) {
            return Poll::Ready(frame);
        }
        let late = self.late.as_mut().poll(cx);
        late.map(|()| Some(Err("the API server began an answer and did not end it in time".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

fn mend(answer: Answer) -> Answer {
    if answer.status() != StatusCode::GONE || sabotaged("sabotage.road.keeps_a_410") {
        return answer;
    }
    let body = Full::new(Bytes::from_static(EXPIRED.as_bytes())).map_err(|never| -> BoxError { match never {} });
    let mut mended = Response::new(Box::new(body) as Box<DynBody>);
    mended.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    mended
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{StreamExt as _, pin_mut};
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::Client;
    use kube::api::{Api, WatchEvent, WatchParams};

    #[tokio::test]
    async fn an_answer_that_never_ends_is_given_up_at_the_deadline() {
        let begin = tower::service_fn(|_: Request<Body>| async {
            let never = futures::stream::pending::<Result<Frame<Bytes>, BoxError>>();
            Ok::<_, BoxError>(Response::new(
                Box::new(http_body_util::StreamBody::new(never)) as Box<DynBody>
            ))
        });
        let road = Road {
            metrics: Arc::new(Metrics::default()),
            deadline: Duration::from_millis(20),
        };
        let api: Api<ConfigMap> = Api::namespaced(Client::new(road.layer(begin), "x"), "x");
        let asked = tokio::time::timeout(Duration::from_secs(20), api.get("x")).await;
        assert!(asked.expect("it is given up").is_err());
    }

    #[tokio::test]
    async fn a_watch_refused_with_410_ends_with_an_expired_error_inside_the_stream() {
        let refuse = tower::service_fn(|_: Request<Body>| async {
            let mut answer = Response::new(
                Box::new(Full::new(Bytes::new()).map_err(|n| -> BoxError { match n {} })) as Box<DynBody>,
            );
            *answer.status_mut() = StatusCode::GONE;
            Ok::<_, BoxError>(answer)
        });
        let road = Road {
            metrics: Arc::new(Metrics::default()),
            deadline: Duration::from_secs(1),
        };
        let api: Api<ConfigMap> = Api::namespaced(Client::new(road.layer(refuse), "x"), "x");
        let stream = api.watch(&WatchParams::default(), "1").await.expect("the watch starts");
        pin_mut!(stream);
        let first = stream.next().await.expect("an event").expect("it decodes");
        assert!(
            matches!(first, WatchEvent::Error(status) if status.code == 410),
            "in-stream 410"
        );
    }
}
