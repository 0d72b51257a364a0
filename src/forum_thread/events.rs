//! What a thread's transitions are, and what they mean to the world. Pure.
//!
//! A journal entry is short. What is longer and never changes (title, choices, what a post says) is added to the event
//! from the spec, so that the event is a function of the entry and of append-only fields.

use serde_json::{Map, Value, json};

use super::crd::{Assignee, Author, ForumThread, Party, Post, ThreadState, WaitingOn};
use super::history::{By, Changed};
use super::sla::Escalation;
use crate::kernel::actor::{Actor, ActorType};
use crate::kernel::event::DomainEvent;
use crate::kernel::journal::{JournalEntry, Transition};
use crate::kernel::moment::Moment;
use crate::kernel::subject::Subject;

/// The thread was made.
pub const OPENED: &str = "Opened";
/// Something was said.
pub const POSTED: &str = "Posted";
/// It was given to somebody, or to nobody.
pub const ASSIGNED: &str = "Assigned";
/// Another state.
pub const STATE_CHANGED: &str = "StateChanged";
/// Another priority.
pub const PRIORITY_CHANGED: &str = "PriorityChanged";
/// A deadline passed unanswered.
pub const ESCALATED: &str = "Escalated";
/// Nothing can change any more.
pub const CLOSED: &str = "Closed";
/// The thread is gone.
pub const DELETED: &str = "Deleted";

/// Who is named where nobody vouches for anybody.
const UNKNOWN: &str = "unknown";

fn actor_of(author: Option<&Author>) -> Actor {
    let kind = author.map_or(ActorType::System, |a| match a.kind {
        Party::Agent => ActorType::Agent,
        Party::Operator => ActorType::Operator,
        Party::Human => ActorType::Human,
    });
    let name = author.map_or_else(|| UNKNOWN.to_owned(), |a| a.name.clone());
    Actor { kind, name }
}

fn by_somebody(kind: &'static str, author: Option<&Author>, cause: Option<String>, facts: Value) -> Transition {
    let Value::Object(mut facts) = facts else {
        return Transition::of_controller(kind, kind, facts);
    };
    facts.retain(|_, v| !v.is_null());
    Transition {
        kind,
        facts,
        actor: actor_of(author),
        cause,
    }
}

/// The thread was made.
pub fn opened(thread: &ForumThread, made: &super::history::Fact<'_>, vouched: bool) -> Option<Transition> {
    let super::history::Fact::Opened {
        state,
        priority,
        assignee,
        author,
    } = made
    else {
        return None;
    };
    let facts = json!({
        "state": state, "priority": priority, "assignee": assignee, "docsSync": thread.spec.docs_sync,
        "attested": vouched,
    });
    Some(by_somebody(OPENED, *author, command_of(*author, None), facts))
}

/// Something was said.
pub fn posted(post: &Post, vouched: bool) -> Transition {
    let author = post.author.as_ref();
    let facts = json!({ "id": post.id, "kind": post.kind, "attested": vouched });
    by_somebody(POSTED, author, command_of(author, Some(&post.id)), facts)
}

/// A post that somebody wrote on behalf of somebody else came by command, and has the command's id.
fn command_of(author: Option<&Author>, id: Option<&String>) -> Option<String> {
    author.and_then(|a| a.via.as_ref()).and(id).cloned()
}

/// State, priority or assignee changed. `since` and `waiting_on` tell of a new state.
pub fn changed(what: &Changed, by: By<'_>, since: Moment, waiting_on: WaitingOn, vouched: bool) -> Transition {
    let (kind, mut facts) = match what {
        Changed::State(from, to) => {
            let facts = json!({ "from": from, "to": to, "since": since, "waitingOn": waiting_on });
            (STATE_CHANGED, facts)
        }
        Changed::Priority(from, to) => (PRIORITY_CHANGED, json!({ "from": from, "to": to })),
        Changed::Assignee(from, to) => (
            ASSIGNED,
            json!({ "from": party(from.as_ref()), "to": party(to.as_ref()) }),
        ),
    };
    let (author, cause) = match by {
        By::Line(line) => {
            facts["num"] = line.num.into();
            (Some(&line.actor), line.command_id.clone())
        }
        By::Unknown { coalesced } => {
            facts["coalesced"] = if coalesced { true.into() } else { Value::Null };
            (None, None)
        }
    };
    facts["attested"] = vouched.into();
    by_somebody(kind, author, cause, facts)
}

