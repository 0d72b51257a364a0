//! What a thread's conditions and its columns say, from what was recorded. Pure.

use super::crd::ThreadState;
use super::draft::Draft;
use super::observe::Observed;
use crate::kernel::condition::{self, READY, RECONCILING, STALLED, Tri, Verdict};
use crate::kernel::moment::Moment;
use crate::kernel::question;

/// Whether the question is answered in time, so far.
pub const WITHIN_SLA: &str = "WithinSLA";
/// Whether the decision has reached the ticket's documents.
pub const DOCS_SYNCED: &str = "DocsSynced";

/// Brings everything up to date that only repeats what is known.
pub fn describe(draft: &mut Draft<'_>, observed: &Observed, now: Moment) {
    let thread = observed.thread.as_ref();
    let asked_by = draft.asked_by();
    let status = &mut draft.status;
    let state = status.state.unwrap_or(thread.spec.state);
    let assignee = status.assigned_to.as_ref();
    status.waiting_on = Some(question::turn(state, assignee.map(|a| a.kind), asked_by));
    status.assignee = assignee.map(|a| shown_name(&a.name));
    if let Some(sla) = status.sla.as_mut() {
        sla.due = sla.deadline.map(shown_time);
    }
    let deleting = thread.metadata.deletion_timestamp.is_some();
    let ready = if deleting {
        Verdict::new(READY, false, "Deleting", "recording the end")
    } else {
        Verdict::new(READY, true, "Recorded", "everything said and changed is recorded")
    };
    draft.reason = ready.reason;
    let verdicts = vec![
        ready,
        Verdict::new(
            RECONCILING,
            deleting,
            if deleting { "Deleting" } else { "NotReconciling" },
            "",
        ),
        Verdict::new(STALLED, false, "NotStalled", ""),
        within_sla(draft, state),
        docs_synced(state),
    ];
    let generation = thread.metadata.generation.unwrap_or(0);
    draft.status.conditions = condition::settle(&draft.status.conditions, verdicts, generation, now);
}

/// How much of a name a column shows. With these 16 characters, and a deadline without year and seconds, a table has room
/// for 43 characters of name and ticket in its 120.
const SHOWN_NAME: usize = 16;

fn shown_name(name: &str) -> String {
    let last = name.rsplit(':').next().unwrap_or_default();
    if last.chars().count() <= SHOWN_NAME {
        return last.to_owned();
    }
    let beginning: String = last.chars().take(SHOWN_NAME - 1).collect();
    format!("{beginning}…")
}

fn shown_time(at: Moment) -> String {
    let text = at.to_string();
    // 2026-11-21T08:00:00Z
    text.get(5..16)
        .map_or_else(|| text.clone(), |minute| format!("{minute}Z"))
}

fn within_sla(draft: &Draft<'_>, state: ThreadState) -> Verdict {
    let sla = draft.status.sla.as_ref();
    let breached = sla.is_some_and(|s| s.breached);
    if let Some(hold) = draft.held {
        let message = format!(
            "the controller's clock jumped by {} s; escalations that are due wait a minute, in case it is set right",
            hold.by_seconds
        );
        return Verdict::new(WITHIN_SLA, !breached, "ClockJumped", message);
    }
    let deadline = sla.and_then(|s| s.deadline);
    let next = deadline.map_or_else(
        || "nothing more falls due".to_owned(),
        |d| format!("the next level falls due at {d}"),
    );
    match (breached, deadline) {
        (true, _) => {
            let level = sla.map_or(0, |s| s.level);
            Verdict::new(
                WITHIN_SLA,
                false,
                "Escalated",
                format!("level {level} was escalated; {next}"),
            )
        }
        (false, Some(_)) => Verdict::new(WITHIN_SLA, true, "InTime", next),
        (false, None) => Verdict::new(WITHIN_SLA, true, "NoDeadline", format!("no clock runs in {state:?}")),
    }
}

fn docs_synced(state: ThreadState) -> Verdict {
    let (reason, message) = match state {
        ThreadState::Answered | ThreadState::Closed => (
            "NotWritten",
            "this version does not write decisions into a ticket's documents",
        ),
        ThreadState::New | ThreadState::Triaged | ThreadState::WaitingOperator | ThreadState::WaitingHuman => {
            ("NothingDecided", "there is no decision to write down yet")
        }
    };
    Verdict::new(DOCS_SYNCED, Tri::Unknown, reason, message)
}
