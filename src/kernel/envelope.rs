//! An event as it was recorded and as it travels: the domain event plus its number in a log. Pure.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::canonical::{canonical_json, sha256};
use super::event::DomainEvent;
use super::moment::Moment;

/// The JSON that readers of the streams see (design, section 7).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    #[serde(flatten)]
    pub event: DomainEvent,
    /// The log that `sequence` counts in.
    pub log_id: Uuid,
    /// Without gaps within one log, from 1.
    pub sequence: i64,
    pub recorded_at: Moment,
}

/// A checksum over what the event says, without its number: it stays the same when the event is numbered again.
pub fn content_hash(event: &DomainEvent) -> String {
    let value = serde_json::to_value(event).unwrap_or_default();
    sha256(canonical_json(&value))
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
}
