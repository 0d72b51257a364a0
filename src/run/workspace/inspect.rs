//! When the clones are looked at again, and what of it is shown. Pure.

use std::time::Duration;

use super::{Advance, Attempt, Ground, MESSAGE, Seen, is_due, read, start, written};
use crate::kernel::journal::cut;
use crate::ports::executor::{StepName, StepState};
use crate::ports::secrets::StepSecrets;
use crate::ports::workspaces::InspectOutcome;
use crate::run::decide::Effect;
use crate::run::plans;
use crate::run::room::whole_mib;

/// Looks at the clones once per interval. What it sees is shown, and nothing but a change writes.
pub(super) fn inspect(next: &mut Advance, ground: &Ground<'_>) {
    let ended = match ground.steps.inspect.as_ref() {
        Some(StepState::Succeeded { at, .. } | StepState::Failed { at, .. }) => Some(*at),
        Some(StepState::NotStarted | StepState::Running { .. }) | None => None,
    };
    match read::<InspectOutcome>(ground.steps.inspect.as_ref(), next) {
        Seen::Nothing => return,
        Seen::Start => {
            if !is_due(next, ground, Duration::ZERO) {
                return;
            }
            let (step, secrets) = (StepName::Inspect, StepSecrets::default());
            match written(&plans::inspect(&next.status, ground.settings)) {
                Ok(plan) => start(
                    next,
                    Attempt {
                        step,
                        number: 1,
                        plan,
                        secrets,
                    },
                ),
                Err(error) => next.progress = Some(error.message),
            }
            return;
        }
        Seen::Done(outcome) => {
            next.status.bytes = outcome.bytes.map(whole_mib).or(next.status.bytes);
            for seen in outcome.repos {
                if let Some(repo) = next.status.repos.iter_mut().find(|r| r.name == seen.name) {
                    (repo.head_commit, repo.dirty) = (seen.head_commit, seen.dirty);
                    repo.problem = seen.problem.map(|p| cut(&p, MESSAGE));
                }
            }
        }
        // The look failed, which says nothing about the clones: what was seen last stands.
        Seen::Failed(_) => {}
    }
    if ground.suspended {
        // Nothing new is started, and what ends that wakes it.
        return;
    }
    let age = ended.map_or(Duration::ZERO, |at| ground.now.since(at));
    let left = ground.settings.inspect_interval.saturating_sub(age);
    next.due = Some(left);
    if left == Duration::ZERO {
        let workspace = next.status.name.clone();
        next.effects.push(Effect::Forget {
            workspace,
            step: StepName::Inspect,
            attempt: 1,
        });
        next.due = Some(Duration::from_millis(100));
    }
}
