//! What to do next about one workspace: clones, then documents, then looking at it now and then. Pure.

mod inspect;
mod prepare;
mod seed;

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::inspect::inspect;
use self::prepare::prepare;
use self::seed::seed;
use super::RunSettings;
use super::crd::{PrepareState, Run, SeedState, WorkspaceStatus};
use super::credentials::Credentials;
use super::decide::Effect;
use super::home::Home;
use super::observe::Steps;
use crate::kernel::journal::Transition;
use crate::kernel::moment::Moment;
use crate::ports::executor::{StepError, StepName, StepState};
use crate::ports::secrets::StepSecrets;

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
    plan: Value,
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
    next.effects.push(Effect::Start {
        workspace: next.status.name.clone(),
        step: attempt.step,
        attempt: attempt.number,
        plan: attempt.plan,
        secrets: attempt.secrets,
    });
}

/// A plan as its step reads it. A path that is no text cannot be told to a step.
fn written(plan: &impl Serialize) -> Result<Value, StepError> {
    serde_json::to_value(plan)
        .map_err(|error| StepError::lasting("PlanUnwritable", format!("failed to write the step's plan: {error}")))
}
