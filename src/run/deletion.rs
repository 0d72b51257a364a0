//! How a Run ends by deletion: announced, steps stopped, workspaces cleaned up, claims given back, its end recorded,
//! and only then gone. Pure. Never blocks on a workspace that cannot be removed: that one is kept and named.

use std::time::Duration;

use kube::ResourceExt as _;

use super::claiming::holds;
use super::crd::{Phase, Run, RunStatus, WorkspaceStatus};
use super::decide::Effect;
use super::events::{self, DELETED};
use super::observe::Observed;
use super::plans;
use super::serving;
use crate::kernel::condition::{self, READY, RECONCILING, STALLED, Verdict};
use crate::kernel::moment::Moment;
use crate::kernel::plan::{Next, Plan};
use crate::ports::executor::{StepName, StepState};
use crate::ports::secrets::StepSecrets;
use crate::ports::workspaces::CleanupOutcome;

/// How long a failing cleanup may hold a deletion up: longer than a restart, shorter than people wait.
const CLEANUP_PATIENCE: Duration = Duration::from_secs(120);
/// Between two tries.
const CLEANUP_PAUSE: Duration = Duration::from_secs(2);

/// The one word for all of it.
const DELETING: &str = "Deleting";

/// What a workspace's cleanup came to.
enum Cleaned {
    NotStarted,
    Running,
    /// It failed for a reason that may pass: the same again.
    Again,
    Removed,
    Kept(String),
}

/// Where the end of a Run stands.
enum Stage {
    /// Nobody was told yet.
    Announce,
    /// Docs servers and endpoints go before what they serve.
    Retire(Vec<Effect>),
    Clean(Vec<Effect>),
    GiveBack(Vec<Effect>),
    Record(Vec<String>),
    LetGo,
}

/// The next move of a Run that is being deleted.
pub fn deleting(observed: &Observed, now: Moment) -> Plan<RunStatus, Effect> {
    let run = observed.run.as_ref();
    let mut status = run.status.clone().unwrap_or_default();
    let soon = Next::After(Duration::from_secs(1));
    let (mut effects, mut transitions, mut next, mut release) = (vec![], vec![], Next::Settled, false);
    let message = match stage(observed, now) {
        Stage::Announce => {
            transitions.push(events::phase_changed(status.phase, Phase::Stopping, DELETING));
            status.phase = Some(Phase::Stopping);
            "stopping the Run's steps"
        }
        Stage::Retire(moves) => {
            (effects, next) = (moves, soon);
            "ending the docs servers"
        }
        Stage::Clean(moves) => {
            (effects, next) = (moves, soon);
            "removing the workspaces"
        }
        Stage::GiveBack(moves) => {
            (effects, next) = (moves, soon);
            "giving back the claims"
        }
        Stage::Record(kept) => {
            transitions.push(events::deleted(&kept, false));
            "recording the end"
        }
        Stage::LetGo => {
            effects.push(Effect::ForgetSteps);
            release = true;
            "recording the end"
        }
    };
    status.conditions = conditions(run, &status, message, now);
    Plan {
        effects,
        status,
        transitions,
        release,
        next,
        reason: DELETING,
    }
}

fn stage(observed: &Observed, now: Moment) -> Stage {
    let run = observed.run.as_ref();
    let status = run.status.as_ref();
    if status.and_then(|s| s.journal.last()).is_some_and(|e| e.kind == DELETED) {
        return Stage::LetGo;
    }
    if status.and_then(|s| s.phase) != Some(Phase::Stopping) {
        return Stage::Announce;
    }
    let serving = serving::retire(&observed.served);
    if !serving.is_empty() {
        return Stage::Retire(serving);
    }
    let cleaned: Vec<_> = status_workspaces(run)
        .iter()
        .map(|w| (w, cleaned(observed, w, now)))
        .collect();
    if !cleaned
        .iter()
        .all(|(_, c)| matches!(c, Cleaned::Removed | Cleaned::Kept(_)))
    {
        let mut moves: Vec<_> = cleaned.iter().flat_map(|(w, c)| clean(observed, w, c)).collect();
        if !moves.is_empty() {
            moves.insert(0, Effect::StopSteps);
        }
        return Stage::Clean(moves);
    }
    let claims = releases(observed);
    if !claims.is_empty() {
        return Stage::GiveBack(claims);
    }
    Stage::Record(cleaned.iter().filter_map(|(w, c)| kept(w, c)).collect())
}

