//! What an event makes of a thread and which rows it adds. Pure, and a function of the set of events: read twice or in
//! another order, they give the same rows.

use serde::Deserialize;
use serde_json::Value;

use super::facts::{Escalated, Fact, Named, Opened, Posted, fact_of};
use crate::kernel::envelope::Envelope;
use crate::kernel::question::{self, Participant, QuestionState};
use crate::ports::projection::{
    AssignmentRow, By, EscalationRow, EventAt, ForumRows, PostRow, PriorityRow, StateRow, ThreadRow,
};

/// Why an event could not be folded. It is passed over: one bad row stops nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to fold event {position} ('{event_type}' of '{subject}'): {why}")]
pub struct Unfoldable {
    pub position: i64,
    pub event_type: String,
    pub subject: String,
    pub why: String,
}

/// Whether an event is about a thread at all.
pub fn concerns(event_type: &str) -> bool {
    event_type.starts_with("forum.")
}

/// Folds one event into its thread (`None`: the first one of it) and adds rows to `rows`.
///
/// # Errors
/// The event says something that no event of its type says.
pub fn fold(thread: Option<ThreadRow>, event: &EventAt, rows: &mut ForumRows) -> Result<ThreadRow, Unfoldable> {
    let unfoldable = |why: String| Unfoldable {
        position: event.position,
        event_type: event.envelope.event.event_type.clone(),
        subject: event.envelope.event.subject.clone(),
        why,
    };
    let fact = fact_of(&event.envelope.event).map_err(unfoldable)?;
    let mut row = match thread {
        Some(row) => row,
        None => begun(event).ok_or_else(|| unfoldable("the subject is not 'Kind/namespace/name'".to_owned()))?,
    };
    seen(&mut row, event);
    match fact {
        Some(Fact::Opened(opened)) => open(&mut row, &event.envelope, *opened, rows),
        Some(Fact::Posted(posted)) => post(&mut row, event, *posted, rows),
        Some(Fact::StateChanged { from, to, since, num }) => {
            enter(&mut row, &event.envelope, &to, &since);
            let by = by(&event.envelope, num);
            rows.states.push(StateRow {
                by,
                from_state: Some(from),
                to_state: to,
                since,
            });
        }
        Some(Fact::Assigned { from, to, num }) => {
            assign(&mut row, &event.envelope, to.as_ref());
            rows.assignments.push(assignment(by(&event.envelope, num), from, to));
        }
        Some(Fact::PriorityChanged { from, to, num }) => {
            rank(&mut row, &event.envelope, &to);
            let by = by(&event.envelope, num);
            rows.priorities.push(PriorityRow {
                by,
                from_priority: Some(from),
                to_priority: to,
            });
        }
        Some(Fact::Escalated(escalated)) => escalate(&mut row, &event.envelope, *escalated, rows),
        Some(Fact::Closed) => {
            row.closed_at = Some(event.envelope.event.occurred_at.to_string());
            row.closed_by = Some(event.envelope.event.actor_name.clone());
        }
        Some(Fact::Deleted { inferred }) => {
            row.deleted_at = Some(event.envelope.event.occurred_at.to_string());
            row.deleted_by = Some(event.envelope.event.actor_name.clone());
            row.deleted_inferred = i64::from(inferred);
        }
        None => {}
    }
    row.waiting_on = turn(&row);
    Ok(row)
}

/// A thread of which nothing is known but this event's subject.
fn begun(event: &EventAt) -> Option<ThreadRow> {
    let told = &event.envelope.event;
    let mut parts = told.subject.splitn(3, '/').skip(1);
    Some(ThreadRow {
        id: event.position,
        uid: told.subject_uid.clone(),
        namespace: parts.next()?.to_owned(),
        name: parts.next()?.to_owned(),
        first_seq: i64::MAX,
        ..ThreadRow::default()
    })
}

/// What every event tells: the thread's belongings, that it was there then, and that something changed.
fn seen(row: &mut ThreadRow, event: &EventAt) {
    let told = &event.envelope.event;
    for (known, said) in [
        (&mut row.ticket, &told.ticket),
        (&mut row.run_id, &told.run_id),
        (&mut row.agent_name, &told.agent_name),
    ] {
        if known.is_none() {
            known.clone_from(said);
        }
    }
    if told.subject_seq < row.first_seq {
        row.first_seq = told.subject_seq;
        row.opened_at = told.occurred_at.to_string();
        row.opened_ms = told.occurred_at.as_millis();
    }
    if told.subject_seq > row.last_seq {
        row.last_seq = told.subject_seq;
        row.changed_at = told.occurred_at.to_string();
    }
    row.changed = row.changed.max(event.position);
}

