//! `metawsm forum`: the questions, one of them, and what changes. Reads the history beside a running controller.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::args::{DatabaseArgs, OutputArgs, OutputFormat};
use crate::cli::{forum_text, printer};
use crate::kernel::question::{Participant, QuestionState, Turn, Urgency};
use crate::ports::questions::{
    ForumKeeping, ListCursor, Order, PageRequest, QuestionFilter, Questions, ReadMark, WatchCursor,
};

/// How many changes are read at once.
const CHANGES: u32 = 500;

/// Reads the questions of the forum.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  metawsm forum list --waiting-on Human                 what waits for a person
  metawsm forum list --ticket METAWSM-101 --text retry  what was said about retries on a ticket
  metawsm forum show -n demo relay-order                one question with its whole history
  metawsm forum watch --state WaitingHuman -o json      changes as they come, a JSON object per line")]
pub struct ForumArgs {
    #[command(subcommand)]
    verb: ForumVerb,
}

#[derive(Clone, Debug, Subcommand)]
enum ForumVerb {
    /// Lists questions, newest first
    List(ListArgs),
    /// Shows one question with everything that was said and happened
    Show(ShowArgs),
    /// Prints questions as they change
    Watch(WatchArgs),
    /// Lists the questions whose clock runs, the next to fall due first
    Board(BoardArgs),
    /// Counts the questions of each sort, and the runs that wait
    Counts(CountsArgs),
    /// Marks everything that a question says now as read by somebody
    MarkRead(MarkArgs),
}

#[derive(Clone, Debug, Args)]
struct FilterArgs {
    /// Only this namespace
    #[arg(short, long)]
    namespace: Option<String>,
    /// Only this ticket, in upper or lower case
    #[arg(long)]
    ticket: Option<String>,
    /// Only questions asked in this Run: NAMESPACE/NAME
    #[arg(long)]
    run: Option<String>,
    /// Only these states, separated by commas: New, Triaged, WaitingOperator, WaitingHuman, Answered, Closed
    #[arg(long, value_delimiter = ',')]
    state: Vec<QuestionState>,
    /// Only these priorities, separated by commas: Low, Normal, High, Urgent
    #[arg(long, value_delimiter = ',')]
    priority: Vec<Urgency>,
    /// Only what was given to somebody of this name
    #[arg(long)]
    assignee: Option<String>,
    /// Only what waits for: Agent, Operator, Human, Nobody
    #[arg(long)]
    waiting_on: Option<Turn>,
    /// Only questions with all these words in title or posts; the beginning of a word is enough
    #[arg(long)]
    text: Option<String>,
    /// Also questions that are gone from the cluster: deleted, or archived
    #[arg(long)]
    gone: bool,
}

impl FilterArgs {
    fn filter(&self) -> QuestionFilter {
        QuestionFilter {
            namespace: self.namespace.clone(),
            ticket: self.ticket.clone(),
            run: self.run.clone(),
            states: self.state.clone(),
            priorities: self.priority.clone(),
            assignee: self.assignee.clone(),
            waiting_on: self.waiting_on,
            text: self.text.clone(),
            gone: self.gone,
        }
    }
}

#[derive(Clone, Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// Oldest first
    #[arg(long)]
    oldest_first: bool,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Go on after the page that ended with this cursor
    #[arg(long, value_name = "CURSOR")]
    after: Option<ListCursor>,
    /// Count the posts that this person has not read
    #[arg(long, value_name = "NAME")]
    viewer: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Its namespace
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// Its name
    name: String,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Debug, Args)]
struct WatchArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// Begin after this cursor, which an earlier watch or list told; else with what changes from now on
    #[arg(long, value_name = "CURSOR")]
    after: Option<WatchCursor>,
    /// Print what changed until now, then the cursor, and end
    #[arg(long, requires = "after")]
    once: bool,
    /// Seconds between two looks
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Debug, Args)]
struct BoardArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Only this namespace
    #[arg(short, long)]
    namespace: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Debug, Args)]
struct CountsArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Only this namespace
    #[arg(short, long)]
    namespace: Option<String>,
    /// Also say how many runs wait for this person
    #[arg(long, value_name = "NAME")]
    viewer: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Debug, Args)]
struct MarkArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Its namespace
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// Its name
    name: String,
    /// Who has read it
    #[arg(long, value_name = "NAME")]
    viewer: String,
}

impl ForumArgs {
    /// The file to open.
    pub fn database(&self) -> &Path {
        let database = match &self.verb {
            ForumVerb::List(list) => &list.database,
            ForumVerb::Show(show) => &show.database,
            ForumVerb::Watch(watch) => &watch.database,
            ForumVerb::Board(board) => &board.database,
            ForumVerb::Counts(counts) => &counts.database,
            ForumVerb::MarkRead(mark) => &mark.database,
        };
        &database.path
    }

    /// Whether reading is not enough.
    pub fn writes(&self) -> bool {
        matches!(self.verb, ForumVerb::MarkRead(_))
    }