fn party(assignee: Option<&Assignee>) -> Value {
    assignee.map_or(Value::Null, |a| json!(a))
}

/// The thread was closed by the change just recorded.
pub fn closed(from: ThreadState, change: &Transition) -> Transition {
    let mut facts = Map::from_iter([("from".to_owned(), json!(from))]);
    facts.extend(change.facts.get("attested").map(|a| ("attested".to_owned(), a.clone())));
    Transition {
        kind: CLOSED,
        facts,
        actor: change.actor.clone(),
        cause: change.cause.clone(),
    }
}

/// A deadline passed unanswered.
pub fn escalated(state: ThreadState, since: Moment, escalation: &Escalation) -> Transition {
    let facts = json!({
        "state": state, "stateSince": since, "level": escalation.level, "deadline": escalation.deadline,
        "late": escalation.late(), "lateBySeconds": escalation.late_by.as_secs(),
    });
    Transition::of_controller(ESCALATED, "DeadlinePassed", facts)
}

/// The thread goes; `inferred` where nobody saw it going.
pub fn deleted(state: &Value, ticket: &Value, run: &Value, inferred: bool) -> Transition {
    let facts = json!({ "inferred": inferred, "state": state, "ticket": ticket, "run": run });
    Transition::of_controller(DELETED, if inferred { "Vanished" } else { "Deleted" }, facts)
}

/// The event of an entry, as far as the entry tells it.
pub fn event_of(subject: &Subject, entry: &JournalEntry) -> Option<DomainEvent> {
    let event_type = match entry.kind.as_str() {
        OPENED => "forum.thread.opened",
        POSTED => "forum.post.added",
        ASSIGNED => "forum.assigned",
        STATE_CHANGED => "forum.state.changed",
        PRIORITY_CHANGED => "forum.priority.changed",
        ESCALATED => "forum.sla.escalation_requested",
        CLOSED => "forum.thread.closed",
        DELETED => "forum.thread.deleted",
        _ => return None,
    };
    let mut data = entry.facts.clone();
    let attested = data.get("attested").and_then(Value::as_bool).unwrap_or(true);
    if entry.kind != POSTED {
        data.remove("attested");
    }
    let mut text = |name: &str| data.remove(name).and_then(|v| v.as_str().map(str::to_owned));
    let (ticket, run) = (text("ticket"), text("run"));
    Some(DomainEvent {
        thread_id: Some(subject.path()),
        run_id: run.map(|run| format!("{}/{run}", subject.namespace)),
        ticket,
        actor_attested: attested,
        data: Value::Object(data),
        ..DomainEvent::of(subject, entry, event_type)
    })
}

/// The event with what its thread says for ever.
pub fn complete(thread: &ForumThread, mut event: DomainEvent) -> DomainEvent {
    let spec = &thread.spec;
    let namespace = thread.metadata.namespace.as_deref().unwrap_or_default();
    let run = spec.run_ref.as_ref().map(|r| format!("{namespace}/{}", r.name));
    event.ticket = Some(spec.ticket.clone());
    event.agent_name.clone_from(&spec.agent_name);
    let more = match event.event_type.as_str() {
        "forum.thread.opened" => json!({
            "title": spec.title, "runRef": spec.run_ref.as_ref().map(|r| &r.name), "agentName": spec.agent_name,
            "continuedFrom": spec.continued_from, "choices": spec.choices,
        }),
        "forum.post.added" => {
            let post = spec.posts.iter().find(|p| event.data["id"] == p.id.as_str());
            post.map_or(Value::Null, |post| {
                json!({
                    "author": post.author.as_ref().map(said_by),
                    "body": post.body, "inReplyTo": post.in_reply_to, "choice": post.choice,
                })
            })
        }
        _ => Value::Null,
    };
    if let (Value::Object(data), Value::Object(more)) = (&mut event.data, more) {
        data.extend(more.into_iter().filter(|(_, v)| !v.is_null()));
    }
    event.run_id = run;
    event
}

fn said_by(author: &Author) -> Value {
    match &author.via {
        None => json!({ "type": author.kind, "name": author.name }),
        Some(via) => json!({ "type": author.kind, "name": author.name, "via": via }),
    }
}

/// How long after its deadline an escalation was decided; `None` for anything else.
pub fn lateness(entry: &JournalEntry) -> Option<std::time::Duration> {
    if entry.kind != ESCALATED {
        return None;
    }
    let deadline: Moment = entry.facts.get("deadline")?.as_str()?.parse().ok()?;
    Some(entry.at.since(deadline))
}