fn open(row: &mut ThreadRow, envelope: &Envelope, opened: Opened, rows: &mut ForumRows) {
    let (told, at) = (&envelope.event, envelope.event.occurred_at.to_string());
    row.title = opened.title;
    row.choices = opened.choices.map(|choices| Value::from(choices).to_string());
    row.continued_from = opened.continued_from;
    row.docs_sync = opened.docs_sync;
    row.opened_by_type = Some(told.actor_type.clone());
    row.opened_by = Some(told.actor_name.clone());
    enter(row, envelope, &opened.state, &at);
    rank(row, envelope, &opened.priority);
    rows.states.push(StateRow {
        by: by(envelope, None),
        from_state: None,
        to_state: opened.state,
        since: at,
    });
    if opened.assignee.is_some() {
        assign(row, envelope, opened.assignee.as_ref());
        rows.assignments
            .push(assignment(by(envelope, None), None, opened.assignee));
    }
}

fn post(row: &mut ThreadRow, event: &EventAt, posted: Posted, rows: &mut ForumRows) {
    let told = &event.envelope.event;
    let (named, via) = posted
        .author
        .map_or((None, None), |author| (Some(author.named), author.via));
    let named = named.unwrap_or_else(|| Named {
        kind: told.actor_type.clone(),
        name: told.actor_name.clone(),
    });
    let at = told.occurred_at.to_string();
    if told.subject_seq > row.last_post_seq {
        row.last_post_seq = told.subject_seq;
        row.last_post_at = Some(at.clone());
        row.last_post_kind = Some(posted.kind.clone());
        row.last_post_by = Some(named.name.clone());
    }
    rows.posts.push(PostRow {
        id: event.position,
        thread_uid: told.subject_uid.clone(),
        seq: told.subject_seq,
        post_id: posted.id,
        kind: posted.kind,
        author_type: named.kind,
        author: named.name,
        attested: i64::from(told.actor_attested),
        via,
        body: posted.body,
        in_reply_to: posted.in_reply_to,
        choice: posted.choice,
        at,
    });
}

fn escalate(row: &mut ThreadRow, envelope: &Envelope, escalated: Escalated, rows: &mut ForumRows) {
    let (told, at) = (&envelope.event, envelope.event.occurred_at.to_string());
    if told.subject_seq > row.escalated_seq {
        row.escalated_seq = told.subject_seq;
        row.escalated_level = escalated.level;
        row.escalated_at = Some(at.clone());
    }
    rows.escalations.push(EscalationRow {
        thread_uid: told.subject_uid.clone(),
        seq: told.subject_seq,
        event_id: told.event_id.to_string(),
        state: escalated.state,
        state_since: escalated.state_since,
        level: escalated.level,
        deadline: escalated.deadline,
        late: i64::from(escalated.late),
        late_by_seconds: escalated.late_by_seconds,
        at,
    });
}

fn enter(row: &mut ThreadRow, envelope: &Envelope, state: &str, since: &str) {
    if envelope.event.subject_seq > row.state_seq {
        row.state_seq = envelope.event.subject_seq;
        row.state = Some(state.to_owned());
        row.state_since = Some(since.to_owned());
    }
}

fn rank(row: &mut ThreadRow, envelope: &Envelope, priority: &str) {
    if envelope.event.subject_seq > row.priority_seq {
        row.priority_seq = envelope.event.subject_seq;
        row.priority = Some(priority.to_owned());
    }
}

fn assign(row: &mut ThreadRow, envelope: &Envelope, to: Option<&Named>) {
    if envelope.event.subject_seq > row.assigned_seq {
        row.assigned_seq = envelope.event.subject_seq;
        row.assignee_type = to.map(|to| to.kind.clone());
        row.assignee = to.map(|to| to.name.clone());
    }
}

fn assignment(by: By, from: Option<Named>, to: Option<Named>) -> AssignmentRow {
    let (from_type, from_name) = from.map(|from| (from.kind, from.name)).unzip();
    let (to_type, to_name) = to.map(|to| (to.kind, to.name)).unzip();
    AssignmentRow {
        by,
        from_type,
        from_name,
        to_type,
        to_name,
    }
}

fn by(envelope: &Envelope, num: Option<i64>) -> By {
    let told = &envelope.event;
    By {
        thread_uid: told.subject_uid.clone(),
        seq: told.subject_seq,
        num,
        actor_type: told.actor_type.clone(),
        actor: told.actor_name.clone(),
        attested: i64::from(told.actor_attested),
        cause: told.causation_id.clone(),
        at: told.occurred_at.to_string(),
    }
}

/// Whose turn it is, as far as the words are known to this version.
fn turn(row: &ThreadRow) -> Option<String> {
    let state: QuestionState = word(row.state.as_ref())?;
    let party = |text: Option<&String>| word::<Participant>(text);
    let turn = question::turn(
        state,
        party(row.assignee_type.as_ref()),
        party(row.opened_by_type.as_ref()),
    );
    Some(turn.as_str().to_owned())
}

fn word<T: for<'de> Deserialize<'de>>(text: Option<&String>) -> Option<T> {
    serde_json::from_value(Value::from(text?.as_str())).ok()
}
