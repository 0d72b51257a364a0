//! The one task that writes. Records that wait together share a transaction, so that a burst costs few disk flushes.
//! May not read for others, and never ends because a statement failed.

use std::sync::Arc;

use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::sync::{Notify, mpsc, oneshot};

use super::change::Change;
use super::failure::{may_be_one_record, words};
use super::record::{GroupOutcome, check, write_group};
use crate::failpoint::{Asked, fallible};
use crate::ports::clock::Clock;
use crate::ports::journal::{JournalError, Record, Recorded};

/// The most records in one transaction: enough to share a flush, and few enough that even objects of the largest size
/// that etcd takes fit into memory together.
const GROUP: usize = 64;

const BEGIN: &str = "BEGIN IMMEDIATE";

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

/// The task's state.
pub struct Writer {
    pub pool: SqlitePool,
    pub clock: Arc<dyn Clock>,
    /// Woken when something is to be sent, and when something is to be folded.
    pub appended: Arc<Notify>,
    pub recorded: Arc<Notify>,
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
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
    }

    async fn record_one_by_one(&self, group: Vec<Waiting>) {
        for (record, answer) in group {
            let result = self.commit(&[&record]).await;
            let result = result
                .map(|mut answers| answers.remove(0))
                .map_err(|error| words(&error));
            if let Err(error) = &result {
                tracing::warn!(subject = %record.subject, "{error}");
            }
            let _ = answer.send(result);
        }
    }

    /// Where the disk is full or fails, SQLite ends a transaction by itself; sqlx goes on counting it as open and would
    /// never begin another one. Such a connection is given up for a new one.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        match self.pool.begin_with(BEGIN).await {
            Err(sqlx::Error::InvalidSavePointStatement) => {
                self.pool.acquire().await?.close().await?;
                self.pool.begin_with(BEGIN).await
            }
            begun => begun,
        }
    }

    async fn commit(&self, records: &[&Record]) -> Result<Vec<Recorded>, sqlx::Error> {
        let mut transaction = self.begin().await?;
        let GroupOutcome { answers, appended } = write_group(&mut transaction, records, self.clock.now()).await?;
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
mod tests {
    use super::super::log;
    use super::*;
    use crate::kernel::actor::Actor;
    use crate::kernel::event::DomainEvent;
    use crate::kernel::journal::JournalEntry;
    use crate::kernel::moment::Moment;
    use crate::kernel::subject::Subject;
    use serde_json::{Value, json};
    use sqlx::AssertSqlSafe;

    struct StoppedClock;

    impl Clock for StoppedClock {
        fn now(&self) -> Moment {
            Moment::from_millis(1_700_000_000_000).unwrap()
        }
    }

    struct Stage {
        folder: tempfile::TempDir,
        pool: SqlitePool,
        commands: mpsc::Sender<Command>,
    }

    impl Stage {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let pool = super::super::open::writer(&folder.path().join("history.db"))
                .await
                .unwrap();
            log::begin_first_log(&pool, StoppedClock.now()).await.unwrap();
            let (commands, queue) = mpsc::channel(QUEUE);
            let appended = Arc::new(Notify::new());
            tokio::spawn(
                Writer {
                    pool: pool.clone(),
                    clock: Arc::new(StoppedClock),
                    appended: appended.clone(),
                    recorded: appended,
                }
                .work(queue),
            );
            Self { folder, pool, commands }
        }

        async fn tell(&self, pragma: &str) {
            sqlx::raw_sql(AssertSqlSafe(format!("PRAGMA {pragma}")))
                .execute(&self.pool)
                .await
                .unwrap();
        }

        async fn record(&self, name: &str) -> Result<Recorded, JournalError> {
            let (answer, answered) = oneshot::channel();
            self.commands
                .send(Command::Record(Box::new(record(name)), answer))
                .await
                .unwrap();
            answered.await.unwrap()
        }

        /// Many at once; those that failed, in words.
        async fn crowd(&self, name: &str) -> Vec<String> {
            let names: Vec<_> = (0..50).map(|i| format!("{name}-{i}")).collect();
            let results = futures::future::join_all(names.iter().map(|name| self.record(name))).await;
            results
                .into_iter()
                .filter_map(|result| result.err().map(|error| error.to_string()))
                .collect()
        }
    }

    fn record(name: &str) -> Record {
        let subject = Subject {
            kind: "Run".into(),
            namespace: "a".into(),
            name: name.into(),
            uid: name.into(),
        };
        let Value::Object(facts) = json!({ "text": "x".repeat(900) }) else {
            unreachable!()
        };
        let entry = JournalEntry {
            seq: 1,
            at: StoppedClock.now(),
            kind: "PhaseChanged".into(),
            facts,
            actor: Actor::system(),
            cause: None,
            prev_hash: String::new(),
        };
        let events = vec![DomainEvent::of(&subject, &entry, "run.phase.changed")];
        Record {
            subject,
            entries: vec![entry],
            events,
            mirror: None,
        }
    }

    #[tokio::test]
    async fn a_full_disk_is_told_in_words_and_recovered_from() {
        let stage = Stage::new().await;
        stage.record("before").await.unwrap();
        stage.tell("max_page_count = 30").await;
        let failed = stage.crowd("full").await;
        assert!(
            !failed.is_empty() && failed.iter().all(|why| why.contains("no room is left")),
            "{failed:?}"
        );
        stage.tell("max_page_count = 4294967294").await;
        assert_eq!(stage.crowd("after").await, Vec::<String>::new());
        assert_eq!(stage.crowd("full").await, Vec::<String>::new());
        let (count, last): (i64, i64) = sqlx::query_as("SELECT count(*), max(sequence) FROM events")
            .fetch_one(&stage.pool)
            .await
            .unwrap();
        assert_eq!((count, last), (101, 101), "no number was burned");
    }

    #[tokio::test]
    async fn a_transaction_that_the_database_ended_by_itself_keeps_nobody_from_the_next() {
        let stage = Stage::new().await;
        let mut torn = stage.pool.begin_with(BEGIN).await.unwrap();
        sqlx::raw_sql("ROLLBACK").execute(&mut *torn).await.unwrap();
        drop(torn);
        stage.record("after").await.unwrap();
    }

    #[tokio::test]
    async fn a_read_only_database_is_told_in_words_and_recovered_from() {
        let stage = Stage::new().await;
        stage.tell("query_only = ON").await;
        let failed = stage.crowd("one").await;
        assert_eq!(failed.len(), 50);
        assert!(failed[0].contains("read-only"), "{}", failed[0]);
        stage.tell("query_only = OFF").await;
        assert_eq!(stage.crowd("one").await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_database_locked_by_another_process_is_told_once_for_the_whole_group() {
        let stage = Stage::new().await;
        stage.tell("busy_timeout = 50").await;
        let other = super::super::open::writer(&stage.folder.path().join("history.db"))
            .await
            .unwrap();
        let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let failed = stage.crowd("one").await;
        assert_eq!(failed.len(), 50);
        assert!(
            failed[0].contains("another process keeps the database locked"),
            "{}",
            failed[0]
        );
        held.rollback().await.unwrap();
        assert_eq!(stage.crowd("one").await, Vec::<String>::new());
    }
}
