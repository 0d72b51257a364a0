//! What a topology's transitions are, and what they mean to the world. Pure.

use serde_json::{Value, json};

use super::crd::{Authority, Owner};
use crate::controller::kind::Note;
use crate::kernel::event::DomainEvent;
use crate::kernel::journal::{JournalEntry, Transition};
use crate::kernel::subject::Subject;

/// Another copy of the documents is the truth now.
pub const AUTHORITY_CHANGED: &str = "AuthorityChanged";
/// Another Run's workspace is authoritative.
pub const OWNER_CHANGED: &str = "OwnerChanged";
/// Two truths are in the making.
pub const SEVERAL_WORKSPACES: &str = "SeveralWorkspaces";
/// The topology is gone.
pub const DELETED: &str = "Deleted";

/// The authority moved.
pub fn authority_changed(ticket: &str, from: Option<&Authority>, to: &Authority) -> Transition {
    let facts = json!({
        "ticket": ticket, "from": from.map(|a| a.kind), "fromEndpoint": from.and_then(|a| a.endpoint.as_ref()),
        "to": to.kind, "toEndpoint": to.endpoint, "webURL": to.web_url, "reason": to.reason,
    });
    Transition::of_controller(AUTHORITY_CHANGED, &to.reason, facts)
}

/// More than one living workspace holds the ticket's documents now.
pub fn several_workspaces(ticket: &str, message: &str) -> Transition {
    let facts = json!({ "ticket": ticket, "message": message });
    Transition::of_controller(SEVERAL_WORKSPACES, "SeveralWorkspaces", facts)
}

/// The owner changed.
pub fn owner_changed(ticket: &str, from: Option<&Owner>, to: Option<&Owner>) -> Transition {
    let facts = json!({ "ticket": ticket, "from": from.map(|o| &o.run_name), "to": to.map(|o| &o.run_name) });
    let cause = if to.is_some() { "OldestClaim" } else { "LastClaimGone" };
    Transition::of_controller(OWNER_CHANGED, cause, facts)
}

/// The topology goes; `inferred` where nobody saw it going.
pub fn deleted(ticket: Option<&str>, inferred: bool) -> Transition {
    let facts = json!({ "ticket": ticket, "inferred": inferred.then_some(true) });
    Transition::of_controller(DELETED, if inferred { "Vanished" } else { "Deleted" }, facts)
}

/// The event of an entry.
pub fn event_of(subject: &Subject, entry: &JournalEntry) -> Option<DomainEvent> {
    let event_type = match entry.kind.as_str() {
        AUTHORITY_CHANGED => "topology.authority.changed",
        DELETED => "topology.deleted",
        _ => return None,
    };
    let ticket = entry.facts.get("ticket").and_then(Value::as_str).map(str::to_owned);
    Some(DomainEvent {
        ticket,
        ..DomainEvent::of(subject, entry, event_type)
    })
}

/// The Kubernetes Event of an entry.
pub fn note_of(entry: &JournalEntry) -> Option<Note> {
    let fact = |name: &str| {
        entry
            .facts
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or("none")
            .to_owned()
    };
    let text = match entry.kind.as_str() {
        AUTHORITY_CHANGED => {
            let endpoint = entry.facts.get("toEndpoint").and_then(Value::as_str);
            let endpoint = endpoint.map(|name| format!(" {name}")).unwrap_or_default();
            format!("authority is {}{endpoint} now ({})", fact("to"), fact("reason"))
        }
        SEVERAL_WORKSPACES => fact("message"),
        OWNER_CHANGED => format!("owner is {} now", fact("to")),
        _ => return None,
    };
    let reason = entry.cause.clone().unwrap_or_default();
    Some(Note {
        warning: entry.kind == SEVERAL_WORKSPACES,
        reason,
        action: entry.kind.clone(),
        text,
    })
}
