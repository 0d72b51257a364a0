//! What to do about a topology. Pure: sees only [`Observed`] and `now`.

use std::time::Duration;

use kube::ResourceExt as _;

use super::authority::authority;
use super::crd::{Claim, TicketTopology, TicketTopologyStatus};
use super::events::{self, DELETED};
use super::lifetime::{Lifetime, lifetime};
use super::observe::Observed;
use super::ownership::owner;
use crate::kernel::condition::{self, READY, RECONCILING, STALLED, Tri, Verdict};
use crate::kernel::journal::Transition;
use crate::kernel::moment::Moment;
use crate::kernel::plan::{Next, Plan};
use crate::kernel::request::requested;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Takes away the claim of a Run that is gone.
    ReleaseAbandoned { run_uid: String },
    /// Deletes the topology, if it is still as it was seen.
    Delete,
}

/// Whether the documents' authority is known.
const AUTHORITY_KNOWN: &str = "AuthorityKnown";
const LAST_CLAIM_GONE: &str = "LastClaimGone";

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
    let (mut status, transitions) = described(topology, &claims);
    let lifetime = lifetime(topology, &claims, now);
    let mut next = Next::Settled;
    let mut ready = Verdict::new(READY, true, "Recorded", ready_message(&claims, lifetime));
    match lifetime {
        Lifetime::Going(Duration::ZERO) => {
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
        Lifetime::Going(after) => next = Next::After(after),
        Lifetime::Claimed | Lifetime::ByHand | Lifetime::Canonical => {}
    }
    let reason = ready.reason;
    status.conditions = conditions(&status, ready, topology, now);
    Plan {
        effects,
        status,
        transitions,
        release: false,
        next,
        reason,
    }
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

fn described(topology: &TicketTopology, claims: &[Claim]) -> (TicketTopologyStatus, Vec<Transition>) {
    let mut status = topology.status.clone().unwrap_or_default();
    let ticket = &topology.spec.ticket;
    let mut transitions = Vec::new();
    let (is, rules) = (authority(), owner(claims));
    if status.authority.as_ref() != Some(&is) {
        transitions.push(events::authority_changed(ticket, status.authority.as_ref(), &is));
    }
    if status.owner != rules {
        transitions.push(events::owner_changed(ticket, status.owner.as_ref(), rules.as_ref()));
    }
    status.authority = Some(is);
    status.owner = rules;
    status.runs = i64::try_from(claims.len()).unwrap_or(i64::MAX);
    status.last_handled_request = requested(topology.annotations()).or(status.last_handled_request);
    (status, transitions)
}

fn ready_message(claims: &[Claim], lifetime: Lifetime) -> String {
    match claims.len() {
        0 if lifetime == Lifetime::Canonical => {
            "no Run works on this ticket; its documents are canonical, so the topology stays".to_owned()
        }
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

fn conditions(
    status: &TicketTopologyStatus,
    ready: Verdict,
    topology: &TicketTopology,
    now: Moment,
) -> Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition> {
    let busy = ready.value != Tri::True;
    let known = status
        .authority
        .as_ref()
        .is_some_and(|a| a.kind != super::crd::AuthorityKind::None);
    let verdicts = vec![
        Verdict::new(RECONCILING, busy, ready.reason, ready.message.clone()),
        Verdict::new(STALLED, false, "NotStalled", ""),
        Verdict::new(
            AUTHORITY_KNOWN,
            known,
            super::authority::NO_ENDPOINT,
            "nothing serves this ticket's documents yet",
        ),
    ];
    let verdicts = std::iter::once(ready).chain(verdicts).collect();
    condition::settle(
        &status.conditions,
        verdicts,
        topology.metadata.generation.unwrap_or(0),
        now,
    )
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
    status.conditions = conditions(&status, ready, topology, now);
    Plan {
        effects,
        status,
        transitions,
        release: going && recorded,
        next: Next::Settled,
        reason,
    }
}
