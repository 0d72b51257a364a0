//! Bugs in what is decided about a thread, switched on by tests that must find them. Without the feature `failpoints`
//! nothing is left of them. May not change a decision otherwise.

use std::sync::Arc;
use std::time::Duration;

use super::crd::ForumThreadStatus;
use super::decide::{Effect, decide};
use super::events::POSTED;
use super::observe::Observed;
use crate::failpoint::sabotaged;
use crate::kernel::moment::Moment;
use crate::kernel::plan::Plan;

/// Earlier than any bound of rounding, and no jump of the clock yet.
const EARLY: Duration = Duration::from_secs(30);

/// The decision.
pub fn decided(observed: &Observed, now: Moment) -> Plan<ForumThreadStatus, Effect> {
    if sabotaged("sabotage.forum.escalates_early") {
        return decide(observed, now.plus(EARLY));
    }
    if sabotaged("sabotage.forum.escalates_again") {
        return decide(&with_the_level_forgotten(observed), now);
    }
    let mut plan = decide(observed, now);
    if sabotaged("sabotage.forum.forgets_a_post") {
        plan.transitions.retain(|transition| transition.kind != POSTED);
    }
    plan
}

fn with_the_level_forgotten(observed: &Observed) -> Observed {
    let mut observed = observed.clone();
    let thread = Arc::make_mut(&mut observed.thread);
    if let Some(sla) = thread.status.as_mut().and_then(|status| status.sla.as_mut()) {
        sla.level = 0;
    }
    observed
}
