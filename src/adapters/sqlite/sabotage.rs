//! Records as a broken product would write them, so that tests can show that the validator finds it. Only with the
//! feature `failpoints`, and only where a test asks for it. May not touch the database.

use serde_json::json;
use uuid::Uuid;

use crate::failpoint::sabotaged;
use crate::kernel::journal::JournalEntry;
use crate::ports::journal::Record;

/// The record with the bugs that are switched on.
pub fn spoiled(mut record: Record) -> Record {
    if sabotaged("sabotage.record.without_events") {
        record.events.clear();
    }
    if sabotaged("sabotage.record.newest_first") {
        record.events.reverse();
    }
    if sabotaged("sabotage.record.any_event_id") {
        for event in &mut record.events {
            event.event_id = Uuid::new_v4();
        }
    }
    if sabotaged("sabotage.record.breaks_the_chain") {
        for entry in &mut record.entries {
            entry.prev_hash.clear();
        }
    }
    if sabotaged("sabotage.record.double_sequence") {
        let other = record.entries.last().cloned().map(|entry| JournalEntry {
            cause: Some("another".to_owned()),
            ..entry
        });
        record.entries.extend(other);
    }
    if let Some(mirror) = record
        .mirror
        .as_mut()
        .filter(|_| sabotaged("sabotage.record.empty_mirror"))
    {
        mirror.status = json!({});
    }
    record
}
