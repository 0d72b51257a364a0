//! The history in one SQLite file: a writer task, read-only connections beside it, and the ports over both.
//! May not decide anything about objects; no reconcile reads what is here.

mod adopt;
mod batched_insert;
mod chain;
mod change;
pub mod copy;
mod event_row;
mod failure;
mod federated;
mod identity;
mod log;
mod open;
mod prepared;
mod projection;
mod projection_rows;
mod question_filter;
mod question_reads;
mod questions;
mod read;
mod record;
mod retention;
#[cfg(feature = "failpoints")]
mod sabotage;
mod snapshot;
mod verify;
mod writer;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::SqlitePool;
use tokio::sync::{Notify, mpsc, oneshot};

use self::change::Change;
use self::failure::words;
use self::identity::FileIdentity;
use self::prepared::Prepared;
use self::writer::{Answer, Command, Writer};
use crate::ports::clock::Clock;
use crate::ports::federated::{FederatedChange, FederatedStore};
use crate::ports::journal::{Held, Journal, JournalError, Record, Recorded, Vanished};
use crate::ports::outbox::{LogIdentity, LogState, Outbox, OutboxRow, StreamPosition, WindowEvent};
use crate::ports::read_model::{AuditFilter, AuditLine, ReadModel, TicketCopy, TicketFilter, TicketLine, Verdict};

/// The history, open for writing. One per process and file.
pub struct History {
    identity: FileIdentity,
    commands: mpsc::Sender<Command>,
    readers: HistoryReader,
    appended: Arc<Notify>,
    recorded: Arc<Notify>,
}

/// The history, open for reading only; also beside a running controller.
pub struct HistoryReader {
    pool: SqlitePool,
}

impl History {
    /// Opens the file, makes it where it is missing, brings its schema up, begins a log in a new one.
    ///
    /// # Errors
    /// The file cannot be made, opened or migrated, or a newer version wrote it.
    pub async fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, JournalError> {
        let pool = open::writer(path).await?;
        log::begin_first_log(&pool, clock.now())
            .await
            .map_err(|error| words(&error))?;
        let readers = HistoryReader::open(path).await?;
        let (appended, recorded) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (commands, queue) = mpsc::channel(writer::QUEUE);
        let writer = Writer {
            pool,
            clock,
            appended: appended.clone(),
            recorded: recorded.clone(),
        };
        tokio::spawn(writer.work(queue));
        Ok(Self {
            identity: FileIdentity::of(path),
            commands,
            readers,
            appended,
            recorded,
        })
    }

    /// Finishes what was asked for, then closes the file, which then is whole without its `-wal`. Later calls fail.
    ///
    /// # Errors
    /// It was closed before.
    pub async fn close(&self) -> Result<(), JournalError> {
        // Readers first: only a last connection that may write folds the write-ahead log into the file.
        self.readers.pool.close().await;
        self.ask(Command::Close).await
    }

    /// Resolves once nothing can be recorded any more: closed, or the writer came to an unplanned end.
    pub async fn ended(&self) {
        self.commands.closed().await;
    }

    /// Returns once the file that was opened is not at its place any more: what is written from then on is lost.
    pub async fn until_moved(&self) {
        self.identity.until_moved().await;
    }

    async fn change<T>(&self, change: impl FnOnce(Answer<T>) -> Change) -> Result<T, JournalError> {
        self.ask(|answer| Command::Change(change(answer))).await
    }

