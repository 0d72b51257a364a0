//! `metawsm db`: is the history sound, and its read models built again.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::cli::args::{DatabaseArgs, OutputArgs, OutputFormat};
use crate::cli::printer;
use crate::ports::read_model::ReadModel;

/// Looks after the history's database.
#[derive(Clone, Debug, Args)]
pub struct DbArgs {
    #[command(subcommand)]
    verb: DbVerb,
}

#[derive(Clone, Debug, Subcommand)]
enum DbVerb {
    /// Checks the file, the hash chains, the numbering and what backs each event; exit code 1 if something is wrong.
    Verify {
        #[command(flatten)]
        database: DatabaseArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Builds the read models of the forum again, from the last snapshots and the events; also beside a running
    /// controller. Lists show less until it is done; what viewers have read stays.
    Rebuild {
        #[command(flatten)]
        database: DatabaseArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
}

impl DbArgs {
    /// The file to open.
    pub fn database(&self) -> &Path {
        match &self.verb {
            DbVerb::Verify { database, .. } | DbVerb::Rebuild { database, .. } => &database.path,
        }
    }

    /// Whether the read models are to be built again, which needs more than reading.
    pub fn rebuilds(&self) -> bool {
        matches!(self.verb, DbVerb::Rebuild { .. })
    }

    /// Prints the verdict.
    ///
    /// # Errors
    /// The history cannot be read.
    pub async fn run(&self, history: &dyn ReadModel) -> anyhow::Result<ExitCode> {
        printer::verdict(&history.verify_database().await?, self.output().format)
    }

    /// Prints what was built.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn rebuilt(&self, events: u64) -> anyhow::Result<ExitCode> {
        match self.output().format {
            OutputFormat::Json => printer::json(&serde_json::json!({ "events": events }))?,
            OutputFormat::Table => printer::print(&format!("rebuilt: {events} events folded"))?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn output(&self) -> &OutputArgs {
        match &self.verb {
            DbVerb::Verify { output, .. } | DbVerb::Rebuild { output, .. } => output,
        }
    }
}
