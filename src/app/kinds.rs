//! Starts the drivers of all kinds and what wakes them. A fifth kind is one more function here.

use std::sync::Arc;

use kube::runtime::reflector::ObjectRef;
use kube::runtime::reflector::Store;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::Ground;
use super::federation::{Around, start_federation};
use super::feed::{Feed, start_kind};
use super::forum::start_forum_upkeep;
use super::housekeeping::start_housekeeping;
use super::queue::call_up;
use super::services::{Wakes, look_after_services, open_services};
use super::wakes::{both, endpoints_of, run_changed, run_of, runs_of, topologies_of};
use crate::adapters::executor_local::LocalExecutor;
use crate::adapters::sqlite::History;
use crate::controller::context::{Context, Shared};
use crate::controller::runner::{Guarded, Pokes};
use crate::doc_endpoint::DocEndpointKind;
use crate::doc_endpoint::crd::DocEndpoint;
use crate::forum_thread::ThreadKind;
use crate::forum_thread::crd::ForumThread;
use crate::kernel::ticket::topology_name;
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

/// The feeds of all kinds: each kind looks at others' objects and is woken by them.
struct Feeds {
    runs: Feed<Run>,
    topologies: Feed<TicketTopology>,
    endpoints: Feed<DocEndpoint>,
    threads: Feed<ForumThread>,
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
    let services: Arc<dyn Services> = open_services(args)?;
    let feeds = Feeds {
        runs: Feed::indexed(|run| run.spec.tickets.iter().map(|ticket| topology_name(ticket)).collect()),
        topologies: Feed::new(),
        endpoints: Feed::new(),
        threads: Feed::indexed(|thread| thread.spec.run_ref.iter().map(|run| run.name.clone()).collect()),
    };
    let around = Around {
        services: services.clone(),
        federated: history.clone(),
        runs: feeds.runs.store.clone(),
        topologies: feeds.topologies.store.clone(),
        endpoints: feeds.endpoints.store.clone(),
        wake_endpoint: feeds.endpoints.wake.clone(),
        wake_topology: feeds.topologies.wake.clone(),
    };
    let prober = start_federation(ground, tasks, shared, around)?;
    let thread_store = feeds.threads.store.clone();

    let (runs, wake_run) = (feeds.runs.store.clone(), feeds.runs.wake.clone());
    let run_kind = run_kind(ground, shared, &feeds, executor.clone(), services.clone());
    let topology_kind = TopologyKind {
        client: shared.client.clone(),
        runs: runs.clone(),
        endpoints: feeds.endpoints.store.clone(),
        prober: prober.clone(),
    };
    let endpoint_kind = DocEndpointKind {
        client: shared.client.clone(),
        runs: runs.clone(),
        prober: prober.clone(),
        settings: Arc::new(args.doc_endpoint_settings()),
    };
    start_drivers(
        ground,
        tasks,
        shared,
        feeds,
        (run_kind, topology_kind, endpoint_kind, thread_kind),
    );

    let wakes = Wakes {
        run: wake_run.clone(),
        prober,
    };
    look_after_services(ground, tasks, shared, services, runs.clone(), wakes);
    start_housekeeping(ground, tasks, shared, runs, executor.clone());
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

fn run_kind(
    ground: &Ground,
    shared: &Shared,
    feeds: &Feeds,
    executor: Arc<dyn Executor>,
    services: Arc<dyn Services>,
) -> RunKind {
    let args = &ground.args;
    let places = usize::from(args.max_active_runs);
    RunKind {
        client: shared.client.clone(),
        topologies: feeds.topologies.store.clone(),
        endpoints: feeds.endpoints.store.clone(),
        threads: feeds.threads.store.clone(),
        asked: feeds.threads.index.clone(),
        executor,
        services,
        turnstile: Arc::new(Turnstile::new(places, feeds.runs.store.clone())),
        progress: ProgressLog::default(),
        settings: Arc::new(args.run_settings()),
    }
}

/// Starts the drivers, each with what its objects wake.
fn start_drivers(
    ground: &Ground,
    tasks: &mut Tasks,
    shared: &Shared,
    feeds: Feeds,
    (runs, topologies, endpoints, threads): (RunKind, TopologyKind, DocEndpointKind, ThreadKind),
) {
    let (wanting, wake_run) = (feeds.runs.index.clone(), feeds.runs.wake.clone());
    let of_run = both(
        topologies_of(feeds.topologies.store.clone(), feeds.topologies.wake.clone()),
        endpoints_of(feeds.endpoints.store.clone(), feeds.endpoints.wake.clone()),
    );
    start_runs(ground, tasks, shared, runs, feeds.runs, of_run);
    let of_topology = runs_of(wanting, wake_run.clone(), shared.caches.clone());
    let cx = Context::new(topologies, shared.clone());
    start_kind(ground, tasks, cx, feeds.topologies, of_topology);
    let cx = Context::new(endpoints, shared.clone());
    start_kind(ground, tasks, cx, feeds.endpoints, run_of(wake_run.clone()));
    start_threads(ground, tasks, shared, threads, feeds.threads, wake_run);
}

/// Starts the Runs' driver, and the line of those that wait for a place, which moves as Runs change.
fn start_runs(
    ground: &Ground,
    tasks: &mut Tasks,
    shared: &Shared,
    kind: RunKind,
    feed: Feed<Run>,
    tap: impl Fn(&Guarded<Run>) + Send + 'static,
) {
    let line_moved = Arc::new(Notify::new());
    if ground.args.max_active_runs > 0 {
        let (line, store, wake) = (kind.turnstile.clone(), feed.store.clone(), feed.wake.clone());
        tasks.spawn(
            "queue",
            call_up(line, store, wake, line_moved.clone(), ground.stop.clone()),
        );
    }
    let tap = run_changed(tap, line_moved);
    start_kind(ground, tasks, Context::new(kind, shared.clone()), feed, tap);
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
        if let Ok(ForumThread { spec, metadata, .. }) = thread.0.as_deref()
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
