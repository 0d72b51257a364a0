//! Which of a thread's transitions deserve a Kubernetes Event: those that ask for somebody. Pure.

use serde_json::Value;

use super::events::{ESCALATED, STATE_CHANGED};
use crate::controller::kind::Note;
use crate::kernel::journal::JournalEntry;

/// The Kubernetes Event of an entry.
pub fn note_of(entry: &JournalEntry) -> Option<Note> {
    let fact = |name: &str| match entry.facts.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "nobody".to_owned(),
    };
    match entry.kind.as_str() {
        STATE_CHANGED => Some(Note {
            warning: false,
            reason: fact("to"),
            action: entry.kind.clone(),
            text: format!(
                "{} → {} by {}; now it is the turn of: {}",
                fact("from"),
                fact("to"),
                entry.actor.name,
                fact("waitingOn")
            ),
        }),
        ESCALATED => {
            let late = match entry.facts.get("late") {
                Some(Value::Bool(true)) => format!(", {} s late", fact("lateBySeconds")),
                _ => String::new(),
            };
            Some(Note {
                warning: true,
                reason: "Escalated".to_owned(),
                action: format!("{}/{}", entry.kind, fact("level")),
                text: format!(
                    "in {} since {}: level {} fell due at {}{late}",
                    fact("state"),
                    fact("stateSince"),
                    fact("level"),
                    fact("deadline")
                ),
            })
        }
        _ => None,
    }
}
