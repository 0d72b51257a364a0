//! `metawsm docs`: which copy of a ticket's documents is the truth, as the controller last heard.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::cli::args::{DatabaseArgs, OutputArgs, OutputFormat};
use crate::cli::docs_printer;
use crate::cli::printer;
use crate::ports::read_model::{ReadModel, TicketFilter};

/// Looks at tickets over all servers of documents.
#[derive(Clone, Debug, Args)]
pub struct DocsArgs {
    #[command(subcommand)]
    verb: DocsVerb,
}

#[derive(Clone, Debug, Subcommand)]
enum DocsVerb {
    /// Prints every ticket once, also those without a topology or a Run.
    List(ListArgs),
    /// Prints every copy of one ticket; exit code 1 if no server lists it.
    Show(ShowArgs),
}

#[derive(Clone, Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Only this namespace.
    #[arg(short, long)]
    namespace: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 1000)]
    limit: u32,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Debug, Args)]
struct ShowArgs {
    /// The ticket, in any case.
    ticket: String,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Only this namespace.
    #[arg(short, long)]
    namespace: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

impl DocsArgs {
    /// The file to open, read-only.
    pub fn database(&self) -> &Path {
        match &self.verb {
            DocsVerb::List(list) => &list.database.path,
            DocsVerb::Show(show) => &show.database.path,
        }
    }

    /// Prints what was asked for.
    ///
    /// # Errors
    /// The history cannot be read.
    pub async fn run(&self, history: &dyn ReadModel) -> anyhow::Result<ExitCode> {
        match &self.verb {
            DocsVerb::List(list) => list.run(history).await,
            DocsVerb::Show(show) => show.run(history).await,
        }
    }
}

impl ListArgs {
    async fn run(&self, history: &dyn ReadModel) -> anyhow::Result<ExitCode> {
        let filter = TicketFilter {
            namespace: self.namespace.clone(),
            ticket: None,
            limit: self.limit,
        };
        let lines = history.tickets(&filter).await?;
        match self.output.format {
            OutputFormat::Json => printer::json(&lines)?,
            OutputFormat::Table => printer::print(&docs_printer::tickets(&lines))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl ShowArgs {
    async fn run(&self, history: &dyn ReadModel) -> anyhow::Result<ExitCode> {
        let copies = history.ticket_copies(self.namespace.as_deref(), &self.ticket).await?;
        match self.output.format {
            OutputFormat::Json => printer::json(&copies)?,
            OutputFormat::Table => printer::print(&docs_printer::copies(&copies))?,
        }
        Ok(if copies.is_empty() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }
}
