//! Recorded events on their way out, in order. Written by the journal in the same transaction, drained by the relay.

use std::fmt;

use async_trait::async_trait;
use uuid::Uuid;

use super::journal::JournalError;
use crate::kernel::envelope::Envelope;
use crate::kernel::moment::Moment;

/// Which log the sequence numbers belong to. A database that fell behind what was already sent begins a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogIdentity {
    pub log_id: Uuid,
    /// Milliseconds since 1970 when the log was begun; the first half of stream ids. Later logs have greater ones.
    pub epoch_ms: i64,
}

/// The place of an event among all events of all logs, and its id in the ordered stream: `<epoch ms>-<sequence>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamPosition {
    pub epoch_ms: i64,
    pub sequence: i64,
}

impl fmt::Display for StreamPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch_ms, self.sequence)
    }
}

/// How far a log has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogState {
    pub identity: LogIdentity,
    /// The last sequence given out; 0 in a new log.
    pub last_sequence: i64,
    /// The last event before the oldest unsent one, whichever log it is of: up to here everything was sent.
    pub sent: Option<StreamPosition>,
    /// Events not sent yet.
    pub unsent: i64,
    /// When the oldest unsent one was recorded.
    pub oldest_unsent: Option<Moment>,
}

/// One event to send.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxRow {
    /// Mostly of the current log; after a rewind also of earlier ones.
    pub position: StreamPosition,
    pub envelope: Envelope,
}

/// An event that a stream still had, to be taken back into the history.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowEvent {
    pub position: StreamPosition,
    pub envelope: Envelope,
}

/// The relay's view of the database.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// The current log.
    async fn log_state(&self) -> Result<LogState, JournalError>;

    /// Begins a new log whose epoch is greater than `after_ms` and than every earlier epoch. Unsent events are
    /// numbered again in the new one, in their old order.
    async fn begin_log(&self, after_ms: i64) -> Result<LogIdentity, JournalError>;

    /// The oldest unsent events after `after` (`None`: from the first one), in order of position.
    async fn pending(&self, after: Option<StreamPosition>, limit: u32) -> Result<Vec<OutboxRow>, JournalError>;

    /// Takes everything up to and including `last` out of the outbox.
    async fn mark_sent(&self, last: StreamPosition) -> Result<(), JournalError>;

    /// Puts every kept event after `after` (`None`: every one) back into the outbox, those of earlier logs too;
    /// how many there are now.
    async fn rewind(&self, after: Option<StreamPosition>) -> Result<i64, JournalError>;

    /// Takes events that a stream still had into the history, with the numbers they had. Known ones stay as they
    /// are; unsent ones that were found on the stream count as sent. How many were new.
    async fn adopt(&self, events: Vec<WindowEvent>) -> Result<u64, JournalError>;

    /// Resolves when something was appended since the last call.
    async fn appended(&self);
}
