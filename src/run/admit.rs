//! Whether a Run may work: the settings first, then its turn among the active Runs, then the claims; acceptance pins
//! the home and names the workspaces. Pure; drafts a plan and performs nothing.

use std::time::Duration;

use kube::ResourceExt as _;

use super::claiming::{Claiming, claiming, holds};
use super::crd::{DocSeedFrom, DocsStatus};
use super::decide::{Draft, Effect};
use super::events;
use super::home::{Home, Refusal};
use super::observe::Observed;
use super::plans::new_workspace;
use super::queue::{self, CLAIMING, QUEUED, Turn};
use super::summary::{self, Admission};
use crate::kernel::condition;
use crate::kernel::moment::Moment;
use crate::kernel::repo_url::{self, RepoLocation};
use crate::kernel::ticket::topology_name;

/// May the Run work? Settings first, then the claims; acceptance pins the home and names the workspaces.
pub(super) fn admit(observed: &Observed, draft: &mut Draft, now: Moment) -> Admission {
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
                if let Some(waiting) = line_up(observed, draft) {
                    return waiting;
                }
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
            if let Some(waiting) = line_up(observed, draft) {
                return waiting;
            }
            let message = format!("claiming {}", tickets.join(", "));
            draft
                .effects
                .extend(tickets.into_iter().map(|ticket| claim(observed, &home, ticket, now)));
            draft.due(Some(Duration::from_secs(2)));
            Admission::Waiting {
                reason: CLAIMING,
                message,
            }
        }
        Claiming::Wait {
            reason,
            message,
            release,
        } => {
            give_back(draft, &release);
            Admission::Waiting { reason, message }
        }
        Claiming::Refused { refusal, release } => {
            give_back(draft, &release);
            refuse(draft, refusal)
        }
    }
}

fn give_back(draft: &mut Draft, tickets: &[String]) {
    draft.effects.extend(tickets.iter().map(|t| Effect::Release {
        topology: topology_name(t),
    }));
}

/// Lets a Run in that was not accepted yet, or has it wait for its turn without a claim on anything.
fn line_up(observed: &Observed, draft: &mut Draft) -> Option<Admission> {
    let (run, line) = (observed.run.as_ref(), &observed.line);
    if draft.status.docs.is_some() {
        return None;
    }
    let (position, of, active) = match line.turn(&run.uid().unwrap_or_default()) {
        Turn::Go if line.most == 0 => return None,
        Turn::Go => {
            draft.effects.push(Effect::Enter);
            return None;
        }
        Turn::Wait { position, of, active } => (position, of, active),
    };
    let held = observed.topologies.values().filter(|t| holds(run, t));
    draft
        .effects
        .extend(held.map(|t| Effect::Release { topology: t.name_any() }));
    let before = condition::find(&draft.status.conditions, summary::TOPOLOGY_ACCEPTED).filter(|c| c.reason == QUEUED);
    Some(Admission::Waiting {
        reason: QUEUED,
        message: queue::message((position, of, active), line.most, before.map(|c| c.message.as_str())),
    })
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
