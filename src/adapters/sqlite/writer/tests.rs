//! Batches of a real database file, and what becomes of the others when one fails.

use super::super::log;
use super::*;
use crate::kernel::actor::Actor;
use crate::kernel::event::DomainEvent;
use crate::kernel::journal::JournalEntry;
use crate::kernel::moment::Moment;
use crate::kernel::subject::Subject;
use crate::ports::journal::Record;
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
            .send(Command::Record(Box::new(Prepared::of(record(name)).unwrap()), answer))
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
