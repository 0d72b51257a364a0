//! The one task that writes. Records that wait together share a transaction, so that a burst costs few disk flushes.
//! May not read for others, and never ends because a statement failed.

use std::sync::Arc;

use sqlx::SqlitePool;
use tokio::sync::{Notify, mpsc, oneshot};

use super::failure::{may_be_one_record, words};
use super::record::{GroupOutcome, check, write_group};
use super::{adopt, log};
use crate::ports::clock::Clock;
use crate::ports::journal::{JournalError, Record, Recorded};
use crate::ports::outbox::{LogIdentity, StreamPosition, WindowEvent};

/// The most records in one transaction: a flush is shared by enough of them long before that.
const GROUP: usize = 256;

/// How many callers may wait for their turn before the next ones wait for a place.
pub const QUEUE: usize = 1024;

pub type Answer<T> = oneshot::Sender<Result<T, JournalError>>;

/// What may be asked of the writer.
pub enum Command {
    Record(Box<Record>, Answer<Recorded>),
    Change(Change),
    /// Finishes what is queued, then ends.
    Close(Answer<()>),
}

/// What is done in a transaction of its own.
pub enum Change {
    BeginLog(i64, Answer<LogIdentity>),
    MarkSent(StreamPosition, Answer<()>),
    Rewind(Option<StreamPosition>, Answer<i64>),
    Adopt(Vec<WindowEvent>, Answer<u64>),
}

/// The task's state.
pub struct Writer {
    pub pool: SqlitePool,
    pub clock: Arc<dyn Clock>,
    pub appended: Arc<Notify>,
}

type Waiting = (Box<Record>, Answer<Recorded>);

impl Writer {
    /// Works until closed or until nobody can ask any more.
    pub async fn work(self, mut commands: mpsc::Receiver<Command>) {
        let mut closing = Vec::new();
        while let Some(first) = commands.recv().await {
            let mut group: Vec<Waiting> = Vec::new();
            let mut next = Some(first);
            while let Some(command) = next.take() {
                match command {
                    Command::Record(record, answer) => group.push((record, answer)),
                    Command::Close(answer) => {
                        commands.close();
                        closing.push(answer);
                    }
                    Command::Change(change) => {
                        self.record(std::mem::take(&mut group)).await;
                        self.change(change).await;
                    }
                }
                if group.len() < GROUP {
                    next = commands.try_recv().ok();
                }
            }
            self.record(group).await;
        }
        self.pool.close().await;
        for answer in closing {
            let _ = answer.send(Ok(()));
        }
    }

    async fn record(&self, group: Vec<Waiting>) {
        let mut sound = Vec::with_capacity(group.len());
        for (record, answer) in group {
            match check(&record) {
                Ok(()) => sound.push((record, answer)),
                Err(error) => drop(answer.send(Err(error))),
            }
        }
        if sound.is_empty() {
            return;
        }
        let records: Vec<&Record> = sound.iter().map(|(record, _)| &**record).collect();
        match self.commit(&records).await {
            Ok(answers) => {
                for ((_, answer), recorded) in sound.into_iter().zip(answers) {
                    let _ = answer.send(Ok(recorded));
                }
            }
            Err(error) if sound.len() > 1 && may_be_one_record(&error) => self.record_one_by_one(sound).await,
            Err(error) => {
                let error = words(&error);
                tracing::warn!(records = sound.len(), "{error}");
                for (_, answer) in sound {
                    let _ = answer.send(Err(JournalError(error.0.clone())));
                }
            }
        }
    }

    async fn record_one_by_one(&self, group: Vec<Waiting>) {
        for (record, answer) in group {
            let result = self.commit(&[&record]).await;
            let result = result.map(|mut answers| answers.remove(0)).map_err(|error| words(&error));
            if let Err(error) = &result {
                tracing::warn!(subject = %record.subject, "{error}");
            }
            let _ = answer.send(result);
        }
    }

    async fn commit(&self, records: &[&Record]) -> Result<Vec<Recorded>, sqlx::Error> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let GroupOutcome { answers, appended } = write_group(&mut transaction, records, self.clock.now()).await?;
        transaction.commit().await?;
        if appended {
            self.appended.notify_one();
        }
        Ok(answers)
    }

    async fn change(&self, change: Change) {
        match change {
            Change::BeginLog(after_ms, answer) => reply(answer, self.begin_log(after_ms).await),
            Change::MarkSent(last, answer) => reply(answer, self.mark_sent(last).await),
            Change::Rewind(after, answer) => reply(answer, self.rewind(after).await),
            Change::Adopt(events, answer) => reply(answer, self.adopt(&events).await),
        }
    }

    async fn begin_log(&self, after_ms: i64) -> Result<LogIdentity, sqlx::Error> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let identity = log::begin_log(&mut transaction, after_ms, self.clock.now()).await?;
        transaction.commit().await.map(|()| identity)
    }

    async fn mark_sent(&self, last: StreamPosition) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        log::mark_sent(&mut transaction, last).await?;
        transaction.commit().await
    }

    async fn rewind(&self, after: Option<StreamPosition>) -> Result<i64, sqlx::Error> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let unsent = log::rewind(&mut transaction, after).await?;
        transaction.commit().await.map(|()| unsent)
    }

    async fn adopt(&self, events: &[WindowEvent]) -> Result<u64, sqlx::Error> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let fresh = adopt::adopt(&mut transaction, events, self.clock.now()).await?;
        transaction.commit().await.map(|()| fresh)
    }
}

fn reply<T>(answer: Answer<T>, result: Result<T, sqlx::Error>) {
    let _ = answer.send(result.map_err(|error| words(&error)));
}
