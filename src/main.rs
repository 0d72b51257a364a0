//! Parses arguments and hands over. May not decide anything.

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use metawsm::adapters::sqlite::HistoryReader;
use metawsm::cli::commands::{audit::AuditArgs, db::DbArgs};

#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Audit(AuditArgs),
    Db(DbArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Audit(audit) => match history(audit.database()).await {
            Ok(history) => audit.run(&history).await,
            Err(error) => Err(error),
        },
        Command::Db(db) => match history(db.database()).await {
            Ok(history) => db.run(&history).await,
            Err(error) => Err(error),
        },
    };
    result.unwrap_or_else(|error| {
        eprintln!("metawsm: {error}");
        ExitCode::FAILURE
    })
}

async fn history(path: &Path) -> anyhow::Result<HistoryReader> {
    Ok(HistoryReader::open(path).await?)
}