    /// Prints what was asked for.
    ///
    /// # Errors
    /// The history cannot be read, or there is no such question.
    pub async fn run(&self, forum: &dyn Questions) -> anyhow::Result<ExitCode> {
        match &self.verb {
            ForumVerb::List(list) => list.run(forum).await?,
            ForumVerb::Show(show) => show.run(forum).await?,
            ForumVerb::Watch(watch) => watch.run(forum).await?,
            ForumVerb::Board(board) => board.run(forum).await?,
            ForumVerb::Counts(counts) => counts.run(forum).await?,
            ForumVerb::MarkRead(_) => anyhow::bail!("failed to mark as read: the history was opened for reading"),
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Writes the mark that was asked for.
    ///
    /// # Errors
    /// The history cannot be written, or there is no such question.
    pub async fn mark(&self, forum: &dyn ForumKeeping) -> anyhow::Result<ExitCode> {
        let ForumVerb::MarkRead(mark) = &self.verb else {
            return Ok(ExitCode::SUCCESS);
        };
        let marked = forum.mark_read(ReadMark {
            viewer: mark.viewer.clone(),
            namespace: mark.namespace.clone(),
            name: mark.name.clone(),
        });
        anyhow::ensure!(marked.await?, "there is no question '{}/{}'", mark.namespace, mark.name);
        Ok(ExitCode::SUCCESS)
    }
}

impl ListArgs {
    async fn run(&self, forum: &dyn Questions) -> anyhow::Result<()> {
        let order = if self.oldest_first {
            Order::OldestFirst
        } else {
            Order::NewestFirst
        };
        let request = PageRequest {
            filter: self.filter.filter(),
            order,
            after: self.after,
            limit: self.limit,
            viewer: self.viewer.clone(),
        };
        let page = forum.list_questions(&request).await?;
        let next = page.next.map(|next| next.to_string());
        match self.output.format {
            OutputFormat::Json => printer::json(&json!({
                "questions": page.questions, "next": next, "watchAfter": page.seen.to_string(),
            })),
            OutputFormat::Table => {
                printer::print(&forum_text::questions(&page.questions))?;
                if let Some(next) = next {
                    printer::print(&format!("\nmore: --after {next}"))?;
                }
                Ok(())
            }
        }
    }
}

impl ShowArgs {
    async fn run(&self, forum: &dyn Questions) -> anyhow::Result<()> {
        let Some(thread) = forum.get_thread(&self.namespace, &self.name, None).await? else {
            anyhow::bail!("there is no question '{}/{}'", self.namespace, self.name);
        };
        match self.output.format {
            OutputFormat::Json => printer::json(&thread),
            OutputFormat::Table => Ok(printer::print(&forum_text::thread(&thread))?),
        }
    }
}

impl WatchArgs {
    async fn run(&self, forum: &dyn Questions) -> anyhow::Result<()> {
        let filter = self.filter.filter();
        let mut after = match &self.after {
            Some(after) => after.clone(),
            None => newest(forum).await?,
        };
        loop {
            let changes = forum.watch_questions(Some(&after), &filter, CHANGES).await?;
            if changes.restarted {
                eprintln!("the cursor is of another database: telling everything from the beginning");
            }
            for (question, _) in changes.questions.iter().filter(|(_, taken)| *taken) {
                match self.output.format {
                    OutputFormat::Json => printer::print(&json!(question).to_string())?,
                    OutputFormat::Table => printer::print(&forum_text::change(question))?,
                }
            }
            let full = changes.questions.len() >= usize::try_from(CHANGES).unwrap_or(usize::MAX);
            after = changes.seen;
            if self.once && !full {
                return Ok(printer::print(&match self.output.format {
                    OutputFormat::Json => json!({ "watchAfter": after.to_string() }).to_string(),
                    OutputFormat::Table => format!("\nmore: --after {after}"),
                })?);
            }
            if !full {
                tokio::time::sleep(Duration::from_secs(self.interval)).await;
            }
        }
    }
}

/// Where everything that is there now was seen.
async fn newest(forum: &dyn Questions) -> anyhow::Result<WatchCursor> {
    let request = PageRequest {
        limit: 1,
        ..PageRequest::default()
    };
    Ok(forum.list_questions(&request).await?.seen)
}

impl BoardArgs {
    async fn run(&self, forum: &dyn Questions) -> anyhow::Result<()> {
        let questions = forum.sla_board(self.namespace.as_deref(), self.limit).await?;
        match self.output.format {
            OutputFormat::Json => printer::json(&questions),
            OutputFormat::Table => Ok(printer::print(&forum_text::board(&questions))?),
        }
    }
}

impl CountsArgs {
    async fn run(&self, forum: &dyn Questions) -> anyhow::Result<()> {
        let counts = forum.queue_counts(self.namespace.as_deref()).await?;
        let waiting = match &self.viewer {
            Some(viewer) => Some(forum.waiting_for(Participant::Human, Some(viewer)).await?),
            None => None,
        };
        match self.output.format {
            OutputFormat::Json => printer::json(&json!({ "queues": counts, "waiting": waiting })),
            OutputFormat::Table => {
                printer::print(&forum_text::counts(&counts))?;
                if let (Some(waiting), Some(viewer)) = (waiting, &self.viewer) {
                    let (runs, questions) = (waiting.runs, waiting.questions);
                    printer::print(&format!(
                        "\n{runs} runs wait for {}, with {questions} questions",
                        printer::plain(viewer)
                    ))?;
                }
                Ok(())
            }
        }
    }
}
