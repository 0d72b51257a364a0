//! Escalates what is due on a thread whose history is recorded. Pure.
//!
//! A state that was left before anybody looked is not escalated any more: an escalation asks somebody to answer, and
//! somebody has.

use super::clock_guard::{HOLD, Hold, JUMP};
use super::crd::Escalation as Escalated;
use super::draft::Draft;
use super::events;
use super::observe::Observed;
use super::sla::Entry;
use super::snapshot;
use crate::kernel::moment::{Moment, in_words};

/// How many escalations a status shows (design, 2.4).
const SHOWN: usize = 8;

/// Puts what is due into the draft, as far as there is room; the hold, where something is due and has to wait.
pub fn escalate(draft: &mut Draft<'_>, observed: &Observed, now: Moment) -> Option<Hold> {
    let (state, since) = draft.status.state.zip(draft.status.state_since)?;
    let mut sla = draft.status.sla.clone()?;
    let ladder = snapshot::ladder(&sla.policy);
    let entry = |level: i64| Entry {
        since,
        ladder: &ladder,
        fired: u32::try_from(level).unwrap_or(u32::MAX),
    };
    let due = entry(sla.level).due(now);
    if due.is_empty() {
        return None;
    }
    if let Some(hold) = observed.hold.or_else(|| moved_meanwhile(observed, now)) {
        return Some(hold);
    }
    // Where nothing fits, one is taken all the same: the driver says that the journal is full.
    for escalation in due.iter().take(draft.room().max(1)) {
        sla.level = i64::from(escalation.level);
        sla.escalation_count += 1;
        sla.breached = true;
        sla.late_by = escalation.late().then(|| in_words(escalation.late_by));
        sla.escalations.push(Escalated {
            level: sla.level,
            at: draft.at(),
            event_id: draft.next_event(),
        });
        draft.transitions.push(events::escalated(state, since, escalation));
    }
    let surplus = sla.escalations.len().saturating_sub(SHOWN);
    sla.escalations.drain(..surplus);
    sla.deadline = entry(sla.level).deadline();
    draft.status.sla = Some(sla);
    None
}

/// The clock moved between the look at it and the decision.
fn moved_meanwhile(observed: &Observed, now: Moment) -> Option<Hold> {
    let by = now.as_millis() - observed.looked_at.as_millis();
    let jumped = u128::from(by.unsigned_abs()) > JUMP.as_millis();
    jumped.then_some(Hold {
        left: HOLD,
        by_seconds: by / 1000,
    })
}
