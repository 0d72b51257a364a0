//! What the world is told: the envelope of an event (design, section 7). Pure; numbering happens where it is recorded.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::actor::Actor;
use super::journal::JournalEntry;
use super::moment::Moment;
use super::subject::Subject;

/// Version of the envelope; raised when a field changes its meaning.
pub const EVENT_VERSION: i32 = 1;

/// Namespace of event ids, made once for this project.
const EVENT_NAMESPACE: Uuid = Uuid::from_u128(0x6d65_7461_7773_4d2e_a465_7601_0000_0001);

/// One event, ready to be recorded. `sequence`, `log_id` and `recorded_at` are added by the database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DomainEvent {
    /// From uid and seq: the same fact has the same id for ever.
    pub event_id: Uuid,
    /// `run.docs.seeded`, …: design, section 7.
    pub event_type: String,
    pub event_version: i32,
    pub occurred_at: Moment,
    /// `namespace/name` of the thread it is about.
    pub thread_id: Option<String>,
    /// `namespace/name` of the run it is about.
    pub run_id: Option<String>,
    pub ticket: Option<String>,
    pub agent_name: Option<String>,
    pub actor_type: String,
    pub actor_name: String,
    /// Whether the API server vouches for the actor.
    pub actor_attested: bool,
    /// Ties together what belongs together; the uid of the run or thread unless a command brought its own.
    pub correlation_id: String,
    pub causation_id: Option<String>,
    /// `Kind/namespace/name`.
    pub subject: String,
    pub subject_uid: String,
    /// The journal's `seq`: strictly rising for one subject.
    pub subject_seq: i64,
    pub data: Value,
}

impl DomainEvent {
    /// The event of a journal entry, with nothing but what every event has. Kinds fill in run, ticket, thread.
    pub fn of(subject: &Subject, entry: &JournalEntry, event_type: &str) -> Self {
        let Actor { kind, name } = entry.actor.clone();
        Self {
            event_id: event_id(&subject.uid, entry.seq),
            event_type: event_type.to_owned(),
            event_version: EVENT_VERSION,
            occurred_at: entry.at,
            thread_id: None,
            run_id: None,
            ticket: None,
            agent_name: None,
            actor_type: kind.as_str().to_owned(),
            actor_name: name,
            actor_attested: true,
            correlation_id: subject.uid.clone(),
            causation_id: entry.cause.clone(),
            subject: subject.to_string(),
            subject_uid: subject.uid.clone(),
            subject_seq: entry.seq,
            data: Value::Object(entry.facts.clone()),
        }
    }
}

/// The id of the event that `(uid, seq)` brings forth.
pub fn event_id(uid: &str, seq: i64) -> Uuid {
    Uuid::new_v5(&EVENT_NAMESPACE, format!("{uid}/{seq}").as_bytes())
}
