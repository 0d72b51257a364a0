//! `metawsm docs-server` on the command line: its flags, its start and its end. The first index is built before the
//! port opens, so that nobody meets a server without one.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::place::Place;
use super::refresh::Shelf;
use super::routes::routes;
use crate::adapters::nofollow::Folder;

/// Threads that read files side by side: enough for one slow disk, few enough for many servers on one machine.
const READERS: usize = 4;

/// Arguments of `metawsm docs-server`.
#[derive(Args, Clone, Debug)]
pub struct DocsServerArgs {
    /// Folder of the documents (docmgr's docs root)
    #[arg(long, env = "METAWSM_DOCS_ROOT", default_value = "ttmp")]
    pub root: PathBuf,

    /// Address to listen on; port 0 takes a free one
    #[arg(long, env = "METAWSM_DOCS_ADDR", default_value = "127.0.0.1:8787")]
    pub addr: SocketAddr,

    /// File into which the address is written once it is listened on, by rename
    #[arg(long)]
    pub port_file: Option<PathBuf>,

    /// Listen on an address that others can reach; there is no authentication
    #[arg(long, env = "METAWSM_DOCS_ALLOW_REMOTE")]
    pub allow_remote: bool,
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// What kept it from serving: the root, the address, the port file.
pub fn run(args: &DocsServerArgs) -> anyhow::Result<ExitCode> {
    ensure!(
        args.allow_remote || args.addr.ip().is_loopback(),
        "--addr {} can be reached by others, and there is no authentication: use a loopback address, or say --allow-remote",
        args.addr
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(READERS)
        .build()?;
    runtime.block_on(serve(args))?;
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

async fn serve(args: &DocsServerArgs) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let here = std::env::current_dir().context("failed to find the working directory")?;
    let served = || format!("failed to serve the docs root '{}'", args.root.display());
    let place = Place::find(&args.root, &here).with_context(served)?;
    let shelf = Shelf::open(place).with_context(served)?;
    let listener = TcpListener::bind(args.addr)
        .await
        .with_context(|| format!("failed to listen on {}", args.addr))?;
    let address = listener.local_addr()?;
    if let Some(file) = &args.port_file {
        announce(file, address).with_context(|| format!("failed to write the port file '{}'", file.display()))?;
    }
    eprintln!(
        "docs server: {} documents at http://{address}/api/v1/",
        shelf.index().counted
    );
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    // A client that holds its connection open must not hold the end up: what is being answered then is cut off.
    let ending = std::sync::Arc::new(tokio::sync::Notify::new());
    let (told, waits) = (ending.clone(), ending);
    let serving = axum::serve(listener, routes(shelf)).with_graceful_shutdown(async move {
        stop.await;
        told.notify_one();
    });
    tokio::select! {
        served = serving => served.context("the listener failed"),
        () = async { waits.notified().await; tokio::time::sleep(LAST_ANSWERS).await } => Ok(()),
    }
}

/// How long answers that are under way may take once the server was asked to end.
const LAST_ANSWERS: std::time::Duration = std::time::Duration::from_secs(2);

fn announce(file: &Path, address: SocketAddr) -> std::io::Result<()> {
    let file = std::path::absolute(file)?;
    let invalid = || std::io::Error::other("it is no file name");
    let (folder, name) = (
        file.parent().ok_or_else(invalid)?,
        file.file_name().ok_or_else(invalid)?,
    );
    Folder::open_trusted(folder)?.write_whole(&name.to_string_lossy(), format!("{address}\n").as_bytes())
}
