//! Records as a broken product would write them, so that tests can show that it is found. Only with the
//! feature `failpoints`, and only where a test asks for it. May not touch the database.

use std::time::Duration;

use uuid::Uuid;

use crate::failpoint::sabotaged;
use crate::kernel::journal::JournalEntry;
use crate::ports::journal::{JournalError, Record};
use crate::ports::outbox::Outbox;

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
        "{}".clone_into(&mut mirror.status);
    }
    record
}

/// Waits for Redis before a pass may go on.
pub async fn wait_until_told(outbox: &impl Outbox) -> Result<(), JournalError> {
    while sabotaged("sabotage.record.waits_until_told") && outbox.log_state().await?.unsent > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
