//! Batches of a real database file, and what becomes of the others when one fails.

use std::sync::atomic::{AtomicI64, Ordering};

use super::super::log;
use super::*;
use crate::kernel::actor::Actor;
use crate::kernel::event::DomainEvent;
use crate::kernel::journal::JournalEntry;
use crate::kernel::moment::Moment;
use crate::kernel::subject::Subject;
use crate::ports::journal::Record;
use crate::ports::outbox::StreamPosition;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Moment {
        Moment::from_millis(1_700_000_000_000).unwrap()
    }
}

/// Each time it is asked it is later, and another record is asked for: as if somebody asked while a transaction begins.
struct Crowding {
    asked: AtomicI64,
    commands: mpsc::Sender<Command>,
}

impl Clock for Crowding {
    fn now(&self) -> Moment {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        if asked < 2 {
            let _ = self.commands.try_send(command(&format!("more-{asked}")).0);
        }
        Moment::from_millis(1_700_000_000_000 + asked).unwrap()
    }
}

struct Stage {
    folder: tempfile::TempDir,
    pool: SqlitePool,
    commands: mpsc::Sender<Command>,
}

impl Stage {
    async fn new() -> Self {
        Self::with(|_| Arc::new(StoppedClock)).await
    }

    async fn with(clock: impl FnOnce(&mpsc::Sender<Command>) -> Arc<dyn Clock>) -> Self {
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
                clock: clock(&commands),
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
        let (command, answered) = command(name);
        self.commands.send(command).await.unwrap();
        answered.await.unwrap()
    }

    async fn count(&self, what: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(format!("SELECT count({what}")))
            .fetch_one(&self.pool)
            .await
            .unwrap()
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

fn command(name: &str) -> (Command, oneshot::Receiver<Result<Recorded, JournalError>>) {
    let (answer, answered) = oneshot::channel();
    let prepared = Box::new(Prepared::of(record(name)).unwrap());
    (Command::Record(prepared, answer), answered)
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
async fn who_asks_while_a_transaction_is_under_way_joins_it() {
    let crowding = |commands: &mpsc::Sender<Command>| Crowding {
        asked: AtomicI64::new(0),
        commands: commands.clone(),
    };
    let stage = Stage::with(|commands| Arc::new(crowding(commands))).await;
    stage.record("first").await.unwrap();
    assert_eq!(stage.count("*) FROM audit_log").await, 2);
    assert_eq!(stage.count("DISTINCT recorded_at) FROM audit_log").await, 1);
    stage.record("second").await.unwrap();
    assert_eq!(stage.count("*) FROM audit_log").await, 4);
    assert_eq!(stage.count("DISTINCT recorded_at) FROM audit_log").await, 2);
}

#[tokio::test]
async fn no_record_overtakes_a_change_that_was_asked_for_before_it() {
    let stage = Stage::new().await;
    let (sent, marked) = oneshot::channel();
    let last = StreamPosition {
        epoch_ms: i64::MAX,
        sequence: 0,
    };
    let (before, recorded) = command("before");
    stage.commands.try_send(before).ok().unwrap();
    let mark = Command::Change(Change::MarkSent(last, sent));
    stage.commands.try_send(mark).ok().unwrap();
    stage.record("after").await.unwrap();
    recorded.await.unwrap().unwrap();
    marked.await.unwrap().unwrap();
    let unsent = "*) FROM outbox JOIN events USING (position) WHERE subject_uid = 'after'";
    assert_eq!(stage.count(unsent).await, 1);
    assert_eq!(stage.count("*) FROM outbox").await, 1);
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
