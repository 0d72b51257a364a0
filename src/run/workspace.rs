//! What to do next about one workspace: clones, then documents, then looking at it now and then. Pure.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::RunSettings;
use super::crd::{DocSeedMode, PrepareState, Run, SeedState, WorkspaceRepo, WorkspaceStatus};
use super::credentials::{Credentials, secrets_of};
use super::decide::Effect;
use super::home::Home;
use super::observe::Steps;
use super::room::{DISK_FULL, whole_mib};
use super::{events, plans, retry};
use crate::kernel::journal::{Transition, cut};
use crate::kernel::moment::Moment;
use crate::ports::executor::{StepError, StepName, StepState};
use crate::ports::secrets::StepSecrets;
use crate::ports::workspaces::{InspectOutcome, PrepareOutcome, SeedOutcome};

/// What everything about one workspace is decided on.
pub struct Ground<'a> {
    pub run: &'a Run,
    pub home: &'a Home,
    pub steps: &'a Steps,
    pub settings: &'a RunSettings,
    pub credentials: &'a Credentials,
    pub now: Moment,
    /// Start nothing new.
    pub suspended: bool,
    /// The Run holds more than its budget: start nothing but looking.
    pub over_budget: bool,
    /// Why nothing may be cloned now.
    pub no_room: Option<&'a str>,
}

/// The next move of one workspace.
#[derive(Clone, Debug, PartialEq)]
pub struct Advance {
    pub status: WorkspaceStatus,
    pub effects: Vec<Effect>,
    pub transitions: Vec<Transition>,
    /// Something is due after this time.
    pub due: Option<Duration>,
    /// What a long step says about itself.
    pub progress: Option<String>,
}

/// How often a running step's own words are looked at: often enough for people, seldom enough for the API server.
const PROGRESS: Duration = Duration::from_secs(10);

/// How often a full disk is looked at again.
const ROOM: Duration = Duration::from_secs(15);

/// What a seed says that had nothing to do.
const KEPT: &str = "nothing new since the last seed; what was changed in the workspace is left as it is";

/// The longest message of a step that is kept.
const MESSAGE: usize = 1024;

/// Decides the next move.
pub fn advance(workspace: &WorkspaceStatus, ground: &Ground<'_>) -> Advance {
    let mut next = Advance {
        status: workspace.clone(),
        effects: vec![],
        transitions: vec![],
        due: None,
        progress: None,
    };
    match (workspace.prepare.state, workspace.seed.state) {
        (PrepareState::Pending | PrepareState::Failed, _) => prepare(&mut next, ground),
        (PrepareState::Ready, SeedState::Pending | SeedState::Failed) => {
            seed(&mut next, ground);
            if ground.over_budget && ground.steps.seed == Some(StepState::NotStarted) {
                inspect(&mut next, ground);
            }
        }
        (PrepareState::Ready, SeedState::Synced | SeedState::Skipped) => inspect(&mut next, ground),
    }
    next
}

/// What became of a step that was looked at.
enum Seen<T> {
    Nothing,
    Start,
    Done(T),
    Failed(StepError),
}

/// Reads a step; an outcome that cannot be read counts as a failure, for it would stay unreadable.
fn read<T: DeserializeOwned>(state: Option<&StepState>, next: &mut Advance) -> Seen<T> {
    match state {
        None => Seen::Nothing,
        Some(StepState::NotStarted) => Seen::Start,
        Some(StepState::Running { progress, .. }) => {
            next.progress.clone_from(progress);
            next.due = Some(PROGRESS);
            Seen::Nothing
        }
        Some(StepState::Succeeded { outcome, .. }) => match serde_json::from_value(outcome.clone()) {
            Ok(outcome) => Seen::Done(outcome),
            Err(error) => Seen::Failed(StepError {
                reason: "OutcomeUnreadable".to_owned(),
                message: format!("the step's outcome cannot be read: {error}"),
                retriable: true,
            }),
        },
        Some(StepState::Failed { error, .. }) => Seen::Failed(error.clone()),
    }
}

/// An attempt that may be started.
struct Attempt {
    step: StepName,
    number: i32,
    plan: Option<Value>,
    secrets: StepSecrets,
}

/// Whether its time has come; else says when.
fn is_due(next: &mut Advance, ground: &Ground<'_>, wait: Duration) -> bool {
    if !ground.suspended && wait > Duration::ZERO {
        next.due = Some(wait);
    }
    !ground.suspended && wait == Duration::ZERO
}

/// Whether work that adds to the workspaces has come due, and may begin.
fn may_grow(next: &mut Advance, ground: &Ground<'_>, wait: Duration) -> bool {
    !ground.over_budget && is_due(next, ground, wait)
}

fn start(next: &mut Advance, attempt: Attempt) {
    if let Some(plan) = attempt.plan {
        next.effects.push(Effect::Start {
            workspace: next.status.name.clone(),
            step: attempt.step,
            attempt: attempt.number,
            plan,
            secrets: attempt.secrets,
        });
    }
}

fn prepare(next: &mut Advance, ground: &Ground<'_>) {
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
            match secrets_of(ground.credentials, &ground.run.spec.repos) {
                Ok(secrets) => start(
                    next,
                    Attempt {
                        step: StepName::Prepare,
                        number: attempt,
                        plan: serde_json::to_value(plan).ok(),
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

fn seed(next: &mut Advance, ground: &Ground<'_>) {
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
            match secrets_of(ground.credentials, home) {
                Ok(secrets) => start(
                    next,
                    Attempt {
                        step: StepName::Seed,
                        number: attempt,
                        plan: plan.and_then(|p| serde_json::to_value(p).ok()),
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

/// Looks at the clones once per interval. What it sees is shown, and nothing but a change writes.
fn inspect(next: &mut Advance, ground: &Ground<'_>) {
    let ended = match ground.steps.inspect.as_ref() {
        Some(StepState::Succeeded { at, .. } | StepState::Failed { at, .. }) => Some(*at),
        Some(StepState::NotStarted | StepState::Running { .. }) | None => None,
    };
    match read::<InspectOutcome>(ground.steps.inspect.as_ref(), next) {
        Seen::Nothing => return,
        Seen::Start => {
            let plan = serde_json::to_value(plans::inspect(&next.status, ground.settings)).ok();
            if is_due(next, ground, Duration::ZERO) {
                let (step, secrets) = (StepName::Inspect, StepSecrets::default());
                start(
                    next,
                    Attempt {
                        step,
                        number: 1,
                        plan,
                        secrets,
                    },
                );
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
    let age = ended.map_or(Duration::ZERO, |at| ground.now.since(at));
    let left = ground.settings.inspect_interval.saturating_sub(age);
    next.due = Some(left);
    if left == Duration::ZERO && !ground.suspended {
        let workspace = next.status.name.clone();
        next.effects.push(Effect::Forget {
            workspace,
            step: StepName::Inspect,
            attempt: 1,
        });
        next.due = Some(Duration::from_millis(100));
    }
}
