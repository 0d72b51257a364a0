//! `metawsm audit`: who did what, and whether that record was tampered with.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::cli::args::{DatabaseArgs, OutputArgs, OutputFormat};
use crate::cli::printer;
use crate::ports::read_model::{AuditFilter, ReadModel};

/// Reads the audit log.
#[derive(Clone, Debug, Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    verb: AuditVerb,
}

#[derive(Clone, Debug, Subcommand)]
enum AuditVerb {
    /// Prints the last transitions, oldest first.
    List(ListArgs),
    /// Recomputes the hash chain of every object; exit code 1 if one does not hold.
    Verify(VerifyArgs),
}

#[derive(Clone, Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Only this namespace.
    #[arg(short, long)]
    namespace: Option<String>,
    /// Only this kind (`Run`, `TicketTopology`, …).
    #[arg(long)]
    kind: Option<String>,
    /// Only the object of this name.
    #[arg(long)]
    name: Option<String>,
    /// Only the last so many.
    #[arg(long, default_value_t = 100)]
    limit: u32,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Debug, Args)]
struct VerifyArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl AuditArgs {
    /// The file to open, read-only.
    pub fn database(&self) -> &Path {
        match &self.verb {
            AuditVerb::List(list) => &list.database.path,
            AuditVerb::Verify(verify) => &verify.database.path,
        }
    }

    /// Prints what was asked for.
    ///
    /// # Errors
    /// The history cannot be read.
    pub async fn run(&self, history: &dyn ReadModel) -> anyhow::Result<ExitCode> {
        match &self.verb {
            AuditVerb::List(list) => list.run(history).await,
            AuditVerb::Verify(verify) => printer::verdict(&history.verify_audit().await?, verify.output.format),
        }
    }
}

impl ListArgs {
    async fn run(&self, history: &dyn ReadModel) -> anyhow::Result<ExitCode> {
        let filter = AuditFilter {
            namespace: self.namespace.clone(),
            kind: self.kind.clone(),
            name: self.name.clone(),
            limit: self.limit,
        };
        let lines = history.audit(&filter).await?;
        match self.output.format {
            OutputFormat::Json => printer::json(&lines)?,
            OutputFormat::Table => printer::print(&printer::audit_table(&lines))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