fn status_workspaces(run: &Run) -> &[WorkspaceStatus] {
    run.status.as_ref().map(|s| s.workspaces.as_slice()).unwrap_or_default()
}

fn cleaned(observed: &Observed, workspace: &WorkspaceStatus, now: Moment) -> Cleaned {
    match observed.steps.get(&workspace.name).and_then(|s| s.cleanup.as_ref()) {
        None | Some(StepState::NotStarted) => Cleaned::NotStarted,
        Some(StepState::Running { .. }) => Cleaned::Running,
        Some(StepState::Failed { error, at }) if error.retriable && still_patient(observed, now) => {
            match CLEANUP_PAUSE.saturating_sub(now.since(*at)) {
                Duration::ZERO => Cleaned::Again,
                _ => Cleaned::Running,
            }
        }
        Some(StepState::Failed { error, .. }) => Cleaned::Kept(format!("{}: {}", workspace.path, error.message)),
        Some(StepState::Succeeded { outcome, .. }) => match serde_json::from_value::<CleanupOutcome>(outcome.clone()) {
            Ok(CleanupOutcome {
                set_aside: Some(path),
                why,
            }) => Cleaned::Kept(format!("{} ({})", path.display(), why.unwrap_or_default())),
            Ok(CleanupOutcome { set_aside: None, .. }) => Cleaned::Removed,
            Err(error) => Cleaned::Kept(format!("{}: {error}", workspace.path)),
        },
    }
}

/// For so long a cleanup that fails is tried again; then the workspace is left where it is, and named.
fn still_patient(observed: &Observed, now: Moment) -> bool {
    let since = observed
        .run
        .metadata
        .deletion_timestamp
        .as_ref()
        .map(|t| Moment::new(t.0));
    since.is_some_and(|since| now.since(since) < CLEANUP_PATIENCE)
}

fn kept(workspace: &WorkspaceStatus, cleaned: &Cleaned) -> Option<String> {
    match cleaned {
        Cleaned::Kept(what) => Some(format!("{}: {what}", workspace.ticket)),
        Cleaned::NotStarted | Cleaned::Running | Cleaned::Again | Cleaned::Removed => None,
    }
}

fn clean(observed: &Observed, workspace: &WorkspaceStatus, cleaned: &Cleaned) -> Vec<Effect> {
    let (name, step) = (workspace.name.clone(), StepName::Cleanup);
    let plan = serde_json::to_value(plans::cleanup(&observed.run, workspace, &observed.settings)).unwrap_or_default();
    let start = Effect::Start {
        workspace: name.clone(),
        step,
        attempt: 1,
        plan,
        secrets: StepSecrets::default(),
    };
    match cleaned {
        Cleaned::NotStarted => vec![start],
        Cleaned::Again => vec![
            Effect::Forget {
                workspace: name,
                step,
                attempt: 1,
            },
            start,
        ],
        Cleaned::Running | Cleaned::Removed | Cleaned::Kept(_) => vec![],
    }
}

fn releases(observed: &Observed) -> Vec<Effect> {
    let held = observed.topologies.values().filter(|t| holds(&observed.run, t));
    held.map(|t| Effect::Release { topology: t.name_any() }).collect()
}

fn conditions(
    run: &Run,
    status: &RunStatus,
    message: &str,
    now: Moment,
) -> Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition> {
    let mut out = vec![
        Verdict::new(READY, false, DELETING, message),
        Verdict::new(RECONCILING, true, DELETING, message),
        Verdict::new(STALLED, false, "NotStalled", ""),
    ];
    out.extend(
        [
            super::summary::TOPOLOGY_ACCEPTED,
            super::summary::WORKSPACES_READY,
            super::summary::DOCS_SEEDED,
            super::serving::DOCS_SERVED,
        ]
        .map(|kind| Verdict::new(kind, false, DELETING, "")),
    );
    condition::settle(&status.conditions, out, run.metadata.generation.unwrap_or(0), now)
}
