//! When the clones of a workspace are made, tried again or held back for want of room. Pure.

use std::time::Duration;

use super::{Advance, Attempt, Ground, MESSAGE, Seen, may_grow, read, start, written};
use crate::kernel::journal::cut;
use crate::kernel::moment::Moment;
use crate::ports::executor::{StepError, StepName};
use crate::ports::workspaces::PrepareOutcome;
use crate::run::crd::{DocSeedMode, PrepareState, SeedState, WorkspaceRepo};
use crate::run::credentials::secrets_of;
use crate::run::room::DISK_FULL;
use crate::run::{events, plans, retry};

/// How often a full disk is looked at again.
const ROOM: Duration = Duration::from_secs(15);

/// The next move while there are no clones.
pub(super) fn prepare(next: &mut Advance, ground: &Ground<'_>) {
    let now = ground.now;
    match read::<PrepareOutcome>(ground.steps.prepare.as_ref(), next) {
        Seen::Nothing => {}
        Seen::Start => {
            let p = &next.status.prepare;
            let (attempt, wait) = (p.attempts + 1, retry::wait(p.attempts, p.stalled, p.at, now));
            if wait == Duration::ZERO && !room_to_prepare(next, ground) {
                return;
            }
            if !may_grow(next, ground, wait) {
                return;
            }
            let plan = plans::prepare(ground.run, &next.status, ground.settings, ground.credentials);
            let secrets = secrets_of(ground.credentials, &ground.run.spec.repos);
            match secrets.and_then(|secrets| Ok((secrets, written(&plan)?))) {
                Ok((secrets, plan)) => start(
                    next,
                    Attempt {
                        step: StepName::Prepare,
                        number: attempt,
                        plan,
                        secrets,
                    },
                ),
                Err(refusal) => prepare_failed(next, &refusal, now),
            }
        }
        Seen::Done(outcome) => {
            let repos = outcome.repos.into_iter().map(|r| WorkspaceRepo {
                name: r.name,
                head_commit: Some(r.base_commit.clone()),
                base_commit: r.base_commit,
                dirty: false,
                problem: None,
            });
            next.status.repos = repos.collect();
            let p = &mut next.status.prepare;
            (p.state, p.stalled, p.reason, p.message) = (PrepareState::Ready, false, None, None);
            (p.attempts, p.at) = (p.attempts + 1, Some(now));
            if ground.run.spec.doc_seed_mode == DocSeedMode::None {
                next.status.seed.state = SeedState::Skipped;
            }
            next.transitions.push(events::prepared(&next.status));
        }
        Seen::Failed(error) => prepare_failed(next, &error, now),
    }
}

fn prepare_failed(next: &mut Advance, error: &StepError, now: Moment) {
    let p = &mut next.status.prepare;
    let news = p.reason.as_deref() != Some(&error.reason);
    (p.state, p.stalled) = (PrepareState::Failed, !error.retriable);
    (p.reason, p.message) = (Some(cut(&error.reason, 63)), Some(cut(&error.message, MESSAGE)));
    (p.attempts, p.at) = (p.attempts + 1, Some(now));
    next.due = Some(retry::wait(p.attempts, p.stalled, p.at, now));
    if news {
        next.transitions.push(events::prepare_failed(&next.status));
    }
}

/// Whether there is room for clones; what the workspace says about it is brought up to date.
fn room_to_prepare(next: &mut Advance, ground: &Ground<'_>) -> bool {
    let p = &mut next.status.prepare;
    let told = p.reason.as_deref() == Some(DISK_FULL);
    let Some(why) = ground.no_room.filter(|_| !ground.suspended) else {
        if told && p.state == PrepareState::Pending {
            (p.reason, p.message) = (None, None);
        }
        return true;
    };
    (p.stalled, p.reason, p.message) = (false, Some(DISK_FULL.to_owned()), Some(cut(why, MESSAGE)));
    next.due = Some(ROOM);
    if !told {
        next.transitions.push(events::prepare_failed(&next.status));
    }
    false
}
