//! An event as it was recorded and as it travels: the domain event plus its number in a log. Pure.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::canonical::{Sorted, canonical_json, sha256};
use super::event::DomainEvent;
use super::moment::Moment;

/// The JSON that readers of the streams see (design, section 7).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Flat")]
pub struct Envelope {
    #[serde(flatten)]
    pub event: DomainEvent,
    /// The log that `sequence` counts in.
    pub log_id: Uuid,
    /// Without gaps within one log, from 1.
    pub sequence: i64,
    pub recorded_at: Moment,
}

/// The same, as it is read: serde reads a flattened struct by way of a copy of all fields, which takes several times as
/// long.
#[derive(Deserialize)]
struct Flat {
    event_id: Uuid,
    event_type: String,
    event_version: i32,
    occurred_at: Moment,
    thread_id: Option<String>,
    run_id: Option<String>,
    ticket: Option<String>,
    agent_name: Option<String>,
    actor_type: String,
    actor_name: String,
    actor_attested: bool,
    correlation_id: String,
    causation_id: Option<String>,
    subject: String,
    subject_uid: String,
    subject_seq: i64,
    data: Value,
    log_id: Uuid,
    sequence: i64,
    recorded_at: Moment,
}

impl From<Flat> for Envelope {
    fn from(flat: Flat) -> Self {
        let event = DomainEvent {
            event_id: flat.event_id,
            event_type: flat.event_type,
            event_version: flat.event_version,
            occurred_at: flat.occurred_at,
            thread_id: flat.thread_id,
            run_id: flat.run_id,
            ticket: flat.ticket,
            agent_name: flat.agent_name,
            actor_type: flat.actor_type,
            actor_name: flat.actor_name,
            actor_attested: flat.actor_attested,
            correlation_id: flat.correlation_id,
            causation_id: flat.causation_id,
            subject: flat.subject,
            subject_uid: flat.subject_uid,
            subject_seq: flat.subject_seq,
            data: flat.data,
        };
        Self {
            event,
            log_id: flat.log_id,
            sequence: flat.sequence,
            recorded_at: flat.recorded_at,
        }
    }
}

/// A checksum over what the event says, without its number: it stays the same when the event is numbered again.
pub fn content_hash(event: &DomainEvent) -> String {
    sha256(canonical_json(&Hashed {
        actor_attested: event.actor_attested,
        actor_name: &event.actor_name,
        actor_type: &event.actor_type,
        agent_name: event.agent_name.as_deref(),
        causation_id: event.causation_id.as_deref(),
        correlation_id: &event.correlation_id,
        data: Sorted(&event.data),
        event_id: event.event_id,
        event_type: &event.event_type,
        event_version: event.event_version,
        occurred_at: event.occurred_at,
        run_id: event.run_id.as_deref(),
        subject: &event.subject,
        subject_seq: event.subject_seq,
        subject_uid: &event.subject_uid,
        thread_id: event.thread_id.as_deref(),
        ticket: event.ticket.as_deref(),
    }))
}

/// The fields of an event, sorted.
#[derive(Serialize)]
struct Hashed<'a> {
    actor_attested: bool,
    actor_name: &'a str,
    actor_type: &'a str,
    agent_name: Option<&'a str>,
    causation_id: Option<&'a str>,
    correlation_id: &'a str,
    data: Sorted<'a>,
    event_id: Uuid,
    event_type: &'a str,
    event_version: i32,
    occurred_at: Moment,
    run_id: Option<&'a str>,
    subject: &'a str,
    subject_seq: i64,
    subject_uid: &'a str,
    thread_id: Option<&'a str>,
    ticket: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::actor::Actor;
    use crate::kernel::journal::JournalEntry;
    use crate::kernel::subject::Subject;
    use serde_json::{Map, json};

    #[test]
    fn an_envelope_is_one_flat_object_and_comes_back_the_same() {
        let subject = Subject {
            kind: "Run".into(),
            namespace: "a".into(),
            name: "b".into(),
            uid: "u".into(),
        };
        let entry = JournalEntry {
            seq: 1,
            at: Moment::from_millis(1).unwrap(),
            kind: "PhaseChanged".into(),
            facts: Map::new(),
            actor: Actor::system(),
            cause: None,
            prev_hash: String::new(),
        };
        let event = DomainEvent::of(&subject, &entry, "run.phase.changed");
        let recorded_at = Moment::from_millis(2).unwrap();
        let envelope = Envelope {
            event,
            log_id: Uuid::nil(),
            sequence: 7,
            recorded_at,
        };
        let value = serde_json::to_value(&envelope).unwrap();
        assert_eq!(value["sequence"], 7);
        assert_eq!(value["event_type"], "run.phase.changed");
        assert_eq!(value["data"], json!({}));
        assert_eq!(serde_json::from_value::<Envelope>(value).unwrap(), envelope);
    }

    #[test]
    fn the_checksum_is_over_the_json_of_the_event_with_sorted_keys() {
        let subject = Subject {
            kind: "Run".into(),
            namespace: "a".into(),
            name: "b".into(),
            uid: "u".into(),
        };
        let Value::Object(facts) = json!({"z": 1, "a": {"y": [{"b": 1, "a": 2}], "x": null}}) else {
            unreachable!()
        };
        let entry = JournalEntry {
            seq: 1,
            at: Moment::from_millis(1).unwrap(),
            kind: "PhaseChanged".into(),
            facts,
            actor: Actor::system(),
            cause: Some("Because".into()),
            prev_hash: String::new(),
        };
        let mut event = DomainEvent::of(&subject, &entry, "run.phase.changed");
        event.run_id = Some("a/b".into());
        let whole = serde_json::to_value(&event).unwrap();
        assert_eq!(content_hash(&event), sha256(canonical_json(&Sorted(&whole))));
    }
}
