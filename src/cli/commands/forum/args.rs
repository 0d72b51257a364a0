//! The arguments of `metawsm forum`. May not act on them.

use clap::{Args, Subcommand};

use crate::cli::args::{DatabaseArgs, OutputArgs};
use crate::kernel::question::{QuestionState, Turn, Urgency};
use crate::ports::questions::{ListCursor, QuestionFilter, WatchCursor};

/// Reads the questions of the forum.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  metawsm forum list --waiting-on Human                 what waits for a person
  metawsm forum list --ticket METAWSM-101 --text retry  what was said about retries on a ticket
  metawsm forum show -n demo relay-order                one question with its whole history
  metawsm forum watch --state WaitingHuman -o json      changes as they come, a JSON object per line")]
pub struct ForumArgs {
    #[command(subcommand)]
    pub(super) verb: ForumVerb,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum ForumVerb {
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
pub(super) struct FilterArgs {
    /// Only this namespace
    #[arg(short, long)]
    pub(super) namespace: Option<String>,
    /// Only this ticket, in upper or lower case
    #[arg(long)]
    pub(super) ticket: Option<String>,
    /// Only questions asked in this Run: NAMESPACE/NAME
    #[arg(long)]
    pub(super) run: Option<String>,
    /// Only these states, separated by commas: New, Triaged, WaitingOperator, WaitingHuman, Answered, Closed
    #[arg(long, value_delimiter = ',')]
    pub(super) state: Vec<QuestionState>,
    /// Only these priorities, separated by commas: Low, Normal, High, Urgent
    #[arg(long, value_delimiter = ',')]
    pub(super) priority: Vec<Urgency>,
    /// Only what was given to somebody of this name
    #[arg(long)]
    pub(super) assignee: Option<String>,
    /// Only what waits for: Agent, Operator, Human, Nobody
    #[arg(long)]
    pub(super) waiting_on: Option<Turn>,
    /// Only questions with all these words in title or posts; the beginning of a word is enough
    #[arg(long)]
    pub(super) text: Option<String>,
    /// Also questions that are gone from the cluster: deleted, or archived
    #[arg(long)]
    pub(super) gone: bool,
}

impl FilterArgs {
    pub(super) fn filter(&self) -> QuestionFilter {
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
pub(super) struct ListArgs {
    #[command(flatten)]
    pub(super) database: DatabaseArgs,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// Oldest first
    #[arg(long)]
    pub(super) oldest_first: bool,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) limit: u32,
    /// Go on after the page that ended with this cursor
    #[arg(long, value_name = "CURSOR")]
    pub(super) after: Option<ListCursor>,
    /// Count the posts that this person has not read
    #[arg(long, value_name = "NAME")]
    pub(super) viewer: Option<String>,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Clone, Debug, Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    pub(super) database: DatabaseArgs,
    /// Its namespace
    #[arg(short, long, default_value = "default")]
    pub(super) namespace: String,
    /// Its name
    pub(super) name: String,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Clone, Debug, Args)]
pub(super) struct WatchArgs {
    #[command(flatten)]
    pub(super) database: DatabaseArgs,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// Begin after this cursor, which an earlier watch or list told; else with what changes from now on
    #[arg(long, value_name = "CURSOR")]
    pub(super) after: Option<WatchCursor>,
    /// Print what changed until now, then the cursor, and end
    #[arg(long, requires = "after")]
    pub(super) once: bool,
    /// Seconds between two looks
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) interval: u64,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Clone, Debug, Args)]
pub(super) struct BoardArgs {
    #[command(flatten)]
    pub(super) database: DatabaseArgs,
    /// Only this namespace
    #[arg(short, long)]
    pub(super) namespace: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    pub(super) limit: u32,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Clone, Debug, Args)]
pub(super) struct CountsArgs {
    #[command(flatten)]
    pub(super) database: DatabaseArgs,
    /// Only this namespace
    #[arg(short, long)]
    pub(super) namespace: Option<String>,
    /// Also say how many runs wait for this person
    #[arg(long, value_name = "NAME")]
    pub(super) viewer: Option<String>,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Clone, Debug, Args)]
pub(super) struct MarkArgs {
    #[command(flatten)]
    pub(super) database: DatabaseArgs,
    /// Its namespace
    #[arg(short, long, default_value = "default")]
    pub(super) namespace: String,
    /// Its name
    pub(super) name: String,
    /// Who has read it
    #[arg(long, value_name = "NAME")]
    pub(super) viewer: String,
}
