//! The invariants of what readers of Redis see. Pure.

use std::collections::BTreeSet;

use super::evidence::{Entry, Evidence};
use super::invariants::id_of;

pub fn unique_event(evidence: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    for event in &evidence.events {
        if event.event_id != id_of(&event.subject_uid, event.subject_seq) {
            wrong.push(format!(
                "event {} of {} has a strange id",
                event.subject_seq, event.subject
            ));
        }
    }
    for (name, stream) in named(evidence) {
        let mut seen = BTreeSet::new();
        let twice = stream.iter().filter(|e| !seen.insert(&e.uuid));
        wrong.extend(twice.map(|e| format!("{name}: {} stands there twice, again at {}", e.uuid, e.id)));
    }
    wrong
}

fn named(evidence: &Evidence) -> Vec<(&str, &[Entry])> {
    let typed = evidence
        .typed
        .iter()
        .map(|(name, stream)| (name.as_str(), stream.as_slice()));
    std::iter::once(("the stream", evidence.stream.as_slice()))
        .chain(typed)
        .collect()
}

pub fn stream_is_log(evidence: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    let told = |e: &Entry| match &e.envelope {
        Some(envelope) => format!(
            "{} {} {} {} {}",
            e.id, e.uuid, envelope.sequence, envelope.event.event_type, envelope.event.data
        ),
        None => format!("{} {} no envelope", e.id, e.uuid),
    };
    let streamed: Vec<_> = evidence.stream.iter().map(told).collect();
    let logged: Vec<_> = evidence
        .events
        .iter()
        .map(|e| {
            let data: serde_json::Value = serde_json::from_str(&e.data).unwrap_or_default();
            let id = format!("{}-{}", e.epoch_ms, e.sequence);
            format!("{id} {} {} {} {data}", e.event_id, e.sequence, e.event_type)
        })
        .collect();
    let (on_stream, in_log): (BTreeSet<_>, BTreeSet<_>) = (streamed.iter().collect(), logged.iter().collect());
    wrong.extend(in_log.difference(&on_stream).map(|e| format!("not on the stream: {e}")));
    wrong.extend(on_stream.difference(&in_log).map(|e| format!("not in the log: {e}")));
    if wrong.is_empty() && streamed != logged {
        wrong.push("stream and log have different orders".to_owned());
    }
    wrong
}

pub fn typed_streams(evidence: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    for (event_type, typed) in &evidence.typed {
        let of_type = |e: &&Entry| e.envelope.as_ref().is_some_and(|v| &v.event.event_type == event_type);
        let expected: Vec<_> = evidence.stream.iter().filter(of_type).cloned().collect();
        if *typed != expected {
            wrong.push(format!(
                "{event_type}: {} entries, {} on the stream",
                typed.len(),
                expected.len()
            ));
        }
    }
    wrong
}
