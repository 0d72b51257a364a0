//! Events as rows: from a row to an envelope and back. May not run a statement.

use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::FromRow;

use crate::kernel::envelope::{Envelope, content_hash};
use crate::kernel::event::DomainEvent;
use crate::ports::outbox::{OutboxRow, StreamPosition};

/// One row of `events` with the epoch of its log; also as a list of these values, in this order.
#[derive(FromRow, Deserialize)]
pub struct EventRow {
    pub epoch_ms: i64,
    pub log_id: String,
    pub sequence: i64,
    pub event_id: String,
    pub event_type: String,
    pub event_version: i32,
    pub occurred_at: String,
    pub thread_id: Option<String>,
    pub run_id: Option<String>,
    pub ticket: Option<String>,
    pub agent_name: Option<String>,
    pub actor_type: String,
    pub actor_name: String,
    pub actor_attested: bool,
    pub correlation_id: String,
    pub causation_id: Option<String>,
    pub subject: String,
    pub subject_uid: String,
    pub subject_seq: i64,
    pub data: String,
    pub recorded_at: String,
}

impl EventRow {
    /// The row as it is sent.
    ///
    /// # Errors
    /// A field does not parse: the row was changed by hand.
    pub fn into_outbox_row(self) -> Result<OutboxRow, String> {
        let position = StreamPosition {
            epoch_ms: self.epoch_ms,
            sequence: self.sequence,
        };
        Ok(OutboxRow {
            position,
            envelope: self.into_envelope()?,
        })
    }

    /// The recorded event.
    ///
    /// # Errors
    /// A field does not parse: the row was changed by hand.
    pub fn into_envelope(self) -> Result<Envelope, String> {
        let place = format!("event {}-{}", self.epoch_ms, self.sequence);
        self.parsed().map_err(|why| format!("{place} does not parse: {why}"))
    }

    fn parsed(self) -> anyhow::Result<Envelope> {
        let event = DomainEvent {
            event_id: self.event_id.parse()?,
            event_type: self.event_type,
            event_version: self.event_version,
            occurred_at: self.occurred_at.parse()?,
            thread_id: self.thread_id,
            run_id: self.run_id,
            ticket: self.ticket,
            agent_name: self.agent_name,
            actor_type: self.actor_type,
            actor_name: self.actor_name,
            actor_attested: self.actor_attested,
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
            subject: self.subject,
            subject_uid: self.subject_uid,
            subject_seq: self.subject_seq,
            data: serde_json::from_str(&self.data)?,
        };
        let (log_id, recorded_at) = (self.log_id.parse()?, self.recorded_at.parse()?);
        Ok(Envelope {
            event,
            log_id,
            sequence: self.sequence,
            recorded_at,
        })
    }
}

/// The columns of an event as the batched inserts read them. `data` stays text, so that SQLite does not rewrite it.
pub fn columns_of(event: &DomainEvent) -> Value {
    json!({
        "event_id": event.event_id,
        "event_type": event.event_type,
        "event_version": event.event_version,
        "occurred_at": event.occurred_at,
        "thread_id": event.thread_id,
        "run_id": event.run_id,
        "ticket": event.ticket,
        "agent_name": event.agent_name,
        "actor_type": event.actor_type,
        "actor_name": event.actor_name,
        "actor_attested": event.actor_attested,
        "correlation_id": event.correlation_id,
        "causation_id": event.causation_id,
        "subject": event.subject,
        "subject_uid": event.subject_uid,
        "subject_seq": event.subject_seq,
        "data": event.data.to_string(),
        "content_hash": content_hash(event),
    })
}
