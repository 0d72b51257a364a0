//! The composition root: the only file that names adapters and kinds. Starts everything in order, ends everything in
//! order, and ends the process when any part ends by itself. Decides nothing else.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::{Client, Config, CustomResourceExt as _, ResourceExt as _};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::adapters::data_dir::DataDir;
use crate::adapters::executor_local::LocalExecutor;
use crate::adapters::redis::{RedisSettings, RedisSink};
use crate::adapters::sqlite::History;
use crate::adapters::system_clock::SystemClock;
use crate::controller::context::{Context, Shared};
use crate::controller::kind::Kind;
use crate::controller::lease::{Elector, Leadership, LeaseConfig};
use crate::controller::metrics::{ControllerLabels, Metrics};
use crate::controller::runner::{self, Guarded, Pokes};
use crate::controller::{client, report, schema, vanished};
use crate::kernel::ticket::topology_name;
use crate::ports::clock::Clock;
use crate::ports::executor::Executor;
use crate::relay::metrics::RelayMetrics;
use crate::relay::position::LeaseMark;
use crate::relay::{Relay, recover::recover};
use crate::run::RunKind;
use crate::run::crd::Run;
use crate::settings::ControllerArgs;
use crate::tasks::Tasks;
use crate::telemetry;
use crate::ticket_topology::TopologyKind;
use crate::ticket_topology::crd::TicketTopology;
use crate::web::health::{self, Health, Readiness};

/// How long reading the history back from Redis may take at start; then we go on without it.
const RECOVERY: Duration = Duration::from_secs(20);
/// How often the mirror is compared with the cluster, for objects that vanished.
const SWEEP: Duration = Duration::from_secs(300);
/// How often the numbers of objects are brought up to date.
const COUNT: Duration = Duration::from_secs(15);
/// How long the tasks may take to end once asked.
const DRAIN: Duration = Duration::from_secs(25);
/// How often a cluster without our CRDs is asked again.
const SCHEMA_RETRY: Duration = Duration::from_secs(2);

/// What is made before leading.
struct Ground {
    args: ControllerArgs,
    stop: CancellationToken,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    relay_metrics: RelayMetrics,
    readiness: Readiness,
    mark: watch::Sender<Option<String>>,
}

