//! `metawsm forum`: the questions, one of them, and what changes. Reads the history beside a running controller.

mod args;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

pub use self::args::ForumArgs;
use self::args::{BoardArgs, CountsArgs, ForumVerb, ListArgs, ShowArgs, WatchArgs};

use crate::cli::args::OutputFormat;
use crate::cli::{forum_text, printer};
use crate::kernel::question::Participant;
use crate::ports::questions::{ForumKeeping, Order, PageRequest, Questions, ReadMark, WatchCursor};

/// How many changes are read at once.
const CHANGES: u32 = 500;

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
