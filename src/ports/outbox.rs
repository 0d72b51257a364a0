//! Recorded events on their way out, in order. Written by the journal in the same transaction, drained by the relay.

use async_trait::async_trait;
use uuid::Uuid;

use super::journal::JournalError;
use crate::kernel::moment::Moment;

/// Which log the sequence numbers belong to. A database that fell behind what was already sent begins a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogIdentity {
    pub log_id: Uuid,
    /// Milliseconds since 1970 when the log was begun; the first half of stream ids. Later logs have greater ones.
    pub epoch_ms: i64,
}

/// How far a log has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogState {
    pub identity: LogIdentity,
    /// The last sequence given out; 0 in a new log.
    pub last_sequence: i64,
    /// Events not sent yet.
    pub unsent: i64,
    /// When the oldest unsent one was recorded.
    pub oldest_unsent: Option<Moment>,
}

/// One event to send.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxRow {
    pub sequence: i64,
    pub event_id: Uuid,
    pub event_type: String,
    pub correlation_id: String,
    /// The whole envelope as JSON, with `log_id`, `sequence` and `recorded_at`.
    pub envelope: String,
}

/// The relay's view of the database.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// The current log.
    async fn log_state(&self) -> Result<LogState, JournalError>;

    /// Begins a new log whose epoch is greater than `after_ms` and than every earlier epoch. Unsent events of the
    /// old log are numbered again in the new one, in their old order.
    async fn begin_log(&self, after_ms: i64) -> Result<LogIdentity, JournalError>;

    /// The oldest unsent events of the current log, in order of sequence.
    async fn pending(&self, limit: u32) -> Result<Vec<OutboxRow>, JournalError>;

    /// Takes everything up to and including `sequence` out of the outbox.
    async fn mark_sent(&self, sequence: i64) -> Result<(), JournalError>;

    /// Puts every kept event of the current log after `sequence` back into the outbox; how many there are now.
    async fn rewind(&self, sequence: i64) -> Result<i64, JournalError>;

    /// Resolves when something was appended since the last call.
    async fn appended(&self);
}
