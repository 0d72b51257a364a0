//! Runs one kind's driver: watches, caches, and calls `drive` for what changed. One object's panic or error
//! stops nobody else. Decides nothing about objects.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{FutureExt as _, Stream, StreamExt as _, TryStreamExt as _};
use kube::api::Api;
use kube::runtime::controller::{Action, Config};
use kube::runtime::reflector::{ObjectRef, Store, store::Writer};
use kube::runtime::{Controller, WatchStreamExt as _, watcher};
use kube::{Client, Resource, ResourceExt as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::caches::Caches;
use super::context::Context;
use super::drive::drive;
pub use super::guarded::Guarded;
use super::kind::Kind;
use super::metrics::{ControllerLabels, ReconcileLabels};
use super::relist::Kept;
use super::{policy, status, undecodable};
use crate::failpoint::sabotaged;
use crate::kernel::outcome::Failure;

/// Wakes objects that a watch of their own would not.
pub type Pokes<R> = mpsc::UnboundedSender<ObjectRef<Guarded<R>>>;

/// A watch ends by itself after so many seconds, so that a dead connection is noticed 5 s later. Below the 240 s after
/// which some load balancers drop idle connections.
const WATCH_SECONDS: u32 = 200;
/// A whole pass; every call in it has a shorter deadline of its own.
const PASS_LIMIT: Duration = Duration::from_mins(3);
/// From how many failures in a row on the conditions tell of them; fewer are noise.
const TELL_FROM: u32 = 3;

/// The watch of a kind: takes out what nobody reads and what `thin` takes out, fills the cache and says when it is complete,
/// lets `tap` see each event that the cache has taken, then feeds the driver.
pub fn watch<R>(
    client: Client,
    namespace: Option<String>,
    writer: Writer<Guarded<R>>,
    caches: Caches,
    page: u32,
    thin: impl Fn(&mut R) + Send + 'static,
    tap: impl Fn(&watcher::Event<Guarded<R>>) + Send + 'static,
) -> impl Stream<Item = Result<Guarded<R>, watcher::Error>> + Send
where
    R: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let api: Api<Guarded<R>> = match namespace {
        Some(namespace) => Api::namespaced(client, &namespace),
        None => Api::all(client),
    };
    let (mut unfilled, mut kept) = (Some(caches), Kept::new(writer));
    let config = watcher::Config::default().timeout(WATCH_SECONDS).page_size(page);
    watcher(api, config)
        .default_backoff()
        .modify(move |object| {
            prune(object);
            if let Ok(object) = &mut object.0 {
                thin(Arc::make_mut(object));
            }
        })
        .inspect_ok(move |event| {
            kept.take(event);
            tap(event);
            if matches!(event, watcher::Event::InitDone)
                && let Some(caches) = unfilled.take()
            {
                caches.filled();
            }
        })
        .inspect_err(|error| warn!(%error, "watch interrupted; it will be taken up again"))
        .take_while(|event| std::future::ready(!event.as_ref().is_err_and(ends_the_watch)))
        .applied_objects()
}

/// Nothing does but a bug that a test switches on: without its definition a kind is watched for until that is back.
fn ends_the_watch(error: &watcher::Error) -> bool {
    let code = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.code,
        _ => 0,
    };
    match code {
        404 => sabotaged("sabotage.watch.ends_without_a_definition"),
        // What a young API server says before it is ready.
        429 => false,
        _ => sabotaged("sabotage.watch.ends_with_an_error"),
    }
}

