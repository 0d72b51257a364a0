//! Threads whose events are recorded as the driver records them, and everything that was folded from them as plain text.

use std::sync::Arc;

use metawsm::adapters::sqlite::History;
use metawsm::kernel::actor::{Actor, ActorType};
use metawsm::kernel::event::DomainEvent;
use metawsm::kernel::journal::{Journal as Ring, JournalEntry, Transition};
use metawsm::kernel::moment::Moment;
use metawsm::kernel::subject::Subject;
use metawsm::ports::clock::Clock;
use metawsm::ports::journal::{Journal, Record};
use metawsm::ports::outbox::{Outbox, OutboxRow, WindowEvent};
use metawsm::projections::Projector;
use metawsm::projections::metrics::ProjectionMetrics;
use serde_json::{Map, Value, json};
use sqlx::AssertSqlSafe;

use super::stage::{Stage, TestClock};

/// A second apart, so that every fact has a time of its own.
const STEP: i64 = 1000;
const BEGIN: i64 = 1_700_000_000_000;

/// What folding writes, each table with what its rows are sorted by.
const TABLES: [(&str, &str); 6] = [
    ("forum_threads", "uid"),
    ("forum_posts", "thread_uid, seq"),
    ("forum_state_transitions", "thread_uid, seq"),
    ("forum_assignments", "thread_uid, seq"),
    ("forum_priorities", "thread_uid, seq"),
    ("forum_escalations", "thread_uid, seq"),
];

pub struct Question {
    pub subject: Subject,
    pub entries: Vec<JournalEntry>,
    pub events: Vec<DomainEvent>,
    seq: i64,
}

impl Question {
    /// A thread of the ticket, asked by an agent of the run.
    pub fn opened(name: &str, ticket: &str, title: &str) -> Self {
        let subject = Subject {
            kind: "ForumThread".into(),
            namespace: "team-a".into(),
            name: name.into(),
            uid: format!("uid-{name}"),
        };
        let mut question = Self {
            subject,
            entries: Vec::new(),
            events: Vec::new(),
            seq: 0,
        };
        let data = json!({ "title": title, "state": "New", "priority": "Normal", "docsSync": "Default", "runRef": "r",
                           "agentName": "coder" });
        question.tell("forum.thread.opened", ActorType::Agent, "coder", data);
        for event in &mut question.events {
            event.ticket = Some(ticket.into());
        }
        question
    }

    pub fn tell(&mut self, event_type: &'static str, kind: ActorType, who: &str, data: Value) {
        let ticket = self.events.first().and_then(|event| event.ticket.clone());
        let transition = Transition {
            kind: event_type,
            facts: Map::new(),
            actor: Actor {
                kind,
                name: who.to_owned(),
            },
            cause: None,
        };
        let mut ring = Ring::new(&self.subject.uid, &self.entries[self.entries.len().saturating_sub(1)..]);
        ring.append(Moment::from_millis(BEGIN + self.seq * STEP).unwrap(), vec![transition]);
        self.seq += 1;
        let entry = ring.into_entries().pop().unwrap();
        let mut event = DomainEvent::of(&self.subject, &entry, event_type);
        event.thread_id = Some(self.subject.path());
        event.run_id = Some("team-a/r".into());
        event.agent_name = Some("coder".into());
        event.ticket = ticket;
        event.data = data;
        self.entries.push(entry);
        self.events.push(event);
    }

    pub fn post(&mut self, id: &str, kind: &str, who: &str, body: &str) {
        let data = json!({ "id": id, "kind": kind, "attested": true, "body": body,
                           "author": { "type": "Human", "name": who } });
        self.tell("forum.post.added", ActorType::Human, who, data);
    }

    pub fn enter(&mut self, from: &str, to: &str) {
        let since = Moment::from_millis(BEGIN + self.seq * STEP).unwrap().to_string();
        let data = json!({ "from": from, "to": to, "since": since, "waitingOn": "Human", "num": 1 });
        self.tell("forum.state.changed", ActorType::Operator, "otto", data);
    }

    pub fn assign(&mut self, to: &str) {
        let data = json!({ "from": null, "to": { "type": "Human", "name": to }, "num": 2 });
        self.tell("forum.assigned", ActorType::Operator, "otto", data);
    }

    pub fn rank(&mut self, from: &str, to: &str) {
        let data = json!({ "from": from, "to": to, "num": 3 });
        self.tell("forum.priority.changed", ActorType::Operator, "otto", data);
    }

