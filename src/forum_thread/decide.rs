//! What to do about a thread. Pure: sees only [`Observed`] and `now`. Everything happens in the status: a thread has no
//! effects on the outside world but its events.

use std::time::Duration;

use kube::ResourceExt as _;

use super::crd::{ForumThreadStatus, ThreadState};
use super::draft::Draft;
use super::events::{self, DELETED};
use super::history::unrecorded;
use super::observe::Observed;
use super::running;
use super::summary;
use crate::kernel::moment::Moment;
use crate::kernel::plan::{Next, Plan};
use crate::kernel::request::requested;

/// Nothing beyond the status is ever to be done.
pub type Effect = std::convert::Infallible;

/// A thread whose clock runs is looked at so often, whatever its deadline: a timer does not notice that the wall clock
/// was set ahead.
const LOOK_AGAIN: Duration = Duration::from_mins(10);

/// The decision.
pub fn decide(observed: &Observed, now: Moment) -> Plan<ForumThreadStatus, Effect> {
    let thread = observed.thread.as_ref();
    let mut draft = Draft::new(observed, now);
    let facts = unrecorded(thread);
    let recorded = draft.record(&facts);
    let deleting = thread.metadata.deletion_timestamp.is_some();
    let mut release = false;
    let mut next = Next::Settled;
    if recorded == facts.len() {
        draft.status.change_count = i64::try_from(thread.spec.changes.len()).unwrap_or(i64::MAX);
        if deleting {
            release = thread
                .status
                .as_ref()
                .and_then(|s| s.journal.last())
                .is_some_and(|e| e.kind == DELETED);
            if !release {
                let run = thread.spec.run_ref.as_ref().map(|r| r.name.as_str());
                let gone = events::deleted(
                    &word(draft.status.state),
                    &thread.spec.ticket.clone().into(),
                    &run.into(),
                    false,
                );
                draft.transitions.push(gone);
            }
        } else {
            draft.held = running::escalate(&mut draft, observed, now);
            next = next_look(&draft, now);
        }
    } else {
        next = Next::After(Duration::from_millis(100));
    }
    let asked = requested(thread.annotations());
    draft.status.last_handled_request = asked.or(draft.status.last_handled_request);
    summary::describe(&mut draft, observed, now);
    let reason = draft.reason;
    Plan {
        effects: vec![],
        status: draft.status,
        transitions: draft.transitions,
        release,
        next,
        reason,
    }
}

fn word(state: Option<ThreadState>) -> serde_json::Value {
    serde_json::to_value(state).unwrap_or_default()
}

/// When something falls due; a clock that is held is looked at when the hold ends.
fn next_look(draft: &Draft<'_>, now: Moment) -> Next {
    if let Some(hold) = draft.held {
        return Next::After(hold.left + Duration::from_millis(10));
    }
    let deadline = draft.status.sla.as_ref().and_then(|sla| sla.deadline);
    deadline.map_or(Next::Settled, |deadline| {
        Next::After(deadline.since(now).min(LOOK_AGAIN))
    })
}
