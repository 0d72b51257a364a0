//! Starts the drivers of all kinds and what wakes them. A fifth kind is one more function here.

use std::sync::Arc;
use std::time::Duration;

use kube::runtime::reflector::{self, ObjectRef, Store, store::Writer};
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::federation::{Around, start_federation};
use super::forum::start_forum_upkeep;
use super::housekeeping::start_housekeeping;
use super::queue::call_up;
use super::services::{Wakes, look_after_services, open_services};
use super::wakes::{both, endpoints_of, run_changed, run_of, runs_of, topologies_of};
use super::{COUNT, Ground};
use crate::adapters::executor_local::LocalExecutor;
use crate::adapters::sqlite::History;
use crate::controller::context::{Context, Shared};
use crate::controller::kind::Kind;
use crate::controller::metrics::ControllerLabels;
use crate::controller::runner::{self, Guarded, Pokes};
use crate::controller::vanished;
use crate::doc_endpoint::DocEndpointKind;
use crate::doc_endpoint::crd::DocEndpoint;
use crate::forum_thread::ThreadKind;
use crate::forum_thread::crd::ForumThread;
use crate::ports::executor::Executor;
use crate::ports::services::Services;
use crate::run::crd::Run;
use crate::run::turnstile::Turnstile;
use crate::run::{ProgressLog, RunKind};
use crate::tasks::Tasks;
use crate::ticket_topology::TopologyKind;
use crate::ticket_topology::crd::TicketTopology;

/// How many kinds there are.
pub const KINDS: usize = 4;

/// How often the mirror is compared with the cluster, for objects that vanished.
const SWEEP: Duration = Duration::from_mins(5);

/// One kind's cache and the wakes of its objects, before its driver runs.
struct Feed<R: kube::Resource<DynamicType = ()> + Clone + 'static> {
    store: Store<Guarded<R>>,
    writer: Writer<Guarded<R>>,
    wake: Pokes<R>,
    wakes: UnboundedReceiver<ObjectRef<Guarded<R>>>,
}

impl<R: kube::Resource<DynamicType = ()> + Clone + 'static> Feed<R> {
    fn new() -> Self {
        let (store, writer) = reflector::store();
        let (wake, wakes) = mpsc::unbounded_channel();
        Self {
            store,
            writer,
            wake,
            wakes,
        }
    }
}

/// Starts every kind; the cache of threads.
///
/// # Errors
/// The executor's folder cannot be used.
pub fn start_kinds(
    ground: &Ground,
    tasks: &mut Tasks,
    shared: &Shared,
    history: &Arc<History>,
    thread_kind: ThreadKind,
) -> anyhow::Result<Store<Guarded<ForumThread>>> {
    let args = &ground.args;
    let executor: Arc<dyn Executor> = Arc::new(LocalExecutor::open(
        &args.data_dir,
        "/proc/self/exe".into(),
        usize::from(args.max_steps),
    )?);
    let services = open_services(args)?;
    let (runs, topologies, endpoints, threads) = (
        Feed::<Run>::new(),
        Feed::<TicketTopology>::new(),
        Feed::<DocEndpoint>::new(),
        Feed::<ForumThread>::new(),
    );
    let thread_store = threads.store.clone();
    let (run_store, topology_store) = (runs.store.clone(), topologies.store.clone());
    let (wake_run, wake_topology) = (runs.wake.clone(), topologies.wake.clone());
    let (endpoint_store, wake_endpoint) = (endpoints.store.clone(), endpoints.wake.clone());
    let prober = start_federation(
        ground,
        tasks,
        shared,
        Around {
            services: services.clone(),
            federated: history.clone(),
            topologies: topology_store.clone(),
            endpoints: endpoint_store.clone(),
            wake_endpoint: wake_endpoint.clone(),
            wake_topology: wake_topology.clone(),
        },
    )?;

    let turnstile = Arc::new(Turnstile::new(usize::from(args.max_active_runs), run_store.clone()));
    let line_moved = Arc::new(Notify::new());
    if args.max_active_runs > 0 {
        let (line, store, wake) = (turnstile.clone(), run_store.clone(), wake_run.clone());
        tasks.spawn(
            "queue",
            call_up(line, store, wake, line_moved.clone(), ground.stop.clone()),
        );
    }
    let run_kind = RunKind {
        client: shared.client.clone(),
        topologies: topology_store.clone(),
        endpoints: endpoints.store.clone(),
        threads: threads.store.clone(),
        executor: executor.clone(),
        services: services.clone(),
        turnstile,
        progress: ProgressLog::default(),
        settings: Arc::new(args.run_settings()),
    };
    start_kind(
        ground,
        tasks,
        Context::new(run_kind, shared.clone()),
        runs,
        run_changed(
            both(
                topologies_of(topology_store, wake_topology.clone()),
                endpoints_of(wake_endpoint),
            ),
            line_moved,
        ),
    );
    let topology_kind = TopologyKind {
        client: shared.client.clone(),
        runs: run_store.clone(),
        endpoints: endpoint_store,
        prober: prober.clone(),
    };
    let tap = runs_of(run_store.clone(), wake_run.clone(), shared.caches.clone());
    start_kind(
        ground,
        tasks,
        Context::new(topology_kind, shared.clone()),
        topologies,
        tap,
    );
    let endpoint_kind = DocEndpointKind {
        runs: run_store.clone(),
        prober: prober.clone(),
        settings: Arc::new(args.doc_endpoint_settings()),
    };
    start_kind(
        ground,
        tasks,
        Context::new(endpoint_kind, shared.clone()),
        endpoints,
        run_of(wake_run.clone()),
    );
    start_threads(ground, tasks, shared, thread_kind, threads, wake_run.clone());

    let wakes = Wakes {
        run: wake_run.clone(),
        prober,
    };
    let services: Arc<dyn Services> = services;
    look_after_services(ground, tasks, shared, services, run_store.clone(), wakes);
    start_housekeeping(ground, tasks, shared, run_store, executor.clone());
    tasks.spawn("step news", step_news(executor, wake_run, ground.stop.clone()));
    tell_readiness(ground, tasks, shared);
    Ok(thread_store)
}