    pub fn escalate(&mut self, level: i64) {
        let data = json!({ "state": "WaitingHuman", "stateSince": "2023-11-14T22:13:20Z", "level": level,
                           "deadline": "2023-11-14T22:43:20Z", "late": level > 1, "lateBySeconds": level - 1 });
        self.tell("forum.sla.escalation_requested", ActorType::System, "metawsm", data);
    }

    pub fn close(&mut self) {
        self.enter("Answered", "Closed");
        self.tell(
            "forum.thread.closed",
            ActorType::Human,
            "ada",
            json!({ "from": "Answered" }),
        );
    }

    pub fn delete(&mut self) {
        let data = json!({ "inferred": false, "state": "Closed" });
        self.tell("forum.thread.deleted", ActorType::System, "metawsm", data);
    }

    /// A whole life: asked, answered, closed, gone.
    pub fn whole_life(name: &str) -> Self {
        let mut question = Self::opened(name, "A-1", &format!("How is {name} meant?"));
        question.post("q1", "Question", "coder", "May the relay retry for ever?");
        question.rank("Normal", "High");
        question.enter("New", "WaitingHuman");
        question.escalate(1);
        question.escalate(2);
        question.assign("ada");
        question.post("a1", "Answer", "ada", "No: five times, then it tells somebody.");
        question.enter("WaitingHuman", "Answered");
        question.close();
        question
    }

    pub fn step(&self, index: usize) -> Record {
        Record {
            subject: self.subject.clone(),
            entries: vec![self.entries[index].clone()],
            events: vec![self.events[index].clone()],
            mirror: None,
        }
    }

    pub async fn record(&self, history: &History) {
        for index in 0..self.entries.len() {
            history.record(self.step(index)).await.unwrap();
        }
    }
}

pub fn projector(history: &Arc<History>) -> Projector {
    let clock = Arc::new(TestClock::default());
    Projector::new(history.clone(), clock, ProjectionMetrics::default())
}

/// Tells the database that everything that is pending was sent.
pub async fn all_sent(history: &History) {
    let pending = history.pending(None, 10_000).await.unwrap();
    let last = pending.last().expect("something is pending").position;
    history.mark_sent(last).await.unwrap();
}

/// Everything recorded, as a stream would still have it.
pub async fn window(history: &History) -> Vec<WindowEvent> {
    let rows = history.pending(None, 10_000).await.unwrap();
    let event = |row: OutboxRow| WindowEvent {
        position: row.position,
        envelope: row.envelope,
    };
    rows.into_iter().map(event).collect()
}

/// The stage's time, moved.
pub fn in_minutes(stage: &Stage, minutes: i64) -> Moment {
    Moment::from_millis(stage.clock.now().as_millis() + minutes * 60_000).unwrap()
}

/// Folds everything.
pub async fn fold(history: &Arc<History>) -> u64 {
    projector(history).catch_up().await.unwrap()
}

/// Every folded row, as JSON.
pub async fn rows(stage: &Stage) -> Vec<Value> {
    let mut raw = stage.raw().await;
    let mut all = Vec::new();
    for (table, order) in TABLES {
        let columns: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT '''' || name || ''', ' || name FROM pragma_table_info('{table}')"
        )))
        .fetch_all(&mut raw)
        .await
        .unwrap();
        let query = format!(
            "SELECT json_object('table', '{table}', {}) FROM {table} ORDER BY {order}",
            columns.join(", ")
        );
        let found: Vec<String> = sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_all(&mut raw)
            .await
            .unwrap();
        all.extend(found.iter().map(|row| serde_json::from_str(row).unwrap()));
    }
    all
}

/// The rows without what tells in which order they were recorded.
pub fn without_places(mut rows: Vec<Value>) -> Vec<Value> {
    for row in &mut rows {
        let row = row.as_object_mut().unwrap();
        row.remove("id");
        row.remove("changed");
    }
    rows
}

/// Whether the words of titles and bodies are those of the rows.
pub async fn words_are_sound(stage: &Stage) -> bool {
    let mut raw = stage.raw().await;
    for table in ["forum_title_words", "forum_body_words"] {
        let check = format!("INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)");
        if sqlx::query(AssertSqlSafe(check)).execute(&mut raw).await.is_err() {
            return false;
        }
    }
    true
}
