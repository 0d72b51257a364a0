//! What to do about a Run. Pure: sees only [`Observed`] and `now`.

use std::time::Duration;

use kube::ResourceExt as _;
use serde_json::Value;

use super::claiming::{Claiming, claiming};
use super::crd::{DocSeedFrom, DocsStatus, PrepareState, Run, RunStatus, SeedState};
use super::deletion::deleting;
use super::events;
use super::home::{Home, Refusal};
use super::observe::{Observed, Steps};
use super::plans::new_workspace;
use super::summary::{self, Admission};
use super::workspace::{Ground, advance};
use crate::kernel::condition::{self, READY};
use crate::kernel::journal::Transition;
use crate::kernel::moment::Moment;
use crate::kernel::plan::{Next, Plan};
use crate::kernel::repo_url::{self, RepoLocation};
use crate::kernel::request::requested;
use crate::kernel::ticket::topology_name;
use crate::ports::executor::StepName;

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
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

/// Left free in the journal for what belongs to the Run as a whole: acceptance, refusal, phase, request.
const RESERVED: usize = 4;

/// The decision.
pub fn decide(observed: &Observed, now: Moment) -> Plan<RunStatus, Effect> {
    let run = observed.run.as_ref();
    if run.metadata.deletion_timestamp.is_some() {
        return deleting(observed, now);
    }
    let mut draft = Draft {
        status: run.status.clone().unwrap_or_default(),
        ..Draft::default()
    };
    let admission = admit(observed, &mut draft, now);
    if let (Admission::Accepted, Some(docs)) = (&admission, draft.status.docs.clone()) {
        answer_request(run, &mut draft);
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
    summarise(run, &mut draft, &admission, now);
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
struct Draft {
    status: RunStatus,
    effects: Vec<Effect>,
    transitions: Vec<Transition>,
    due: Option<Duration>,
    progress: Vec<String>,
    reason: &'static str,
}

impl Draft {
    fn due(&mut self, after: Option<Duration>) {
        self.due = [self.due, after].into_iter().flatten().min();
    }
}

/// May the Run work? Settings first, then the claims; acceptance pins the home and names the workspaces.
fn admit(observed: &Observed, draft: &mut Draft, now: Moment) -> Admission {
    let run = observed.run.as_ref();
    let verdict = match check_settings(observed) {
        Err(refusal) => Claiming::Refused {
            refusal,
            release: vec![],
        },
        Ok(()) => claiming(run, &observed.topologies),
    };
    match verdict {
        Claiming::Held(home) => {
            if let Err(refusal) = check_source(observed, &home) {
                return refuse(draft, refusal);
            }
            if draft.status.docs.is_none() {
                accept(observed, draft, &home);
            }
            Admission::Accepted
        }
        Claiming::Take(home, tickets) => {
            if let Err(refusal) = check_source(observed, &home) {
                return refuse(draft, refusal);
            }
            if run.spec.suspend {
                let message = format!("suspended before {} was claimed", tickets.join(", "));
                return Admission::Waiting {
                    reason: "Suspended",
                    message,
                };
            }
            let message = format!("claiming {}", tickets.join(", "));
            draft
                .effects
                .extend(tickets.into_iter().map(|ticket| claim(observed, &home, ticket, now)));
            draft.due(Some(Duration::from_secs(2)));
            Admission::Waiting {
                reason: "Claiming",
                message,
            }
        }
        Claiming::Wait {
            reason,
            message,
            release,
        } => {
            draft.effects.extend(release.iter().map(|t| Effect::Release {
                topology: topology_name(t),
            }));
            Admission::Waiting { reason, message }
        }
        Claiming::Refused { refusal, release } => {
            draft.effects.extend(release.iter().map(|t| Effect::Release {
                topology: topology_name(t),
            }));
            refuse(draft, refusal)
        }
    }
}

fn refuse(draft: &mut Draft, refusal: Refusal) -> Admission {
    let before = condition::find(&draft.status.conditions, summary::TOPOLOGY_ACCEPTED);
    if before.is_none_or(|c| c.reason != refusal.reason || c.status != "False") {
        draft.transitions.push(events::refused(&refusal));
    }
    Admission::Refused {
        reason: refusal.reason,
        message: refusal.message,
    }
}

fn accept(observed: &Observed, draft: &mut Draft, home: &Home) {
    let run = observed.run.as_ref();
    draft.transitions.push(events::accepted(home, &run.spec.tickets));
    let workspaces = run
        .spec
        .tickets
        .iter()
        .map(|t| new_workspace(run, t, &observed.settings));
    draft.status.workspaces = workspaces.collect();
    draft.status.docs = Some(DocsStatus {
        home_repo: home.repo.clone(),
        home_url: home.url.clone(),
        authority_mode: run.spec.doc_authority_mode,
        seed_mode: run.spec.doc_seed_mode,
        seed_summary: String::new(),
        freshness_revision: None,
        freshness_at: None,
    });
}

fn claim(observed: &Observed, home: &Home, ticket: String, now: Moment) -> Effect {
    let seen = observed
        .topologies
        .get(&topology_name(&ticket))
        .and_then(|t| t.resource_version());
    Effect::Claim {
        ticket,
        home: home.clone(),
        docs_path: observed.run.spec.docs_path.clone(),
        seen,
        since: now,
    }
}

/// Every repository's URL must be one that the settings allow.
fn check_settings(observed: &Observed) -> Result<(), Refusal> {
    let rules = &observed.settings.rules;
    for repo in &observed.run.spec.repos {
        repo_url::check(&repo.url, &rules.allowed_hosts, &rules.local_roots).map_err(|refusal| Refusal {
            reason: refusal.reason,
            message: format!("spec.repos '{}': {}", repo.name, refusal.message),
            ticket: String::new(),
        })?;
    }
    Ok(())
}

/// A working tree can be copied only from a repository on the controller's own disk.
fn check_source(observed: &Observed, home: &Home) -> Result<(), Refusal> {
    let (run, rules) = (observed.run.as_ref(), &observed.settings.rules);
    let repo = run.spec.repos.iter().find(|r| r.name == home.repo);
    let local = repo.is_some_and(|r| {
        matches!(
            repo_url::check(&r.url, &rules.allowed_hosts, &rules.local_roots),
            Ok(RepoLocation::Local { .. })
        )
    });
    if run.spec.doc_seed_from == DocSeedFrom::Commit || local {
        return Ok(());
    }
    Err(Refusal {
        reason: "WorkingTreeNotLocal",
        message: format!(
            "docSeedFrom: WorkingTree needs a local-path home, but '{}' is {}; use docSeedFrom: Commit",
            home.repo, home.url
        ),
        ticket: String::new(),
    })
}

/// "Work now": every workspace's documents are looked at again, failures without waiting.
fn answer_request(run: &Run, draft: &mut Draft) {
    let Some(asked) = requested(run.annotations()) else {
        return;
    };
    if draft.status.last_handled_request.as_ref() == Some(&asked) || run.spec.suspend {
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
    for place in 0..draft.status.workspaces.len() {
        let workspace = &draft.status.workspaces[place];
        let steps = observed.steps.get(&workspace.name).unwrap_or(&nothing);
        let ground = Ground {
            run,
            home,
            steps,
            settings: &observed.settings,
            now,
            suspended: run.spec.suspend,
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

fn summarise(run: &Run, draft: &mut Draft, admission: &Admission, now: Moment) {
    let status = &mut draft.status;
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
