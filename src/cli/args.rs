//! Arguments that several commands share. May not act on them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Which history to read.
#[derive(Clone, Debug, Args)]
pub struct DatabaseArgs {
    /// The SQLite file of the history.
    #[arg(long = "db", env = "METAWSM_DB", value_name = "PATH")]
    pub path: PathBuf,
}

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// How to print the answer.
#[derive(Clone, Copy, Debug, Args)]
pub struct OutputArgs {
    /// How to print.
    #[arg(short = 'o', long = "output", value_enum, default_value_t)]
    pub format: OutputFormat,
}
