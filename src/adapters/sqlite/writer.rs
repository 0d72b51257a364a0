//! The one task that writes. Records that wait together share a transaction, so that a burst costs few disk flushes.
//! May not read for others, and never ends because a statement failed.

use std::sync::Arc;

use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::sync::{Notify, mpsc, oneshot};

use super::change::Change;
use super::failure::{may_be_one_record, words};
use super::prepared::Prepared;
use super::record::write_group;
use crate::failpoint::{Asked, fallible, sabotaged};
use crate::ports::clock::Clock;
use crate::ports::journal::{JournalError, Recorded};

/// The most records in one transaction: enough to share a flush, and few enough that even objects of the largest size
/// that etcd takes fit into memory together.
const GROUP: usize = 64;

const BEGIN: &str = "BEGIN IMMEDIATE";

/// How many callers may wait for their turn before the next ones wait for a place.
pub const QUEUE: usize = 1024;

pub type Answer<T> = oneshot::Sender<Result<T, JournalError>>;

/// What may be asked of the writer.
pub enum Command {
    Record(Box<Prepared>, Answer<Recorded>),
    Change(Change),
    /// Finishes what is queued, then ends.
    Close(Answer<()>),
}

/// The task's state.
pub struct Writer {
    pub pool: SqlitePool,
    pub clock: Arc<dyn Clock>,
    /// Woken when something is to be sent, and when something is to be folded.
    pub appended: Arc<Notify>,
    pub recorded: Arc<Notify>,
}

type Waiting = (Box<Prepared>, Answer<Recorded>);

/// What was asked and is not begun yet, in the order in which it was asked.
struct Queue {
    commands: mpsc::Receiver<Command>,
    /// What came behind records that share a transaction, and is none.
    held: Option<Command>,
}

impl Queue {
    async fn next(&mut self) -> Option<Command> {
        match self.held.take() {
            Some(command) => Some(command),
            None => self.commands.recv().await,
        }
    }

    /// Adds the records that came meanwhile to a group, up to its full size and to what may not overtake them.
    fn join(&mut self, group: &mut Vec<Waiting>) {
        while self.held.is_none() && group.len() < GROUP {
            match self.commands.try_recv() {
                Ok(Command::Record(record, answer)) => group.push((record, answer)),
                Ok(other) => self.held = Some(other),
                Err(_) => return,
            }
        }
    }
}

impl Writer {
    /// Works until closed or until nobody can ask any more.
    pub async fn work(self, commands: mpsc::Receiver<Command>) {
        let mut queue = Queue { commands, held: None };
        let mut closing = Vec::new();
        while let Some(command) = queue.next().await {
            match command {
                Command::Record(record, answer) => self.record((record, answer), &mut queue).await,
                Command::Change(change) => self.change(change).await,
                Command::Close(answer) => {
                    queue.commands.close();
                    closing.push(answer);
                }
            }
        }
        self.pool.close().await;
        for answer in closing {
            let _ = answer.send(Ok(()));
        }
    }

    async fn record(&self, first: Waiting, queue: &mut Queue) {
        let mut group = vec![first];
        match self.commit(&mut group, |group| queue.join(group)).await {
            Ok(answers) => {
                for ((_, answer), recorded) in group.into_iter().zip(answers) {
                    let _ = answer.send(Ok(recorded));
                }
            }
            Err(error) if group.len() > 1 && may_be_one_record(&error) => self.record_one_by_one(group).await,
            Err(error) => {
                let error = words(&error);
                tracing::warn!(records = group.len(), "{error}");
                for (_, answer) in group {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
    }

    async fn record_one_by_one(&self, group: Vec<Waiting>) {
        for waiting in group {
            let mut alone = vec![waiting];
            let result = self.commit(&mut alone, |_| {}).await;
            let result = result
                .map(|mut answers| answers.remove(0))
                .map_err(|error| words(&error));
            for (record, answer) in alone {
                if let Err(error) = &result {
                    tracing::warn!(subject = %record.subject, "{error}");
                }
                let _ = answer.send(result.clone());
            }
        }
    }

    /// Where the disk is full or fails, SQLite ends a transaction by itself; sqlx goes on counting it as open and would
    /// never begin another one. Such a connection is given up for a new one.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        match self.pool.begin_with(BEGIN).await {
            Err(sqlx::Error::InvalidSavePointStatement) if !sabotaged("sabotage.sqlite.keeps_a_broken_connection") => {
                self.pool.acquire().await?.close().await?;
                self.pool.begin_with(BEGIN).await
            }
            begun => begun,
        }
    }

    /// One transaction for a group, and for those who join it until nobody came while the last ones were written: who was
    /// answered a moment ago asks again meanwhile, and would wait for a flush of the disk of its own.
    async fn commit(
        &self,
        group: &mut Vec<Waiting>,
        mut join: impl FnMut(&mut Vec<Waiting>),
    ) -> Result<Vec<Recorded>, sqlx::Error> {
        join(group);
        let mut transaction = self.begin().await?;
        let now = self.clock.now();
        let (mut answers, mut appended) = (Vec::new(), false);
        gather(group, &mut join).await;
        while answers.len() < group.len() {
            let records: Vec<&Prepared> = group[answers.len()..].iter().map(|(record, _)| &**record).collect();
            let written = write_group(&mut transaction, &records, now).await?;
            answers.extend(written.answers);
            appended |= written.appended;
            join(group);
        }
        fallible("sqlite.before_commit").map_err(asked)?;
        transaction.commit().await?;
        if appended {
            self.appended.notify_one();
            self.recorded.notify_one();
        }
        fallible("sqlite.after_commit").map_err(asked)?;
        Ok(answers)
    }
}

/// Lets whoever is about to ask do so first: what is written together is one way to the database's thread, not several.
/// Waits for nobody who is not ready to run.
async fn gather(group: &mut Vec<Waiting>, join: &mut impl FnMut(&mut Vec<Waiting>)) {
    loop {
        let before = group.len();
        tokio::task::yield_now().await;
        join(group);
        if group.len() == before {
            return;
        }
    }
}

/// Commits what is no record.
pub(super) async fn finish(transaction: Transaction<'_, Sqlite>) -> Result<(), sqlx::Error> {
    fallible("sqlite.before_change").map_err(asked)?;
    transaction.commit().await?;
    fallible("sqlite.after_change").map_err(asked)
}

fn asked(asked: Asked) -> sqlx::Error {
    sqlx::Error::Io(asked.into())
}

pub(super) fn reply<T>(answer: Answer<T>, result: Result<T, sqlx::Error>) {
    let _ = answer.send(result.map_err(|error| words(&error)));
}

#[cfg(test)]
mod tests;
