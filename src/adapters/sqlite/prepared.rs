//! A record as the texts that its rows will hold: made by whoever records, side by side, so that the one task that
//! writes only writes. Pure; may not run a statement.

use crate::kernel::envelope::content_hash;
use crate::kernel::event::DomainEvent;
use crate::kernel::journal::JournalEntry;
use crate::kernel::subject::Subject;
use crate::ports::journal::{JournalError, Mirror, Record};

/// A record that makes sense in itself, as rows.
pub struct Prepared {
    pub subject: Subject,
    pub entries: Vec<EntryRow>,
    pub events: Vec<EventRow>,
    pub mirror: Option<Mirror>,
}

/// An entry of the journal, and what of it is written as text.
pub struct EntryRow {
    pub entry: JournalEntry,
    pub hash: String,
    pub at: String,
    pub facts: String,
}

/// An event, and what of it is written as text.
pub struct EventRow {
    pub event: DomainEvent,
    pub event_id: String,
    pub occurred_at: String,
    pub data: String,
    pub content_hash: String,
}

impl Prepared {
    /// The rows of a record.
    ///
    /// # Errors
    /// An event that no entry of the record backs, or facts that cannot be written down.
    pub fn of(record: Record) -> Result<Self, JournalError> {
        check(&record)?;
        let Record {
            subject,
            entries,
            events,
            mirror,
        } = record;
        Ok(Self {
            entries: entries
                .into_iter()
                .map(|entry| entry_row(&subject, entry))
                .collect::<Result<_, _>>()?,
            events: events.into_iter().map(event_row).collect(),
            mirror,
            subject,
        })
    }
}

fn check(record: &Record) -> Result<(), JournalError> {
    let backed = |uid: &str, seq: i64| uid == record.subject.uid && record.entries.iter().any(|e| e.seq == seq);
    match record
        .events
        .iter()
        .find(|event| !backed(&event.subject_uid, event.subject_seq))
    {
        None => Ok(()),
        Some(event) => Err(JournalError(format!(
            "event '{}' ({}, {}) of '{}' has no journal entry",
            event.event_type, event.subject_uid, event.subject_seq, record.subject
        ))),
    }
}

fn entry_row(subject: &Subject, entry: JournalEntry) -> Result<EntryRow, JournalError> {
    let words = |error| JournalError(format!("failed to write down the facts of '{subject}': {error}"));
    Ok(EntryRow {
        hash: entry.hash(&subject.uid),
        at: entry.at.to_string(),
        facts: serde_json::to_string(&entry.facts).map_err(words)?,
        entry,
    })
}

fn event_row(event: DomainEvent) -> EventRow {
    EventRow {
        event_id: event.event_id.to_string(),
        occurred_at: event.occurred_at.to_string(),
        data: event.data.to_string(),
        content_hash: content_hash(&event),
        event,
    }
}
