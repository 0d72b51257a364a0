//! Redis Streams: where events go and where a lost history is read back from. May not decide what is sent.

mod connection;
mod entry;
pub mod streams;

use async_trait::async_trait;
use redis::streams::{StreamId, StreamRangeReply};
use redis::{AsyncCommands, Script};

use self::connection::Connection;
pub use self::connection::RedisSettings;
use self::entry::{Entry, PAYLOAD};
use self::streams::StreamNames;
use crate::failpoint::sabotaged;
use crate::ports::event_sink::{EventSink, Published, SinkError, WindowEntry};
use crate::ports::outbox::{OutboxRow, StreamPosition};

/// Publishes events to Redis Streams.
pub struct RedisSink {
    connection: Connection,
    names: StreamNames,
    ordered_length: u64,
    typed_length: u64,
    publish: Script,
}

impl RedisSink {
    /// Prepares a sink; Redis need not be there yet. Call it inside a Tokio runtime.
    ///
    /// # Errors
    /// The URL is not one of Redis.
    pub fn new(settings: &RedisSettings) -> Result<Self, SinkError> {
        Ok(Self {
            connection: Connection::prepare(settings)?,
            names: StreamNames::new(&settings.prefix),
            ordered_length: settings.ordered_length,
            typed_length: settings.typed_length,
            publish: Script::new(include_str!("publish.lua")),
        })
    }

    async fn last_generated_id(&self) -> Result<Option<String>, SinkError> {
        let mut manager = self.connection.manager();
        let mut command = redis::cmd("XINFO");
        command.arg("STREAM").arg(self.names.ordered());
        match command
            .query_async::<redis::streams::StreamInfoStreamReply>(&mut manager)
            .await
        {
            Ok(info) => Ok(Some(info.last_generated_id)),
            Err(error) if error.detail().is_some_and(|detail| detail.contains("no such key")) => Ok(None),
            Err(error) => Err(self.connection.failed(&error)),
        }
    }
}

#[async_trait]
impl EventSink for RedisSink {
    async fn position(&self) -> Result<Option<StreamPosition>, SinkError> {
        match self.last_generated_id().await?.as_deref() {
            None | Some("0-0") => Ok(None),
            Some(id) => parse_id(id).map(Some),
        }
    }

    async fn publish(&self, end: Option<StreamPosition>, rows: &[OutboxRow]) -> Result<Published, SinkError> {
        let mut script = self.publish.prepare_invoke();
        script.key(self.names.ordered());
        script
            .arg(end.map(|end| end.to_string()).unwrap_or_default())
            .arg(self.ordered_length)
            .arg(self.typed_length);
        for row in rows {
            let entry = Entry::of(&row.envelope)?;
            script.key(self.names.of_type(type_of(row)));
            script
                .arg(id_of(row))
                .arg(entry.message_uuid)
                .arg(entry.metadata)
                .arg(entry.payload);
        }
        let mut manager = self.connection.manager();
        match script.invoke_async::<i64>(&mut manager).await {
            Ok(0) => Ok(Published::Moved),
            Ok(_) => Ok(Published::All),
            Err(error) => Err(self.connection.failed(&error)),
        }
    }

    async fn read_window(&self, after: Option<StreamPosition>, limit: u32) -> Result<Vec<WindowEntry>, SinkError> {
        let from = after.map_or_else(|| "-".to_owned(), |after| format!("({after}"));
        let mut manager = self.connection.manager();
        let reply: StreamRangeReply = manager
            .xrange_count(self.names.ordered(), from, "+", limit)
            .await
            .map_err(|error| self.connection.failed(&error))?;
        reply.ids.iter().map(window_entry).collect()
    }
}

/// The entry's id on the ordered stream: explicit, so that what was sent already is refused.
fn id_of(row: &OutboxRow) -> String {
    if sabotaged("sabotage.sink.any_id") {
        return "*".to_owned();
    }
    row.position.to_string()
}

/// Which of the streams by type takes it.
fn type_of(row: &OutboxRow) -> &str {
    if sabotaged("sabotage.sink.one_type") {
        return "run.closed";
    }
    &row.envelope.event.event_type
}

fn window_entry(entry: &StreamId) -> Result<WindowEntry, SinkError> {
    Ok(WindowEntry {
        position: parse_id(&entry.id)?,
        envelope: entry.get(PAYLOAD),
    })
}

fn parse_id(id: &str) -> Result<StreamPosition, SinkError> {
    let parsed = id.split_once('-').and_then(|(epoch_ms, sequence)| {
        Some(StreamPosition {
            epoch_ms: epoch_ms.parse().ok()?,
            sequence: sequence.parse().ok()?,
        })
    });
    parsed.ok_or_else(|| SinkError(format!("the stream's id '{id}' is not one of ours")))
}
