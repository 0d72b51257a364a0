//! What to do about an endpoint. Pure: sees only [`Observed`] and `now`.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::ResourceExt as _;

use super::aim::aim;
use super::crd::{DocEndpointStatus, EndpointError};
use super::events::{self, DELETED};
use super::observe::Observed;
use super::refresh;
use super::verdicts::{self, FRESH, REACHABLE};
use crate::federation::freshness::{Freshness, freshness};
use crate::federation::known::latency_words;
use crate::federation::target::Target;
use crate::kernel::condition::{self, READY};
use crate::kernel::journal::{Transition, cut};
use crate::kernel::moment::Moment;
use crate::kernel::plan::{Next, Plan};

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Asks that server from now on.
    Ask(Box<Target>),
    /// Begins the refresh that the status announced at that moment.
    Refresh { announced: Moment },
    /// Asks it no more, and forgets what it said.
    Forget,
    /// Deletes the object: its Run is gone.
    Delete,
}

impl Observed {
    /// The endpoint's annotations.
    pub fn endpoint_annotations(&self) -> &BTreeMap<String, String> {
        self.endpoint.annotations()
    }
}

/// The decision.
pub fn decide(observed: &Observed, now: Moment) -> Plan<DocEndpointStatus, Effect> {
    let endpoint = observed.endpoint.as_ref();
    if endpoint.metadata.deletion_timestamp.is_some() {
        return deleting(observed, now);
    }
    if observed.orphaned {
        return orphaned(observed, now);
    }
    let target = aim(observed);
    let mut status = endpoint.status.clone().unwrap_or_default();
    let before = status.clone();
    described(&mut status, observed, &target);
    let step = refresh::step(&mut status, observed, now);
    let fresh = freshness(
        status.indexed_at,
        observed.known.trouble.is_none(),
        target.stale_after,
        now,
    );
    let transitions = transitions(&before, &status, observed, fresh, step.announced.as_deref());
    let (conditions, reason) = verdicts::conditions(&status, observed, fresh, now);
    status.conditions = conditions;
    let mut effects = Vec::new();
    if observed.asked.as_ref() != Some(&target) {
        effects.push(Effect::Ask(Box::new(target)));
    }
    effects.extend(step.begin.map(|announced| Effect::Refresh { announced }));
    Plan {
        effects,
        status,
        transitions,
        release: false,
        next: next(fresh, step.after),
        reason,
    }
}

/// What is known, put into the status. What was known before stays where nothing newer is.
fn described(status: &mut DocEndpointStatus, observed: &Observed, target: &Target) {
    let known = &observed.known;
    status.web_url.clone_from(&target.web_url);
    if !known.asked {
        return;
    }
    if let Some(facts) = &known.facts {
        status.indexed_at = facts.indexed_at;
        status.docs_indexed = Some(facts.docs_indexed);
        status.tickets = Some(facts.tickets);
        status.root = Some(cut(&facts.root, 4096));
        status.latency = known.latency.map(latency_words);
        status.url = known.url.as_deref().map(|url| cut(url, 2048));
    }
    if observed.endpoint.spec.suspend {
        return;
    }
    status.reachable = known.reachable();
    status.consecutive_failures = known.failures;
    status.last_error = known.trouble.as_ref().map(|(problem, since)| EndpointError {
        code: problem.code.to_owned(),
        message: cut(&problem.message, 1024),
        at: *since,
    });
}

fn transitions(
    before: &DocEndpointStatus,
    after: &DocEndpointStatus,
    observed: &Observed,
    fresh: Freshness,
    announced: Option<&str>,
) -> Vec<Transition> {
    let (spec, known) = (&observed.endpoint.spec, &observed.known);
    let was = |kind: &str| condition::find(&before.conditions, kind).map(|c| c.status.as_str());
    let mut told = Vec::new();
    if known.asked && !spec.suspend {
        match (&known.trouble, &known.facts) {
            (Some((problem, _)), _) if was(REACHABLE) != Some("False") => told.push(events::down(spec, problem)),
            (None, Some(facts)) if was(REACHABLE) != Some("True") => {
                told.push(events::up(spec, after.url.as_deref(), facts));
            }
            (None, Some(facts)) if facts.indexed_at > before.indexed_at => {
                told.extend(before.indexed_at.map(|from| events::refreshed(spec, from, facts)));
            }
            (Some(_) | None, _) => {}
        }
    }
    if fresh == Freshness::Old && was(FRESH) == Some("True") {
        told.push(events::stale(spec, after.indexed_at));
    }
    let request = after.refresh.as_ref().and_then(|r| r.request.as_deref());
    told.extend(announced.map(|cause| events::refreshing(spec, cause, request)));
    told
}

fn next(fresh: Freshness, after: Option<Duration>) -> Next {
    let stale = match fresh {
        Freshness::Fresh { left } => Some(left),
        Freshness::Old | Freshness::Unreachable | Freshness::Unknown => None,
    };
    match stale.into_iter().chain(after).min() {
        // A moment later, so that it really is so by then.
        Some(after) => Next::After(after + Duration::from_millis(100)),
        None => Next::Settled,
    }
}

/// It goes as its Run did, once that is announced.
fn orphaned(observed: &Observed, now: Moment) -> Plan<DocEndpointStatus, Effect> {
    let endpoint = observed.endpoint.as_ref();
    let mut status = endpoint.status.clone().unwrap_or_default();
    let announced = condition::find(&status.conditions, READY).is_some_and(|c| c.reason == verdicts::RUN_GONE);
    status.conditions = verdicts::orphaned(&status, endpoint.metadata.generation.unwrap_or(0), now);
    Plan {
        effects: if announced { vec![Effect::Delete] } else { vec![] },
        status,
        transitions: vec![],
        release: false,
        next: Next::Settled,
        reason: verdicts::RUN_GONE,
    }
}

/// It is asked no more, and goes once that is recorded.
fn deleting(observed: &Observed, now: Moment) -> Plan<DocEndpointStatus, Effect> {
    let endpoint = observed.endpoint.as_ref();
    let mut status = endpoint.status.clone().unwrap_or_default();
    let recorded = status.journal.last().is_some_and(|e| e.kind == DELETED);
    let transitions = if recorded {
        vec![]
    } else {
        vec![events::deleted(Some(endpoint), false)]
    };
    status.conditions = verdicts::deleting(&status, endpoint.metadata.generation.unwrap_or(0), now);
    Plan {
        effects: if observed.asked.is_some() {
            vec![Effect::Forget]
        } else {
            vec![]
        },
        status,
        transitions,
        release: recorded,
        next: Next::Settled,
        reason: "Deleting",
    }
}