/// Runs the controller until a signal, the loss of the Lease, or the end of any of its parts.
///
/// # Errors
/// What kept it from starting, or which part ended.
pub async fn controller(args: ControllerArgs) -> anyhow::Result<()> {
    let args = args.validated()?;
    telemetry::start(&args.log, args.log_format)?;
    // Several providers may be linked; one must be chosen before the first connection.
    let _ = rustls::crypto::ring::default_provider().install_default();
    DataDir::make(&args.data_dir)?;
    let (mark, marks) = watch::channel(None);
    let ground = Ground {
        args,
        stop: stop_on_signal()?,
        clock: Arc::new(SystemClock),
        metrics: Arc::default(),
        relay_metrics: RelayMetrics::default(),
        readiness: Readiness::default(),
        mark,
    };
    let mut tasks = Tasks::new(ground.stop.clone());
    serve_health(&ground, &mut tasks).await?;
    let config = Config::infer()
        .await
        .context("failed to find a cluster: set KUBECONFIG, or run inside one")?;
    let work = client::for_work(config.clone(), ground.metrics.clone(), ground.args.api_timeout)?;
    let lease = client::for_lease(config, ground.metrics.clone(), ground.args.lease_duration / 3)?;
    let mut elector = Elector::new(lease, lease_config(&ground.args), ground.clock.clone(), marks);
    ground.readiness.set("standby", true);
    let Some(last) = elector.acquire(&ground.stop).await else {
        tasks.drain(DRAIN).await;
        return Ok(());
    };
    let leadership = elector.leadership();
    let (keeper, release) = keep_lease(elector, &ground, &mut tasks);
    let outcome = match lead(&ground, &mut tasks, work, leadership, last.0).await {
        Ok(Some(history)) => {
            let ended = tasks.until_stopped().await;
            tasks.drain(DRAIN).await;
            history.close().await.context("failed to close the history").and(ended)
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    tasks.drain(DRAIN).await;
    release.cancel();
    keeper.await.context("the lease task failed").and(outcome)
}

/// Renews the Lease until released; its loss ends the process like the end of any task.
fn keep_lease(
    elector: Elector,
    ground: &Ground,
    tasks: &mut Tasks,
) -> (tokio::task::JoinHandle<()>, CancellationToken) {
    let (lost, release) = (CancellationToken::new(), CancellationToken::new());
    let (told, stop) = (lost.clone(), ground.stop.clone());
    let renewing = elector.keep(release.clone());
    ground.metrics.leader.set(1);
    let keeper = tokio::spawn(async move {
        if let Err(error) = renewing.await {
            warn!("{error}");
            lost.cancel();
        }
    });
    tasks.spawn("lease", async move {
        tokio::select! {
            () = told.cancelled() => {}
            () = stop.cancelled() => {}
        }
    });
    (keeper, release)
}

/// Opens the history and starts all that only the leader runs; `None` when stopped before.
async fn lead(
    ground: &Ground,
    tasks: &mut Tasks,
    work: Client,
    leadership: Leadership,
    last: Option<String>,
) -> anyhow::Result<Option<Arc<History>>> {
    let (args, stop) = (&ground.args, &ground.stop);
    ground.readiness.set("caches", false);
    let Some(lock) = DataDir::lock(&args.data_dir, stop).await? else {
        return Ok(None);
    };
    if !wait_for_schema(&work, stop).await {
        return Ok(None);
    }
    let history = Arc::new(History::open(&args.db_path(), ground.clock.clone()).await?);
    ground.readiness.set("database", true);
    start_relay(ground, tasks, &history, last).await?;
    let (reporter, worker) = report::reporter(work.clone(), identity(args), ground.metrics.clone());
    tasks.spawn("reporter", {
        let stop = stop.clone();
        async move {
            let _held_until_the_end = lock;
            tokio::select! {
                () = worker.run() => {}
                () = stop.cancelled() => {}
            }
        }
    });
    let shared = Shared {
        client: work,
        journal: history.clone(),
        clock: ground.clock.clone(),
        leadership,
        reporter,
        metrics: ground.metrics.clone(),
    };
    start_kinds(ground, tasks, &shared)?;
    Ok(Some(history))
}

async fn wait_for_schema(work: &Client, stop: &CancellationToken) -> bool {
    let mut told = false;
    loop {
        let checked = async {
            schema::check(work, &Run::crd()).await?;
            schema::check(work, &TicketTopology::crd()).await
        };
        match checked.await {
            Ok(()) => return true,
            Err(error) if !told => warn!("waiting: {error:#}"),
            Err(_) => {}
        }
        told = true;
        tokio::select! {
            () = tokio::time::sleep(SCHEMA_RETRY) => {}
            () = stop.cancelled() => return false,
        }
    }
}

async fn start_relay(
    ground: &Ground,
    tasks: &mut Tasks,
    history: &Arc<History>,
    last: Option<String>,
) -> anyhow::Result<()> {
    let args = &ground.args;
    let Some(url) = args.redis_url.clone() else {
        info!("no --redis-url: events stay in the database");
        return Ok(());
    };
    let length = args.redis_max_length;
    let prefix = args.redis_prefix.clone();
    let settings = RedisSettings {
        url,
        prefix,
        ordered_length: length,
        typed_length: length,
        ..RedisSettings::default()
    };
    let sink = Arc::new(RedisSink::new(&settings)?);
    let mark = last.and_then(|text| text.parse::<LeaseMark>().ok());
    match tokio::time::timeout(RECOVERY, recover(history.as_ref(), sink.as_ref(), mark)).await {
        Ok(Ok(recovered)) => info!(
            adopted = recovered.adopted,
            new_log = recovered.new_log,
            "history compared with Redis"
        ),
        Ok(Err(error)) => warn!(%error, "history not compared with Redis; going on without"),
        Err(_) => warn!("history not compared with Redis in time; going on without"),
    }
    let relay = Relay::new(history.clone(), sink, mark);
    let (mut status, clock, numbers) = (relay.status(), ground.clock.clone(), ground.relay_metrics.clone());
    let (mark, stop) = (ground.mark.clone(), ground.stop.clone());
    tasks.spawn("relay status", async move {
        while !stop.is_cancelled() {
            let now = status.borrow_and_update().clone();
            numbers.show(&now, clock.now());
            mark.send_replace(now.mark.map(|m| m.to_string()));
            tokio::select! {
                _ = status.changed() => {}
                () = tokio::time::sleep(COUNT) => {}
                () = stop.cancelled() => {}
            }
        }
    });
    let stop = ground.stop.clone();
    tasks.spawn("relay", async move { relay.work(stop).await });
    Ok(())
}

fn start_kinds(ground: &Ground, tasks: &mut Tasks, shared: &Shared) -> anyhow::Result<()> {
    let args = &ground.args;
    let executor: Arc<dyn Executor> = Arc::new(LocalExecutor::open(&args.data_dir, usize::from(args.max_steps))?);
    let (runs, run_writer) = reflector::store::<Guarded<Run>>();
    let (topologies, topology_writer) = reflector::store::<Guarded<TicketTopology>>();
    let (wake_run, run_wakes) = mpsc::unbounded_channel();
    let (wake_topology, topology_wakes) = mpsc::unbounded_channel();
    let (client, namespace) = (shared.client.clone(), args.namespace.clone());

    let run_kind = RunKind {
        client: client.clone(),
        topologies: topologies.clone(),
        executor: executor.clone(),
        settings: Arc::new(args.run_settings()),
    };
    let stream = runner::watch(
        client.clone(),
        namespace.clone(),
        run_writer,
        topologies_of(wake_topology),
    );
    let cx = Arc::new(Context::new(run_kind, shared.clone()));
    tasks.spawn(
        "runs",
        runner::run(
            cx.clone(),
            runs.clone(),
            stream,
            run_wakes,
            args.concurrency,
            ground.stop.clone(),
        ),
    );
    tasks.spawn("runs upkeep", upkeep(cx, runs.clone(), ground));

    let stream = runner::watch(
        client.clone(),
        namespace,
        topology_writer,
        runs_of(runs.clone(), wake_run.clone()),
    );
    let cx = Arc::new(Context::new(
        TopologyKind {
            client,
            runs: runs.clone(),
        },
        shared.clone(),
    ));
    let run = runner::run(
        cx.clone(),
        topologies.clone(),
        stream,
        topology_wakes,
        args.concurrency,
        ground.stop.clone(),
    );
    tasks.spawn("topologies", run);
    tasks.spawn("topologies upkeep", upkeep(cx, topologies.clone(), ground));

    let stop = ground.stop.clone();
    tasks.spawn("step news", async move {
        loop {
            tokio::select! {
                ended = executor.next_ended() => drop(wake_run.send(ObjectRef::new(&ended.run).within(&ended.namespace))),
                () = stop.cancelled() => return,
            }
        }
    });
    let (readiness, stop) = (ground.readiness.clone(), ground.stop.clone());
    tasks.spawn("readiness", async move {
        let _ = tokio::join!(runs.wait_until_ready(), topologies.wait_until_ready());
        readiness.set("caches", true);
        info!("ready");
        stop.cancelled().await;
    });
    Ok(())
}

/// A Run that changed wakes the topologies of its tickets: their claims may be abandoned now.
fn topologies_of(wake: Pokes<TicketTopology>) -> impl Fn(&Guarded<Run>) + Send + 'static {
    move |run| {
        if let Ok(run) = &run.0 {
            for ticket in &run.spec.tickets {
                let topology = ObjectRef::new(&topology_name(ticket)).within(&run.namespace().unwrap_or_default());
                let _ = wake.send(topology);
            }
        }
    }
}

/// A topology that changed wakes every Run that wants its ticket.
fn runs_of(runs: Store<Guarded<Run>>, wake: Pokes<Run>) -> impl Fn(&Guarded<TicketTopology>) + Send + 'static {
    move |topology| {
        let (name, namespace) = (topology.name_any(), topology.namespace());
        let wanted = runs.state_filter(|run| {
            let Ok(run) = &run.0 else { return false };
            run.namespace() == namespace && run.spec.tickets.iter().any(|t| topology_name(t) == name)
        });
        for run in wanted {
            let _ = wake.send(ObjectRef::from_obj(run.as_ref()));
        }
    }
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
            _ = store.wait_until_ready() => {}
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
                vanished::sweep(&cx, &store, namespace.as_deref()).await;
                swept = Some(tokio::time::Instant::now());
            }
            tokio::select! {
                () = tokio::time::sleep(COUNT) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

async fn serve_health(ground: &Ground, tasks: &mut Tasks) -> anyhow::Result<()> {
    let args = &ground.args;
    let mut registry = Registry::default();
    ground.metrics.register(&mut registry);
    ground.relay_metrics.register(&mut registry);
    let listener = TcpListener::bind(args.http_listen).await;
    let listener = listener.with_context(|| format!("failed to listen on --http-listen {}", args.http_listen))?;
    let address = listener.local_addr()?;
    std::fs::write(args.data_dir.join("http.addr"), address.to_string()).context("failed to write http.addr")?;
    info!(%address, "serving /livez, /readyz and /metrics");
    let health = Health {
        readiness: ground.readiness.clone(),
        registry: Arc::new(registry),
    };
    let stop = ground.stop.clone();
    tasks.spawn("http", async move {
        if let Err(error) = health::serve(listener, health, stop.cancelled_owned()).await {
            warn!(%error, "the HTTP server failed");
        }
    });
    Ok(())
}

fn lease_config(args: &ControllerArgs) -> LeaseConfig {
    LeaseConfig {
        namespace: args.lease_namespace.clone(),
        name: args.lease_name.clone(),
        identity: identity(args),
        duration: args.lease_duration,
        renew_deadline: args.lease_duration * 2 / 3,
        retry: args.lease_duration / 8,
    }
}

fn identity(args: &ControllerArgs) -> String {
    let host = || rustix::system::uname().nodename().to_string_lossy().into_owned();
    args.identity
        .clone()
        .unwrap_or_else(|| format!("{}_{}", host(), std::process::id()))
}

fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let asked = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => info!("asked to stop (SIGTERM); draining"),
            _ = interrupt.recv() => info!("asked to stop (SIGINT); draining"),
        }
        asked.cancel();
    });
    Ok(stop)
}
