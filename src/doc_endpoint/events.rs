//! What an endpoint's transitions are, and what they mean to the world. Pure.

use serde_json::{Value, json};

use super::crd::{DocEndpoint, DocEndpointSpec};
use crate::controller::kind::Note;
use crate::federation::known::Facts;
use crate::federation::target::Problem;
use crate::kernel::event::DomainEvent;
use crate::kernel::journal::{JournalEntry, Transition};
use crate::kernel::moment::Moment;
use crate::kernel::subject::Subject;

/// The server answers as it should.
pub const UP: &str = "EndpointUp";
/// It does not any more.
pub const DOWN: &str = "EndpointDown";
/// Its index is a newer one.
pub const REFRESHED: &str = "IndexRefreshed";
/// Its index became older than allowed.
pub const STALE: &str = "IndexStale";
/// A refresh is begun.
pub const REFRESHING: &str = "RefreshBegun";
/// The endpoint is gone.
pub const DELETED: &str = "Deleted";

/// The server answers.
pub fn up(spec: &DocEndpointSpec, url: Option<&str>, facts: &Facts) -> Transition {
    let more = json!({
        "url": url, "indexedAt": facts.indexed_at, "docsIndexed": facts.docs_indexed, "tickets": facts.tickets,
    });
    Transition::of_controller(UP, "Answered", merged(spec, more))
}

/// The server does not answer as it should.
pub fn down(spec: &DocEndpointSpec, problem: &Problem) -> Transition {
    Transition::of_controller(
        DOWN,
        problem.code,
        merged(spec, json!({ "code": problem.code, "message": problem.message })),
    )
}

/// The index is a newer one.
pub fn refreshed(spec: &DocEndpointSpec, from: Moment, facts: &Facts) -> Transition {
    let more = json!({
        "from": from, "indexedAt": facts.indexed_at, "docsIndexed": facts.docs_indexed, "tickets": facts.tickets,
    });
    Transition::of_controller(REFRESHED, "IndexMoved", merged(spec, more))
}

/// The index is older than allowed.
pub fn stale(spec: &DocEndpointSpec, indexed_at: Option<Moment>) -> Transition {
    let more = json!({ "indexedAt": indexed_at, "staleAfter": spec.stale_after });
    Transition::of_controller(STALE, "IndexOld", merged(spec, more))
}

/// A refresh is begun, for this cause.
pub fn refreshing(spec: &DocEndpointSpec, cause: &str, request: Option<&str>) -> Transition {
    Transition::of_controller(REFRESHING, cause, merged(spec, json!({ "request": request })))
}

/// The endpoint goes; `inferred` where nobody saw it going.
pub fn deleted(endpoint: Option<&DocEndpoint>, inferred: bool) -> Transition {
    let cause = if inferred { "Vanished" } else { "Deleted" };
    let inferred = json!({ "inferred": inferred.then_some(true) });
    let facts = match endpoint {
        Some(endpoint) => merged(&endpoint.spec, inferred),
        None => inferred,
    };
    Transition::of_controller(DELETED, cause, facts)
}

fn merged(spec: &DocEndpointSpec, more: Value) -> Value {
    let mut facts = json!({
        "kind": spec.kind, "repo": spec.repo, "ticket": spec.ticket, "run": spec.run_ref.as_ref().map(|r| &r.name),
    });
    if let (Value::Object(facts), Value::Object(more)) = (&mut facts, more) {
        facts.extend(more);
    }
    facts
}

/// The event of an entry.
pub fn event_of(subject: &Subject, entry: &JournalEntry) -> Option<DomainEvent> {
    let event_type = match entry.kind.as_str() {
        UP => "docs.endpoint.up",
        DOWN => "docs.endpoint.down",
        REFRESHED => "docs.index.refreshed",
        STALE => "docs.index.stale",
        DELETED => "docs.endpoint.deleted",
        _ => return None,
    };
    let fact = |name: &str| entry.facts.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(DomainEvent {
        ticket: fact("ticket"),
        run_id: fact("run").map(|run| format!("{}/{run}", subject.namespace)),
        ..DomainEvent::of(subject, entry, event_type)
    })
}

/// The Kubernetes Event of an entry.
pub fn note_of(entry: &JournalEntry) -> Option<Note> {
    let fact = |name: &str| match entry.facts.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "?".to_owned(),
    };
    let (warning, text) = match entry.kind.as_str() {
        UP => (
            false,
            format!("answers: {} tickets, index of {}", fact("tickets"), fact("indexedAt")),
        ),
        DOWN => (true, fact("message")),
        REFRESHED => (
            false,
            format!("index of {} now: {} tickets", fact("indexedAt"), fact("tickets")),
        ),
        STALE => (
            true,
            format!("index of {} is older than {}", fact("indexedAt"), fact("staleAfter")),
        ),
        _ => return None,
    };
    Some(Note {
        warning,
        reason: entry.cause.clone().unwrap_or_default(),
        action: entry.kind.clone(),
        text,
    })
}
