//! What to do about a topology. Pure: sees only [`Observed`] and `now`.

use std::time::Duration;

use kube::ResourceExt as _;

use super::authority::{Judgement, Question, judge};
use super::crd::{Authority, Claim, MADE_BY, MADE_BY_RUN, TicketTopology, TicketTopologyStatus};
use super::events::{self, DELETED, OWNER_CHANGED};
use super::observe::Observed;
use super::ownership::owner;
use super::sources::home_of;
use super::verdicts::{self, deleting_conditions};
use crate::federation::freshness::Freshness;
use crate::kernel::condition::{self, READY, Verdict};
use crate::kernel::journal::Transition;
use crate::kernel::moment::Moment;
use crate::kernel::plan::{Next, Plan};
use crate::kernel::request::requested;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Takes away the claim of a Run that is gone.
    ReleaseAbandoned { run_uid: String },
    /// Passes a request for a refresh on to an endpoint.
    RequestRefresh { endpoint: String, request: String },
    /// Deletes the topology, if it is still as it was seen.
    Delete,
}

const LAST_CLAIM_GONE: &str = "LastClaimGone";

/// A topology that a Run made and never claimed (it crashed in between) goes after so long.
const UNCLAIMED: Duration = Duration::from_mins(1);

/// The decision.
pub fn decide(observed: &Observed, now: Moment) -> Plan<TicketTopologyStatus, Effect> {
    let topology = observed.topology.as_ref();
    let claims = living_claims(observed);
    let mut effects: Vec<_> = observed
        .abandoned
        .iter()
        .map(|c| Effect::ReleaseAbandoned {
            run_uid: c.run_uid.clone(),
        })
        .collect();
    if topology.metadata.deletion_timestamp.is_some() {
        return deleting(topology, &claims, effects, now);
    }
    let (mut status, transitions, fresh) = described(observed, &claims, now);
    effects.extend(passed_on(observed));
    let leaving = leaves_after(topology, &claims, now);
    let mut after = None;
    let mut ready = Verdict::new(READY, true, "Recorded", ready_message(&claims));
    match leaving {
        Some(Duration::ZERO) => {
            let announced = condition::find(&status.conditions, READY).is_some_and(|c| c.reason == LAST_CLAIM_GONE);
            if announced && transitions.is_empty() && effects.is_empty() {
                effects.push(Effect::Delete);
            }
            ready = Verdict::new(
                READY,
                false,
                LAST_CLAIM_GONE,
                "no Run works on this ticket any more; the topology goes",
            );
        }
        waits => after = waits,
    }
    let reason = ready.reason;
    status.conditions = verdicts::conditions(&status, ready, fresh, topology, now);
    Plan {
        effects,
        status,
        transitions,
        release: false,
        next: next(fresh, after),
        reason,
    }
}

/// Looked at again when an index becomes too old, or when a topology that nobody claims has to go.
fn next(fresh: Option<Freshness>, after: Option<Duration>) -> Next {
    let stale = match fresh {
        Some(Freshness::Fresh { left }) => Some(left + Duration::from_millis(100)),
        Some(Freshness::Old | Freshness::Unreachable | Freshness::Unknown) | None => None,
    };
    stale.into_iter().chain(after).min().map_or(Next::Settled, Next::After)
}

/// A request for a refresh is passed on to every endpoint that has or should have the ticket.
fn passed_on(observed: &Observed) -> Vec<Effect> {
    let status = observed.topology.status.as_ref();
    let answered = status.and_then(|s| s.last_handled_request.as_ref());
    let Some(request) = requested(observed.topology.annotations()).filter(|r| answered != Some(r)) else {
        return Vec::new();
    };
    let endpoints = observed.sources.requests.iter();
    let behind = endpoints.filter(|(_, asked)| asked.as_ref() != Some(&request));
    behind
        .map(|(endpoint, _)| Effect::RequestRefresh {
            endpoint: endpoint.clone(),
            request: request.clone(),
        })
        .collect()
}

fn living_claims(observed: &Observed) -> Vec<Claim> {
    let claims = observed
        .topology
        .status
        .as_ref()
        .map(|s| s.claims.clone())
        .unwrap_or_default();
    claims.into_iter().filter(|c| !observed.abandoned.contains(c)).collect()
}

