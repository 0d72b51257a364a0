//! Which command is which: hands each to the part of the program that does it, with what it needs opened.
//! May not do any of the work.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use crate::adapters::sqlite::{History, HistoryReader};
use crate::adapters::system_clock::SystemClock;
use crate::cli::commands::{
    audit::AuditArgs, db::Copy, db::DbArgs, docs::DocsArgs, forum::ForumArgs, policy::PolicyArgs, ready::ReadyArgs,
    uninstall::UninstallArgs,
};
use crate::docs_server::command::{self as docs_server, DocsServerArgs};
use crate::services::command::{ServerArgs, ServiceArgs, run_server, run_supervisor};
use crate::settings::ControllerArgs;
use crate::steps::command::{StepArgs, SuperviseArgs, run_step, run_supervise};
use crate::{app, crds};

/// metawsm for Kubernetes: who owns a ticket's documents, and who waits for an answer.
#[derive(Parser)]
#[command(version, about, max_term_width = 120)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the controller
    Controller(Box<ControllerArgs>),
    /// Show and verify the audit log
    Audit(AuditArgs),
    /// Look after the database
    Db(DbArgs),
    /// Show tickets and the copies of their documents
    Docs(DocsArgs),
    /// Serve a folder of documents over docmgr's HTTP API, for reading
    DocsServer(DocsServerArgs),
    /// Read the questions of the forum
    Forum(ForumArgs),
    /// Look at a policy file
    Policy(PolicyArgs),
    /// Ask a controller whether it is ready
    Ready(ReadyArgs),
    Uninstall(Box<UninstallArgs>),
    /// Write the CustomResourceDefinitions of this version
    Crd {
        /// Folder to write them into, a file each
        #[arg(long, default_value = "crds")]
        dir: PathBuf,
    },
    /// Print the reference of all metrics; `make generate` writes docs/metrics.md from it
    #[command(hide = true)]
    MetricsReference,
    /// Do one step of a workspace; called by the controller
    #[command(hide = true)]
    Step(StepArgs),
    /// Stand over one step; called by the controller
    #[command(hide = true)]
    Supervise(SuperviseArgs),
    /// Keep one docs server running; called by the controller
    #[command(hide = true)]
    SuperviseDocs(ServiceArgs),
    /// Become a docs server; called by its supervisor
    #[command(hide = true)]
    ServeDocs(ServerArgs),
}

impl Arguments {
    /// Does what was asked for.
    ///
    /// # Errors
    /// Why it could not be done.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        #[cfg(feature = "failpoints")]
        let _scenario = fail::FailScenario::setup();
        match self.command {
            Command::Controller(args) => in_runtime(app::controller(*args)).map(|()| ExitCode::SUCCESS),
            Command::Audit(audit) => in_runtime(async { audit.run(&history(audit.database()).await?).await }),
            Command::Db(db) if db.copy().is_some() => in_runtime(run_copy(db)),
            Command::Db(db) if db.rebuilds() => in_runtime(async { db.rebuilt(app::rebuild(db.database()).await?) }),
            Command::Db(db) => in_runtime(async { db.run(&history(db.database()).await?).await }),
            Command::DocsServer(args) => docs_server::run(&args),
            Command::Docs(docs) => in_runtime(async { docs.run(&history(docs.database()).await?).await }),
            Command::Forum(forum) => in_runtime(run_forum(forum)),
            Command::Policy(policy) => policy.run(),
            Command::Ready(ready) => ready.run(),
            Command::Uninstall(uninstall) => in_runtime(uninstall.run()),
            Command::Crd { dir } => crds::write_to(&dir).map(|()| ExitCode::SUCCESS),
            Command::MetricsReference => app::metrics_reference().map(|page| {
                print!("{page}");
                ExitCode::SUCCESS
            }),
            Command::Step(step) => Ok(run_step(&step)),
            Command::Supervise(supervise) => Ok(run_supervise(&supervise)),
            Command::SuperviseDocs(service) => Ok(run_supervisor(&service)),
            Command::ServeDocs(server) => run_server(&server),
        }
    }
}

fn in_runtime<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// Reads beside a running controller; only a mark of what was read is written.
async fn run_forum(forum: ForumArgs) -> anyhow::Result<ExitCode> {
    let reader = history(forum.database()).await?;
    if !forum.writes() {
        return forum.run(&reader).await;
    }
    let writer = History::open(forum.database(), Arc::new(SystemClock)).await?;
    let marked = forum.mark(&writer).await;
    writer.close().await?;
    marked
}

async fn run_copy(db: DbArgs) -> anyhow::Result<ExitCode> {
    let copied = match db.copy() {
        Some(Copy::Backup { database, to }) => app::backup(&database, &to).await?,
        Some(Copy::Restore {
            from,
            data_dir,
            database,
        }) => app::restore(&from, &data_dir, &database).await?,
        None => return Ok(ExitCode::SUCCESS),
    };
    db.copied(copied.bytes, &copied.verdict, copied.set_aside.as_deref())
}

async fn history(path: &Path) -> anyhow::Result<HistoryReader> {
    Ok(HistoryReader::open(path).await?)
}
