//! Where events are published. Implementations must be harmless to repeat: an id that was sent counts as sent.

use async_trait::async_trait;

use super::outbox::{LogIdentity, OutboxRow};

/// The last id of the ordered stream: `<epoch ms>-<sequence>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamPosition {
    pub epoch_ms: i64,
    pub sequence: i64,
}

/// Why events could not be published; they stay in the outbox.
#[derive(Debug, thiserror::Error)]
#[error("failed to publish events: {0}")]
pub struct SinkError(pub String);

/// The publishing side.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Where the ordered stream ends; `None` when it is empty or gone.
    async fn position(&self) -> Result<Option<StreamPosition>, SinkError>;

    /// Publishes rows in order, to the ordered stream and to the stream of their type.
    async fn publish(&self, log: &LogIdentity, rows: &[OutboxRow]) -> Result<(), SinkError>;
}
