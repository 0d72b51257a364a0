//! What the stories stand on: a clock, a database file, objects with journals, waiting with a deadline.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use metawsm::adapters::sqlite::History;
use metawsm::kernel::actor::Actor;
use metawsm::kernel::event::DomainEvent;
use metawsm::kernel::journal::{Journal, JournalEntry, Transition};
use metawsm::kernel::moment::Moment;
use metawsm::kernel::subject::Subject;
use metawsm::ports::clock::Clock;
use metawsm::ports::journal::{Journal as _, Record};
use serde_json::{Map, Value, json};
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};

/// Shows the real time plus an offset in milliseconds.
#[derive(Default)]
pub struct TestClock(pub AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Moment {
        let now = Moment::new(jiff::Timestamp::now()).as_millis();
        Moment::from_millis(now + self.0.load(Ordering::Relaxed)).unwrap()
    }
}

pub struct Stage {
    folder: tempfile::TempDir,
    pub clock: Arc<TestClock>,
}

impl Stage {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::default(),
        }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("data/history.db")
    }

    pub async fn open(&self) -> Arc<History> {
        Arc::new(History::open(&self.path(), self.clock.clone()).await.unwrap())
    }

    /// A connection of its own, for looking and for tampering.
    pub async fn raw(&self) -> SqliteConnection {
        SqliteConnectOptions::new()
            .filename(self.path())
            .foreign_keys(false)
            .connect()
            .await
            .unwrap()
    }

    pub fn delete_database(&self) {
        std::fs::remove_dir_all(self.path().parent().unwrap()).unwrap();
    }

    pub fn copy_database(&self, to: &str) {
        std::fs::copy(self.path(), self.folder.path().join(to)).unwrap();
    }

    pub fn restore_database(&self, from: &str) {
        self.delete_database();
        std::fs::create_dir_all(self.path().parent().unwrap()).unwrap();
        std::fs::copy(self.folder.path().join(from), self.path()).unwrap();
    }
}

/// An object whose journal grows.
pub struct Object {
    pub subject: Subject,
    pub entries: Vec<JournalEntry>,
}

impl Object {
    pub fn new(name: &str) -> Self {
        let uid = format!("uid-{name}");
        let subject = Subject {
            kind: "Run".into(),
            namespace: "team-a".into(),
            name: name.into(),
            uid,
        };
        Self {
            subject,
            entries: Vec::new(),
        }
    }

    pub fn grow(mut self, by: usize) -> Self {
        for _ in 0..by {
            let step = self.entries.len() + 1;
            self.append(json!({ "step": step }));
        }
        self
    }

    pub fn append(&mut self, facts: Value) {
        let Value::Object(facts) = facts else {
            panic!("facts are an object")
        };
        let transition = Transition {
            kind: "PhaseChanged",
            facts,
            actor: Actor::system(),
            cause: None,
        };
        let mut journal = Journal::new(&self.subject.uid, &self.entries);
        journal.append(Moment::from_millis(1_700_000_000_000).unwrap(), vec![transition]);
        self.entries = journal.into_entries();
    }

    pub fn record(&self) -> Record {
        let events = self.entries.iter().map(|entry| event(&self.subject, entry)).collect();
        Record {
            subject: self.subject.clone(),
            entries: self.entries.clone(),
            events,
            mirror: None,
        }
    }
}

fn event(subject: &Subject, entry: &JournalEntry) -> DomainEvent {
    let event_type = if entry.seq % 2 == 0 {
        "run.docs.seeded"
    } else {
        "run.phase.changed"
    };
    let mut event = DomainEvent::of(subject, entry, event_type);
    event.run_id = Some(subject.path());
    event.data = Value::Object(Map::from_iter([("seq".to_owned(), json!(entry.seq))]));
    event
}

/// Records `count` objects of one transition each, one after the other.
pub async fn record_objects(history: &History, prefix: &str, count: usize) {
    for i in 0..count {
        history
            .record(Object::new(&format!("{prefix}-{i}")).grow(1).record())
            .await
            .unwrap();
    }
}

/// Far more than any of the waits needs on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// Asks again and again until the answer is there.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    let mut pace = tokio::time::interval(Duration::from_millis(10));
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited too long until {what}");
        pace.tick().await;
    }
}
