//! `metawsm db`: is the history sound, its read models built again, copied away and back.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::cli::args::{DatabaseArgs, OutputArgs, OutputFormat};
use crate::cli::printer;
use crate::ports::read_model::{ReadModel, Verdict};

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
    /// Copies the database, as it is at one moment, into a new file and verifies the copy; also beside a running
    /// controller. Nothing is overwritten. Exit code 1 if something is wrong with the copy, which is kept all the same.
    Backup {
        #[command(flatten)]
        database: DatabaseArgs,
        /// The file to make.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Puts a copy of a backup in the place of the database, which is set aside. Only while no controller works on the
    /// data folder.
    Restore {
        /// The backup.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// The controller's data folder.
        #[arg(long, env = "METAWSM_DATA_DIR", default_value = "metawsm-data")]
        data_dir: PathBuf,
        /// The database [default: <data-dir>/metawsm.db]
        #[arg(long = "db", env = "METAWSM_DB", value_name = "PATH")]
        database: Option<PathBuf>,
        #[command(flatten)]
        output: OutputArgs,
    },
}

/// A copy that is wanted.
#[derive(Clone, Debug)]
pub enum Copy {
    Backup {
        database: PathBuf,
        to: PathBuf,
    },
    Restore {
        from: PathBuf,
        data_dir: PathBuf,
        database: PathBuf,
    },
}

impl DbArgs {
    /// The file to open.
    pub fn database(&self) -> &Path {
        match &self.verb {
            DbVerb::Verify { database, .. } | DbVerb::Rebuild { database, .. } | DbVerb::Backup { database, .. } => {
                &database.path
            }
            DbVerb::Restore { from, .. } => from,
        }
    }

    /// The copy that is wanted, where one is.
    pub fn copy(&self) -> Option<Copy> {
        match &self.verb {
            DbVerb::Verify { .. } | DbVerb::Rebuild { .. } => None,
            DbVerb::Backup { database, to, .. } => Some(Copy::Backup {
                database: database.path.clone(),
                to: to.clone(),
            }),
            DbVerb::Restore {
                from,
                data_dir,
                database,
                ..
            } => Some(Copy::Restore {
                from: from.clone(),
                data_dir: data_dir.clone(),
                database: database.clone().unwrap_or_else(|| data_dir.join("metawsm.db")),
            }),
        }
    }

    /// Prints what was copied.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn copied(&self, bytes: u64, verdict: &Verdict, set_aside: Option<&Path>) -> anyhow::Result<ExitCode> {
        let kept = set_aside.map(|path| path.display().to_string());
        match self.output().format {
            OutputFormat::Json => {
                let told = serde_json::json!({ "bytes": bytes, "verdict": verdict, "setAside": kept });
                printer::json(&told)?;
                Ok(printer::code(verdict))
            }
            OutputFormat::Table => {
                let kept = kept.map(|path| format!("; the database before is '{path}'"));
                printer::print(&format!("copied: {bytes} bytes{}", kept.unwrap_or_default()))?;
                printer::verdict(verdict, OutputFormat::Table)
            }
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
            DbVerb::Verify { output, .. }
            | DbVerb::Rebuild { output, .. }
            | DbVerb::Backup { output, .. }
            | DbVerb::Restore { output, .. } => output,
        }
    }
}
