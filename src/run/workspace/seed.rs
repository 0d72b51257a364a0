//! When a workspace gets its ticket's documents, and what is kept of how that went. Pure.

use std::time::Duration;

use super::{Advance, Attempt, Ground, MESSAGE, Seen, may_grow, read, start, written};
use crate::kernel::journal::cut;
use crate::kernel::moment::Moment;
use crate::ports::executor::{StepError, StepName};
use crate::ports::workspaces::SeedOutcome;
use crate::run::crd::SeedState;
use crate::run::credentials::secrets_of;
use crate::run::{events, plans, retry};

/// What a seed says that had nothing to do.
const KEPT: &str = "nothing new since the last seed; what was changed in the workspace is left as it is";

/// The next move while the documents are not there.
pub(super) fn seed(next: &mut Advance, ground: &Ground<'_>) {
    let now = ground.now;
    match read::<SeedOutcome>(ground.steps.seed.as_ref(), next) {
        Seen::Nothing => {}
        Seen::Start => {
            let s = &next.status.seed;
            let (attempt, wait) = (s.attempts + 1, retry::wait(s.attempts, s.stalled, s.at, now));
            let due = if s.state == SeedState::Pending {
                Duration::ZERO
            } else {
                wait
            };
            if !may_grow(next, ground, due) {
                return;
            }
            let plan = plans::seed(
                ground.run,
                ground.home,
                &next.status,
                ground.settings,
                ground.credentials,
            );
            let home = ground.run.spec.repos.iter().filter(|r| r.name == ground.home.repo);
            let secrets = secrets_of(ground.credentials, home);
            let plan = plan.ok_or_else(|| no_home(ground)).and_then(|plan| written(&plan));
            match secrets.and_then(|secrets| Ok((secrets, plan?))) {
                Ok((secrets, plan)) => start(
                    next,
                    Attempt {
                        step: StepName::Seed,
                        number: attempt,
                        plan,
                        secrets,
                    },
                ),
                Err(refusal) => seed_failed(next, &refusal, now),
            }
        }
        Seen::Done(outcome) => {
            let s = &mut next.status.seed;
            (s.state, s.stalled, s.reason) = (SeedState::Synced, false, None);
            s.message = outcome.kept.then(|| KEPT.to_owned());
            (s.attempts, s.at, s.synced_at) = (s.attempts + 1, Some(now), Some(now));
            (s.files, s.bytes) = (Some(outcome.files), Some(outcome.bytes));
            (s.revision, s.source_commit) = (Some(outcome.revision.clone()), outcome.source_commit.clone());
            s.commit = outcome.commit.clone().or(s.commit.take());
            next.transitions.push(events::seeded(&next.status, &outcome));
        }
        Seen::Failed(error) => seed_failed(next, &error, now),
    }
}

/// There is nowhere to put the documents: the workspace was prepared without the repository that is their home.
fn no_home(ground: &Ground<'_>) -> StepError {
    let message = format!(
        "the workspace has no clone of the repository \"{}\", which holds the documents",
        ground.home.repo
    );
    StepError::lasting("HomeNotCloned", message)
}

fn seed_failed(next: &mut Advance, error: &StepError, now: Moment) {
    let s = &mut next.status.seed;
    let news = s.reason.as_deref() != Some(&error.reason);
    (s.state, s.stalled) = (SeedState::Failed, !error.retriable);
    (s.reason, s.message) = (Some(cut(&error.reason, 63)), Some(cut(&error.message, MESSAGE)));
    (s.attempts, s.at) = (s.attempts + 1, Some(now));
    next.due = Some(retry::wait(s.attempts, s.stalled, s.at, now));
    if news {
        next.transitions.push(events::seed_failed(&next.status));
    }
}
