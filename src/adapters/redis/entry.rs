//! Stream entries in Watermill's form: which fields there are and how they are encoded. Pure.

use std::collections::BTreeMap;

use crate::kernel::envelope::Envelope;
use crate::ports::event_sink::SinkError;

/// The field that holds the envelope as JSON; `publish.lua` writes it and the other two.
pub const PAYLOAD: &str = "payload";

/// The values of one entry's fields.
pub struct Entry {
    /// `_watermill_message_uuid`: the event's id.
    pub message_uuid: String,
    /// `metadata`: a MessagePack map of strings.
    pub metadata: Vec<u8>,
    /// `payload`: the envelope as JSON.
    pub payload: String,
}

impl Entry {
    /// The entry of an event.
    ///
    /// # Errors
    /// It cannot be encoded; no envelope that parsed can be so.
    pub fn of(envelope: &Envelope) -> Result<Self, SinkError> {
        let failed = |why: String| SinkError(format!("event '{}' cannot be encoded: {why}", envelope.event.event_id));
        Ok(Self {
            message_uuid: envelope.event.event_id.to_string(),
            metadata: rmp_serde::to_vec(&metadata(envelope)).map_err(|error| failed(error.to_string()))?,
            payload: serde_json::to_string(envelope).map_err(|error| failed(error.to_string()))?,
        })
    }
}

/// What routers and filters may want without reading the payload.
fn metadata(envelope: &Envelope) -> BTreeMap<&'static str, String> {
    let event = &envelope.event;
    let mut map = BTreeMap::from([
        ("correlation_id", event.correlation_id.clone()),
        ("event_type", event.event_type.clone()),
        ("event_version", event.event_version.to_string()),
        ("log_id", envelope.log_id.to_string()),
        ("sequence", envelope.sequence.to_string()),
        ("subject", event.subject.clone()),
    ]);
    map.extend(event.causation_id.clone().map(|id| ("causation_id", id)));
    map
}
