//! Where events are published. Implementations must be harmless to repeat: an id that was sent counts as sent.

use async_trait::async_trait;

use super::outbox::{OutboxRow, StreamPosition};

/// Why events could not be published (they stay in the outbox) or read back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to use the event streams: {0}")]
pub struct SinkError(pub String);

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// Every row is on the ordered stream and on the stream of its type.
    All,
    /// Nothing was written: the ordered stream ended elsewhere than the caller thought.
    Moved,
}

/// An entry of the ordered stream, read back.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowEntry {
    pub position: StreamPosition,
    /// The envelope as JSON; `None` where the entry is not one of ours.
    pub envelope: Option<String>,
}

/// The publishing side.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Where the ordered stream ends; `None` when it is gone.
    async fn position(&self) -> Result<Option<StreamPosition>, SinkError>;

    /// Publishes rows in order, provided that the ordered stream ends at `end` right now: a stream that was emptied
    /// meanwhile must be filled again from its beginning, which is impossible once a later id is in it.
    async fn publish(&self, end: Option<StreamPosition>, rows: &[OutboxRow]) -> Result<Published, SinkError>;

    /// The next entries of the ordered stream after `after`, at most `limit`; empty at its end.
    async fn read_window(&self, after: Option<StreamPosition>, limit: u32) -> Result<Vec<WindowEntry>, SinkError>;
}
