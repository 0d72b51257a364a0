//! `metawsm db`: is the history sound.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::cli::args::{DatabaseArgs, OutputArgs};
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
}

impl DbArgs {
    /// The file to open, read-only.
    pub fn database(&self) -> &Path {
        let DbVerb::Verify { database, .. } = &self.verb;
        &database.path
    }

    /// Prints the verdict.
    ///
    /// # Errors
    /// The history cannot be read.
    pub async fn run(&self, history: &dyn ReadModel) -> anyhow::Result<ExitCode> {
        let DbVerb::Verify { output, .. } = &self.verb;
        printer::verdict(&history.verify_database().await?, output.format)
    }
}
