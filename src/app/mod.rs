//! The composition root: the only file that names adapters and kinds. Starts everything in order, ends everything in
//! order, and ends the process when any part ends by itself. Decides nothing else.

mod backup;
mod definitions;
mod federation;
mod feed;
mod forum;
mod housekeeping;
mod kinds;
mod numbers;
mod projections;
mod queue;
mod reference;
mod relay;
mod retention;
mod rights;
mod services;
mod wakes;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kube::Client;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::adapters::data_dir::DataDir;
use crate::adapters::sqlite::History;
use crate::adapters::system_clock::SystemClock;
use crate::controller::caches::Caches;
use crate::controller::context::Shared;
use crate::controller::lease::{Elector, Leadership, LeaseConfig};
use crate::controller::{client, report};
use crate::ports::clock::Clock;
use crate::settings::ControllerArgs;
use crate::tasks::Tasks;
use crate::telemetry;
use crate::web::docs::DeepLinks;
use crate::web::health::{self, Health, Readiness};

use self::definitions::Definitions;
use self::numbers::Numbers;

pub use backup::{backup, restore};
pub use projections::rebuild;
pub use reference::metrics_reference;

/// How often numbers that nobody pushes are brought up to date.
const COUNT: Duration = Duration::from_secs(15);
/// How long the tasks may take to end once asked.
const DRAIN: Duration = Duration::from_secs(25);

/// What is made before leading.
struct Ground {
    args: ControllerArgs,
    stop: CancellationToken,
    clock: Arc<dyn Clock>,
    numbers: Numbers,
    readiness: Readiness,
    links: DeepLinks,
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
        numbers: Numbers::default(),
        readiness: Readiness::default(),
        links: DeepLinks::default(),
        mark,
    };
    let mut tasks = Tasks::new(ground.stop.clone());
    serve_health(&ground, &mut tasks).await?;
    let config = client::config()
        .await
        .context("failed to find a cluster: set KUBECONFIG, or run inside one")?;
    let work = client::for_work(config.clone(), ground.numbers.drivers.clone(), ground.args.api_timeout)?;
    let definitions = Definitions::look(work.clone());
    rights::watch_rights(&ground, &mut tasks, work.clone());
    let lease = client::for_lease(config, ground.numbers.drivers.clone(), ground.args.lease_duration / 3)?;
    let mut elector = Elector::new(lease, lease_config(&ground.args), ground.clock.clone(), marks);
    ground.readiness.set("standby", true);
    let Some(last) = elector.acquire(&ground.stop).await? else {
        tasks.drain(DRAIN).await;
        return Ok(());
    };
    let leadership = elector.leadership();
    let (keeper, release) = keep_lease(elector, &ground, &mut tasks);
    let outcome = match lead(&ground, &mut tasks, (work, definitions), leadership, last.0).await {
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
    ground.numbers.drivers.leader.set(1);
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
    (work, definitions): (Client, Definitions),
    leadership: Leadership,
    last: Option<String>,
) -> anyhow::Result<Option<Arc<History>>> {
    let (args, stop) = (&ground.args, &ground.stop);
    ground.readiness.set("caches", false);
    let Some(lock) = DataDir::lock(&args.data_dir, stop).await? else {
        return Ok(None);
    };
    if !definitions.are_new_enough(stop).await {
        return Ok(None);
    }
    let attestation = forum::ask_for_attestation(work.clone());
    let history = Arc::new(History::open(&args.db_path(), ground.clock.clone()).await?);
    ground.readiness.set("database", true);
    watch_database(tasks, &history, stop);
    relay::start_relay(ground, tasks, &history, &leadership, last).await?;
    projections::start_projector(ground, tasks, &history);
    let (reporter, worker) = report::reporter(work.clone(), args.identity(), ground.numbers.drivers.clone());
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
        metrics: ground.numbers.drivers.clone(),
        caches: Caches::new(kinds::KINDS),
    };
    let thread_kind = forum::thread_kind(ground, tasks, &shared, attestation).await?;
    let policy = thread_kind.policy.clone();
    let threads = kinds::start_kinds(ground, tasks, &shared, &history, thread_kind)?;
    retention::start_retention(ground, tasks, &shared, &history, threads, policy);
    Ok(Some(history))
}

/// A database that was moved away under us, or a writer that came to an end, ends the process: only a start knows how
/// to rebuild it.
fn watch_database(tasks: &mut Tasks, history: &Arc<History>, stop: &CancellationToken) {
    let (history, stop) = (history.clone(), stop.clone());
    tasks.spawn("database watch", async move {
        tokio::select! {
            () = history.until_moved() => {}
            () = history.ended() => {}
            () = stop.cancelled() => {}
        }
    });
}

async fn serve_health(ground: &Ground, tasks: &mut Tasks) -> anyhow::Result<()> {
    let args = &ground.args;
    let registry = ground.numbers.registry();
    let listener = TcpListener::bind(args.http_listen).await;
    let listener = listener.with_context(|| format!("failed to listen on --http-listen {}", args.http_listen))?;
    let address = listener.local_addr()?;
    std::fs::write(args.data_dir.join("http.addr"), address.to_string()).context("failed to write http.addr")?;
    info!(%address, "serving /livez, /readyz, /metrics and /docs/");
    let health = Health {
        readiness: ground.readiness.clone(),
        registry: Arc::new(registry),
    };
    let (links, stop) = (ground.links.routes(), ground.stop.clone());
    tasks.spawn("http", async move {
        if let Err(error) = health::serve(listener, health, links, stop.cancelled_owned()).await {
            warn!(%error, "the HTTP server failed");
        }
    });
    Ok(())
}

fn lease_config(args: &ControllerArgs) -> LeaseConfig {
    LeaseConfig {
        namespace: args.lease_namespace.clone(),
        name: args.lease_name.clone(),
        identity: args.identity().to_owned(),
        duration: args.lease_duration,
        renew_deadline: args.lease_duration * 2 / 3,
        retry: args.lease_duration / 8,
    }
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