/// The status without its conditions; the freshness is `None` while nothing can be said that is newer than what stands.
fn described(
    observed: &Observed,
    claims: &[Claim],
    now: Moment,
) -> (TicketTopologyStatus, Vec<Transition>, Option<Freshness>) {
    let topology = observed.topology.as_ref();
    let mut status = topology.status.clone().unwrap_or_default();
    let ticket = &topology.spec.ticket;
    let mut transitions = Vec::new();
    let active: Vec<_> = claims
        .iter()
        .filter(|c| !observed.ending.contains(&c.run_uid))
        .cloned()
        .collect();
    let rules = owner(&active);
    if status.owner != rules {
        transitions.push(events::owner_changed(ticket, status.owner.as_ref(), rules.as_ref()));
    }
    // Until every endpoint that might have the ticket was heard, what stands is the best that is known.
    let holds = observed.sources.unheard && status.authority.is_some();
    let fresh = (!holds).then(|| {
        let judgement = judged(observed, &active, rules.as_ref().map(|o| o.run_uid.as_str()), now);
        let fresh = judgement.freshness;
        merged(&mut status, judgement, ticket, &mut transitions);
        fresh
    });
    status.owner = rules;
    status.runs = i64::try_from(claims.len()).unwrap_or(i64::MAX);
    status.last_handled_request = requested(topology.annotations()).or(status.last_handled_request);
    (status, transitions, fresh)
}

fn judged(observed: &Observed, active: &[Claim], owner: Option<&str>, now: Moment) -> Judgement {
    let topology = observed.topology.as_ref();
    let home = home_of(topology);
    let question = Question {
        ticket: &topology.spec.ticket,
        home: home.as_deref(),
        home_repo: &topology.spec.doc_home_repo,
        owner,
        active: &active.iter().map(|c| c.run_uid.clone()).collect(),
        recorded: topology.status.as_ref().and_then(|s| s.record.as_ref()),
    };
    judge(&question, &observed.sources.candidates, now)
}

fn merged(status: &mut TicketTopologyStatus, judgement: Judgement, ticket: &str, transitions: &mut Vec<Transition>) {
    let place = |a: &Authority| (a.kind, a.endpoint.clone(), a.web_url.clone());
    if status.authority.as_ref().map(place) != Some(place(&judgement.authority)) {
        let moved = events::authority_changed(ticket, status.authority.as_ref(), &judgement.authority);
        transitions.push(moved);
    }
    let known: Vec<_> = status.warnings.iter().map(|w| w.code.clone()).collect();
    let new = judgement.warnings.iter().filter(|w| !known.contains(&w.code));
    transitions.extend(new.map(|w| events::several_workspaces(ticket, &w.message)));
    status.authority = Some(judgement.authority);
    status.record = judgement.record;
    status.alternates = judgement.alternates;
    status.copies = judgement.copies;
    status.warnings = judgement.warnings;
}

/// After how long an unclaimed topology that Runs made has to go; `None`: it stays.
fn leaves_after(topology: &TicketTopology, claims: &[Claim], now: Moment) -> Option<Duration> {
    let made_by_run = topology.labels().get(MADE_BY).is_some_and(|v| v == MADE_BY_RUN);
    if !made_by_run || !claims.is_empty() {
        return None;
    }
    let journal = topology
        .status
        .as_ref()
        .map(|s| s.journal.as_slice())
        .unwrap_or_default();
    if journal.iter().any(|e| e.kind == OWNER_CHANGED) {
        return Some(Duration::ZERO);
    }
    let born = topology.creation_timestamp().map_or(now, |t| Moment::new(t.0));
    Some(UNCLAIMED.saturating_sub(now.since(born)))
}

fn ready_message(claims: &[Claim]) -> String {
    match claims.len() {
        0 => "no Run works on this ticket".to_owned(),
        1 => format!("Run {} works on this ticket", claims[0].run_name),
        n => format!("{n} Runs work on this ticket: {}", names(claims)),
    }
}

fn names(claims: &[Claim]) -> String {
    let mut names: Vec<_> = claims.iter().map(|c| c.run_name.as_str()).collect();
    names.sort_unstable();
    names.join(", ")
}

/// It goes once no claim stands on it any more, and only after its end was recorded.
fn deleting(
    topology: &TicketTopology,
    claims: &[Claim],
    effects: Vec<Effect>,
    now: Moment,
) -> Plan<TicketTopologyStatus, Effect> {
    let mut status = topology.status.clone().unwrap_or_default();
    let recorded = status.journal.last().is_some_and(|e| e.kind == DELETED);
    let (reason, message) = match (claims.is_empty(), recorded) {
        (false, _) => (
            "InUse",
            format!(
                "deletion waits for the Runs that work on this ticket: {}",
                names(claims)
            ),
        ),
        (true, _) => ("Deleting", "no Run works on this ticket; the topology goes".to_owned()),
    };
    let going = claims.is_empty();
    let transitions = if going && !recorded {
        vec![events::deleted(Some(&topology.spec.ticket), false)]
    } else {
        vec![]
    };
    status.runs = i64::try_from(claims.len()).unwrap_or(i64::MAX);
    let ready = Verdict::new(READY, false, reason, message);
    status.conditions = deleting_conditions(&status, ready, topology, now);
    Plan {
        effects,
        status,
        transitions,
        release: going && recorded,
        next: Next::Settled,
        reason,
    }
}
