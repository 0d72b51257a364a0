//! What to do about a Run. Pure: sees only [`Observed`] and `now`.

use std::time::Duration;

use kube::ResourceExt as _;
use serde_json::Value;

use super::admit::admit;
use super::crd::{PrepareState, RunStatus, SeedState, Warning};
use super::deletion::deleting;
use super::events;
use super::first_sight::first_sight;
use super::home::Home;
use super::observe::{Observed, Steps};
use super::room;
use super::summary::{self, Admission};
use super::workspace::{Ground, advance};
use crate::kernel::condition::{self, READY};
use crate::kernel::journal::Transition;
use crate::kernel::moment::Moment;
use crate::kernel::plan::{Next, Plan};
use crate::kernel::request::requested;
use crate::ports::executor::StepName;
use crate::ports::secrets::StepSecrets;

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Takes a place among the active Runs, if it is still this Run's turn.
    Enter,
    /// Makes the ticket's topology if it is not there, and takes the Run's claim on it. `seen`: the version that was
    /// decided on; any other is somebody else's turn.
    Claim {
        ticket: String,
        home: Home,
        docs_path: String,
        seen: Option<String>,
        since: Moment,
    },
    /// Gives the Run's claim back.
    Release { topology: String },
    Start {
        workspace: String,
        step: StepName,
        attempt: i32,
        plan: Value,
        secrets: StepSecrets,
    },
    Forget {
        workspace: String,
        step: StepName,
        attempt: i32,
    },
    /// Ends all running steps but cleanups.
    StopSteps,
    /// Removes what is left of the Run's steps.
    ForgetSteps,
}

/// Left free in the journal for what belongs to the Run as a whole: acceptance, refusal, phase, request, warning.
const RESERVED: usize = 5;

/// The decision.
pub fn decide(observed: &Observed, now: Moment) -> Plan<RunStatus, Effect> {
    let run = observed.run.as_ref();
    if run.metadata.deletion_timestamp.is_some() {
        return deleting(observed, now);
    }
    if let Some(plan) = first_sight(run, now) {
        return plan;
    }
    let mut draft = Draft {
        status: run.status.clone().unwrap_or_default(),
        ..Draft::default()
    };
    let admission = admit(observed, &mut draft, now);
    if let (Admission::Accepted, Some(docs)) = (&admission, draft.status.docs.clone()) {
        answer_request(observed, &mut draft);
        work(
            observed,
            &mut draft,
            &Home {
                repo: docs.home_repo,
                url: docs.home_url,
            },
            now,
        );
    }
    summarise(observed, &mut draft, &admission, now);
    let reason = draft.reason;
    let next = draft.due.map_or(Next::Settled, Next::After);
    Plan {
        effects: draft.effects,
        status: draft.status,
        transitions: draft.transitions,
        release: false,
        next,
        reason,
    }
}

/// A plan in the making.
#[derive(Default)]
pub(super) struct Draft {
    pub status: RunStatus,
    pub effects: Vec<Effect>,
    pub transitions: Vec<Transition>,
    due: Option<Duration>,
    progress: Vec<String>,
    reason: &'static str,
}

impl Draft {
    /// Something is due after this time.
    pub fn due(&mut self, after: Option<Duration>) {
        self.due = [self.due, after].into_iter().flatten().min();
    }
}

/// "Work now": every workspace's documents are looked at again, failures without waiting. A Run that may not start
/// anything keeps the request for later.
fn answer_request(observed: &Observed, draft: &mut Draft) {
    let run = observed.run.as_ref();
    let over_budget = room::over_budget(&draft.status.workspaces, observed.settings.run_disk_budget).is_some();
    let Some(asked) = requested(run.annotations()) else {
        return;
    };
    if draft.status.last_handled_request.as_ref() == Some(&asked) || run.spec.suspend || over_budget {
        return;
    }
    for workspace in &mut draft.status.workspaces {
        workspace.prepare.at = None;
        if workspace.repos.iter().any(|r| r.problem.is_some()) {
            workspace.prepare.state = PrepareState::Pending;
        }
        if workspace.seed.state != SeedState::Skipped {
            workspace.seed.state = SeedState::Pending;
        }
    }
    draft.transitions.push(events::requested(&asked));
    draft.status.last_handled_request = Some(asked);
}

/// Lets every workspace make its next move, as far as the journal has room.
fn work(observed: &Observed, draft: &mut Draft, home: &Home, now: Moment) {
    let (run, nothing) = (observed.run.as_ref(), Steps::default());
    let over_budget = room::over_budget(&draft.status.workspaces, observed.settings.run_disk_budget).is_some();
    let no_room = room::too_little_left(observed.free_bytes, &observed.settings);
    for place in 0..draft.status.workspaces.len() {
        let workspace = &draft.status.workspaces[place];
        let steps = observed.steps.get(&workspace.name).unwrap_or(&nothing);
        let ground = Ground {
            run,
            home,
            steps,
            settings: &observed.settings,
            credentials: &observed.credentials,
            now,
            suspended: run.spec.suspend,
            over_budget,
            no_room: no_room.as_deref(),
        };
        let next = advance(workspace, &ground);
        if draft.transitions.len() + next.transitions.len() + RESERVED > observed.room {
            draft.due(Some(Duration::from_millis(100)));
            break;
        }
        draft.status.workspaces[place] = next.status;
        draft.effects.extend(next.effects);
        draft.transitions.extend(next.transitions);
        draft.due(next.due);
        draft.progress.extend(next.progress);
    }
}

fn summarise(observed: &Observed, draft: &mut Draft, admission: &Admission, now: Moment) {
    let (run, status) = (observed.run.as_ref(), &mut draft.status);
    let warnings = room::warnings(run, &status.workspaces, &observed.settings);
    let news = |w: &&Warning| status.warnings.iter().all(|known| known.code != w.code);
    draft
        .transitions
        .extend(warnings.iter().filter(news).map(events::warned));
    status.warnings = warnings;
    status.forum = Some(observed.forum);
    if let Some(docs) = status.docs.as_mut() {
        summary::freshness(docs, &status.workspaces);
    }
    let verdicts = summary::verdicts(status, admission, run.spec.suspend, &draft.progress);
    let phase = summary::phase(admission, &verdicts);
    let reason = verdicts
        .iter()
        .find(|v| v.kind == READY)
        .map_or("Unknown", |v| v.reason);
    if status.phase != Some(phase) {
        draft
            .transitions
            .push(events::phase_changed(status.phase, phase, reason));
        status.phase = Some(phase);
    }
    draft.reason = reason;
    status.conditions = condition::settle(&status.conditions, verdicts, run.metadata.generation.unwrap_or(0), now);
}