    async fn ask<T>(&self, command: impl FnOnce(Answer<T>) -> Command) -> Result<T, JournalError> {
        let (answer, answered) = oneshot::channel();
        let ended = || JournalError("the history was closed".to_owned());
        self.commands.send(command(answer)).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

impl HistoryReader {
    /// Opens an existing file; makes none.
    ///
    /// # Errors
    /// The file is missing, cannot be opened, or another version wrote it.
    pub async fn open(path: &Path) -> Result<Self, JournalError> {
        Ok(Self {
            pool: open::readers(path).await?,
        })
    }
}

#[async_trait]
impl Journal for History {
    async fn record(&self, record: Record) -> Result<Recorded, JournalError> {
        #[cfg(feature = "failpoints")]
        let record = sabotage::spoiled(record);
        let prepared = Box::new(Prepared::of(record)?);
        let recorded = self.ask(|answer| Command::Record(prepared, answer)).await?;
        #[cfg(feature = "failpoints")]
        sabotage::wait_until_told(self).await?;
        Ok(recorded)
    }

    async fn held(&self, kind: &str) -> Result<HashMap<String, Held>, JournalError> {
        read::held(&self.readers.pool, kind).await
    }

    async fn vanished(
        &self,
        kind: &str,
        namespaces: &[String],
        alive: &HashSet<String>,
    ) -> Result<Vec<Vanished>, JournalError> {
        read::vanished(&self.readers.pool, kind, namespaces, alive).await
    }
}

#[async_trait]
impl Outbox for History {
    async fn log_state(&self) -> Result<LogState, JournalError> {
        log::state(&self.readers.pool).await.map_err(|error| words(&error))
    }

    async fn begin_log(&self, after_ms: i64) -> Result<LogIdentity, JournalError> {
        self.change(|answer| Change::BeginLog(after_ms, answer)).await
    }

    async fn pending(&self, after: Option<StreamPosition>, limit: u32) -> Result<Vec<OutboxRow>, JournalError> {
        let rows = log::pending(&self.readers.pool, after, limit)
            .await
            .map_err(|error| words(&error))?;
        rows.into_iter()
            .map(|row| row.into_outbox_row().map_err(JournalError))
            .collect()
    }

    async fn mark_sent(&self, last: StreamPosition) -> Result<(), JournalError> {
        self.change(|answer| Change::MarkSent(last, answer)).await
    }

    async fn rewind(&self, after: Option<StreamPosition>) -> Result<i64, JournalError> {
        self.change(|answer| Change::Rewind(after, answer)).await
    }

    async fn adopt(&self, events: Vec<WindowEvent>) -> Result<u64, JournalError> {
        self.change(|answer| Change::Adopt(events, answer)).await
    }

    async fn appended(&self) {
        self.appended.notified().await;
    }
}

#[async_trait]
impl FederatedStore for History {
    async fn kept(&self) -> Result<HashMap<String, String>, JournalError> {
        federated::kept(&self.readers.pool).await
    }

    async fn keep(&self, changes: Vec<FederatedChange>) -> Result<(), JournalError> {
        self.change(|answer| Change::Federate(changes, answer)).await
    }
}

#[async_trait]
impl ReadModel for History {
    async fn tickets(&self, filter: &TicketFilter) -> Result<Vec<TicketLine>, JournalError> {
        self.readers.tickets(filter).await
    }

    async fn ticket_copies(&self, namespace: Option<&str>, ticket: &str) -> Result<Vec<TicketCopy>, JournalError> {
        self.readers.ticket_copies(namespace, ticket).await
    }

    async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditLine>, JournalError> {
        self.readers.audit(filter).await
    }

    async fn verify_audit(&self) -> Result<Verdict, JournalError> {
        self.readers.verify_audit().await
    }

    async fn verify_database(&self) -> Result<Verdict, JournalError> {
        self.readers.verify_database().await
    }
}

#[async_trait]
impl ReadModel for HistoryReader {
    async fn tickets(&self, filter: &TicketFilter) -> Result<Vec<TicketLine>, JournalError> {
        federated::tickets(&self.pool, filter).await
    }

    async fn ticket_copies(&self, namespace: Option<&str>, ticket: &str) -> Result<Vec<TicketCopy>, JournalError> {
        federated::copies(&self.pool, namespace, ticket).await
    }

    async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditLine>, JournalError> {
        read::audit(&self.pool, filter).await
    }

    async fn verify_audit(&self) -> Result<Verdict, JournalError> {
        verify::audit(&self.pool).await.map_err(|error| words(&error))
    }

    async fn verify_database(&self) -> Result<Verdict, JournalError> {
        verify::database(&self.pool).await.map_err(|error| words(&error))
    }
}