/// Ready once every cache is complete.
fn tell_readiness(ground: &Ground, tasks: &mut Tasks, shared: &Shared) {
    let (readiness, caches, stop) = (ground.readiness.clone(), shared.caches.clone(), ground.stop.clone());
    tasks.spawn("readiness", async move {
        tokio::select! {
            () = caches.complete() => {}
            () = stop.cancelled() => return,
        }
        readiness.set("caches", true);
        info!("ready");
        stop.cancelled().await;
    });
}

/// Starts the threads' driver. A thread that changed wakes the Run that counts it.
fn start_threads(
    ground: &Ground,
    tasks: &mut Tasks,
    shared: &Shared,
    kind: ThreadKind,
    feed: Feed<ForumThread>,
    wake_run: Pokes<Run>,
) {
    start_forum_upkeep(
        ground,
        tasks,
        shared,
        kind.clone(),
        feed.store.clone(),
        feed.wake.clone(),
    );
    let tap = move |thread: &Guarded<ForumThread>| {
        if let Ok(ForumThread { spec, metadata, .. }) = &thread.0
            && let (Some(run), Some(namespace)) = (&spec.run_ref, &metadata.namespace)
        {
            let _ = wake_run.send(ObjectRef::new(&run.name).within(namespace));
        }
    };
    start_kind(ground, tasks, Context::new(kind, shared.clone()), feed, tap);
}

/// Wakes the Runs whose steps ended.
async fn step_news(executor: Arc<dyn Executor>, wake: Pokes<Run>, stop: CancellationToken) {
    loop {
        tokio::select! {
            ended = executor.next_ended() => drop(wake.send(ObjectRef::new(&ended.run).within(&ended.namespace))),
            () = stop.cancelled() => return,
        }
    }
}

fn start_kind<K: Kind>(
    ground: &Ground,
    tasks: &mut Tasks,
    context: Context<K>,
    feed: Feed<K::Resource>,
    tap: impl Fn(&Guarded<K::Resource>) + Send + 'static,
) {
    let (args, cx) = (&ground.args, Arc::new(context));
    let stream = runner::watch(
        cx.shared.client.clone(),
        args.namespace.clone(),
        feed.writer,
        cx.shared.caches.clone(),
        K::prune,
        tap,
    );
    let stop = ground.stop.clone();
    tasks.spawn(
        K::NAME,
        runner::run(
            cx.clone(),
            feed.store.clone(),
            stream,
            feed.wakes,
            args.concurrency,
            stop,
        ),
    );
    tasks.spawn("upkeep", upkeep(cx, feed.store, ground));
}

/// Counts the objects, and finds those that vanished while nobody watched.
fn upkeep<K: Kind>(
    cx: Arc<Context<K>>,
    store: Store<Guarded<K::Resource>>,
    ground: &Ground,
) -> impl Future<Output = ()> + Send + 'static {
    let (stop, namespace) = (ground.stop.clone(), ground.args.namespace.clone());
    async move {
        let label = ControllerLabels { controller: K::NAME };
        let mut swept = None;
        tokio::select! {
            () = cx.shared.caches.complete() => {}
            () = stop.cancelled() => {}
        }
        while !stop.is_cancelled() {
            let objects = store.state();
            let unreadable = objects.iter().filter(|o| o.0.is_err()).count();
            let metrics = &cx.shared.metrics;
            metrics
                .objects
                .get_or_create(&label)
                .set(i64::try_from(objects.len()).unwrap_or(i64::MAX));
            metrics
                .undecodable
                .get_or_create(&label)
                .set(i64::try_from(unreadable).unwrap_or(i64::MAX));
            drop(objects);
            if swept.is_none_or(|at: tokio::time::Instant| at.elapsed() >= SWEEP) {
                let complete = vanished::sweep(&cx, &store, namespace.as_deref()).await;
                swept = complete.then(tokio::time::Instant::now);
            }
            tokio::select! {
                () = tokio::time::sleep(COUNT) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}