fn prune<R: Resource>(object: &mut R) {
    object.meta_mut().managed_fields = None;
    if let Some(annotations) = object.meta_mut().annotations.as_mut() {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
}

/// Drives every object of the kind until `stop`, then lets the passes under way come to their end.
pub async fn run<K: Kind>(
    cx: Arc<Context<K>>,
    store: Store<Guarded<K::Resource>>,
    stream: impl Stream<Item = Result<Guarded<K::Resource>, watcher::Error>> + Send + 'static,
    mut pokes: mpsc::UnboundedReceiver<ObjectRef<Guarded<K::Resource>>>,
    concurrency: u16,
    stop: CancellationToken,
) {
    let pokes = futures::stream::poll_fn(move |task| pokes.poll_recv(task));
    Controller::for_stream(stream, store)
        .with_config(Config::default().concurrency(concurrency))
        .graceful_shutdown_on(stop.cancelled_owned())
        .reconcile_on(pokes)
        .run(pass::<K>, |_, never: &Infallible, _| match *never {}, cx)
        .for_each(|_| std::future::ready(()))
        .await;
}

async fn pass<K: Kind>(object: Arc<Guarded<K::Resource>>, cx: Arc<Context<K>>) -> Result<Action, Infallible> {
    cx.shared.caches.complete().await;
    let label = ControllerLabels { controller: K::NAME };
    let metrics = cx.shared.metrics.clone();
    let active = metrics.active.get_or_create(&label).clone();
    active.inc();
    let started = Instant::now();
    let work = AssertUnwindSafe(guarded(&cx, &object)).catch_unwind();
    let outcome = match tokio::time::timeout(PASS_LIMIT, work).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => {
            metrics.panics.get_or_create(&label).inc();
            error!(
                kind = K::NAME,
                name = object.name_any(),
                namespace = object.namespace(),
                "a pass panicked; this is a bug"
            );
            Err(Failure::Retry(
                "the controller met a bug in itself here; its log says where".to_owned(),
            ))
        }
        Err(_) => Err(Failure::Retry(format!("the pass took longer than {PASS_LIMIT:?}"))),
    };
    active.dec();
    metrics
        .seconds
        .get_or_create(&label)
        .observe(started.elapsed().as_secs_f64());
    let result = outcome.as_ref().map_or_else(Failure::class, |_| "success");
    metrics
        .reconciles
        .get_or_create(&ReconcileLabels {
            controller: K::NAME,
            result,
        })
        .inc();
    Ok(match outcome {
        Ok(action) => {
            cx.memory.succeeded(&object.uid().unwrap_or_default());
            action
        }
        Err(failure) => after_failure(&cx, &object, &failure).await,
    })
}

async fn guarded<K: Kind>(cx: &Context<K>, object: &Guarded<K::Resource>) -> Result<Action, Failure> {
    cx.shared.leadership.check()?;
    match &object.0 {
        Ok(resource) => drive(cx, resource.clone()).await,
        Err(broken) => undecodable::face(cx, broken).await.map(|()| Action::await_change()),
    }
}

async fn after_failure<K: Kind>(cx: &Context<K>, object: &Guarded<K::Resource>, failure: &Failure) -> Action {
    let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
    if sabotaged("sabotage.runner.never_tries_again") {
        return Action::await_change();
    }
    if let Failure::Quiet(why) = failure {
        debug!(kind = K::NAME, namespace, name, why, "gave way");
        return Action::requeue(policy::AFTER_QUIET);
    }
    cx.shared
        .metrics
        .errors
        .get_or_create(&ControllerLabels { controller: K::NAME })
        .inc();
    let generation = object.meta().generation.unwrap_or(0);
    let failures = cx.memory.change(&object.uid().unwrap_or_default(), |m| {
        m.failures = if m.failed_generation == generation {
            m.failures + 1
        } else {
            1
        };
        m.failed_generation = generation;
        m.failures
    });
    warn!(kind = K::NAME, namespace, name, class = failure.class(), failures, error = %failure, "pass failed");
    let tell = failures >= TELL_FROM || !matches!(failure, Failure::Retry(_));
    if let (true, Ok(resource)) = (tell, &object.0)
        && let Err(error) = status::write_failure(cx, resource, failure).await
    {
        debug!(%error, "the failure could not be told in status");
    }
    match failure {
        Failure::Stalled { .. } | Failure::Quiet(_) => Action::requeue(policy::heartbeat()),
        Failure::Waiting { after, .. } => Action::requeue(*after),
        Failure::Retry(_) => Action::requeue(policy::backoff(failures)),
    }
}
