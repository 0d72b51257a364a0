//! What a Run says before anything was looked at or made: nothing is known yet. Written first, so that nobody takes
//! silence for success, and so that every Run's story begins alike, whatever crashes. Pure.

use super::crd::{Phase, Run, RunStatus};
use super::decide::Effect;
use super::events;
use super::serving::DOCS_SERVED;
use super::summary::{DOCS_SEEDED, TOPOLOGY_ACCEPTED, WORKSPACES_READY};
use crate::kernel::condition::{self, READY, RECONCILING, STALLED, Tri, Verdict};
use crate::kernel::moment::Moment;
use crate::kernel::plan::{Next, Plan};

const PENDING: &str = "Pending";

/// The plan for a Run that nobody has looked at; `None` for any other.
pub fn first_sight(run: &Run, now: Moment) -> Option<Plan<RunStatus, Effect>> {
    let mut status = run.status.clone().unwrap_or_default();
    if !status.conditions.is_empty() {
        return None;
    }
    let unknown = [READY, TOPOLOGY_ACCEPTED, WORKSPACES_READY, DOCS_SEEDED, DOCS_SERVED]
        .map(|kind| Verdict::new(kind, Tri::Unknown, PENDING, "not looked at yet"));
    let mut verdicts = vec![
        Verdict::new(RECONCILING, !run.spec.suspend, PENDING, "not looked at yet"),
        Verdict::new(STALLED, false, "NotStalled", ""),
    ];
    verdicts.splice(0..0, unknown);
    let mut transitions = vec![];
    if status.phase != Some(Phase::Pending) {
        transitions.push(events::phase_changed(status.phase, Phase::Pending, PENDING));
        status.phase = Some(Phase::Pending);
    }
    status.conditions = condition::settle(&[], verdicts, run.metadata.generation.unwrap_or(0), now);
    Some(Plan {
        effects: vec![],
        status,
        transitions,
        release: false,
        next: Next::Settled,
        reason: PENDING,
    })
}
