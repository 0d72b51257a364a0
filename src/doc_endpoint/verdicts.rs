//! What an endpoint's conditions say: down, stale and mis-wired are told apart. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::crd::{DocEndpointStatus, RefreshState};
use super::observe::Observed;
use crate::federation::freshness::Freshness;
use crate::federation::known::Facts;
use crate::federation::target::Problem;
use crate::kernel::condition::{self, READY, RECONCILING, STALLED, SUSPENDED, Tri, Verdict};
use crate::kernel::moment::Moment;

/// The server answers as it should.
pub const REACHABLE: &str = "Reachable";
/// Its index is younger than `spec.staleAfter`.
pub const FRESH: &str = "Fresh";

const PENDING: &str = "NotAskedYet";
/// The Run that owns the endpoint is gone.
pub const RUN_GONE: &str = "RunGone";

/// The conditions, and the reason word of all.
pub fn conditions(
    status: &DocEndpointStatus,
    observed: &Observed,
    fresh: Freshness,
    now: Moment,
) -> (Vec<Condition>, &'static str) {
    let endpoint = observed.endpoint.as_ref();
    let generation = endpoint.metadata.generation.unwrap_or(0);
    let known = &observed.known;
    let suspended = Verdict::new(
        SUSPENDED,
        endpoint.spec.suspend,
        word(endpoint.spec.suspend, "Suspended", "NotSuspended"),
        "",
    );
    let kept = !status.conditions.is_empty() && (!known.asked || endpoint.spec.suspend);
    if kept {
        // Nothing newer is known: what the conditions say stays, but for what follows from the clock and the spec.
        let mut conditions = status.conditions.clone();
        let fresh = known
            .trouble
            .is_none()
            .then(|| freshness(status, fresh, &endpoint.spec.stale_after));
        let still = fresh.filter(|f| f.value == Tri::False && condition::is_true(&conditions, FRESH));
        for verdict in still.into_iter().chain([suspended]) {
            let settled = condition::settle(&conditions, vec![verdict], generation, now);
            conditions.retain(|c| settled.iter().all(|s| s.type_ != c.type_));
            conditions.extend(settled);
        }
        let reason = if endpoint.spec.suspend { "Suspended" } else { PENDING };
        return (conditions, reason);
    }
    let verdicts = match (&known.trouble, &known.facts) {
        (Some((problem, _)), _) => failing(problem, status, fresh, &endpoint.spec.stale_after),
        (None, Some(facts)) => answering(facts, status, fresh, &endpoint.spec.stale_after),
        (None, None) => unknown(endpoint.spec.suspend),
    };
    let reason = verdicts[0].reason;
    let all = verdicts.into_iter().chain([suspended]).collect();
    (condition::settle(&status.conditions, all, generation, now), reason)
}

fn word(yes: bool, one: &'static str, other: &'static str) -> &'static str {
    if yes { one } else { other }
}

fn unknown(suspended: bool) -> Vec<Verdict> {
    let message = "the server was not asked yet";
    let mut verdicts = [READY, REACHABLE, FRESH]
        .map(|kind| Verdict::new(kind, Tri::Unknown, PENDING, message))
        .to_vec();
    verdicts.insert(1, Verdict::new(RECONCILING, !suspended, PENDING, message));
    verdicts.insert(2, Verdict::new(STALLED, false, "NotStalled", ""));
    verdicts
}

fn failing(problem: &Problem, status: &DocEndpointStatus, fresh: Freshness, stale_after: &str) -> Vec<Verdict> {
    let (code, message) = (problem.code, problem.message.as_str());
    let stuck = problem.needs_somebody;
    vec![
        Verdict::new(READY, false, code, message),
        Verdict::new(
            RECONCILING,
            !stuck,
            word(stuck, "Waiting", "AskingAgain"),
            word(stuck, "", "asked again by itself, less and less often"),
        ),
        Verdict::new(
            STALLED,
            stuck,
            word(stuck, code, "NotStalled"),
            if stuck { message } else { "" },
        ),
        Verdict::new(REACHABLE, false, code, message),
        freshness(status, fresh, stale_after),
    ]
}

fn answering(facts: &Facts, status: &DocEndpointStatus, fresh: Freshness, stale_after: &str) -> Vec<Verdict> {
    let refreshing = status
        .refresh
        .as_ref()
        .is_some_and(|r| r.state == RefreshState::Running);
    vec![
        Verdict::new(READY, true, "Answering", oddities(facts)),
        Verdict::new(RECONCILING, refreshing, word(refreshing, "Refreshing", "Settled"), ""),
        Verdict::new(STALLED, false, "NotStalled", ""),
        Verdict::new(REACHABLE, true, "Answering", ""),
        freshness(status, fresh, stale_after),
    ]
}

/// What somebody should know of a list although the rest of it is good.
fn oddities(facts: &Facts) -> String {
    let mut said = vec![format!("{} tickets in {} documents", facts.tickets, facts.docs_indexed)];
    if !facts.twice.is_empty() {
        said.push(format!(
            "tickets with several front pages are left out of the merge until one is left: {}",
            facts.twice.join(", ")
        ));
    }
    if let Some(first) = &facts.first_refused {
        said.push(format!(
            "{} rows could not be used, the first is {first}",
            facts.refused
        ));
    }
    said.join("; ")
}

fn freshness(status: &DocEndpointStatus, fresh: Freshness, stale_after: &str) -> Verdict {
    let at = status.indexed_at.map(|at| at.to_string()).unwrap_or_default();
    match fresh {
        Freshness::Fresh { .. } => Verdict::new(FRESH, true, "IndexYoung", format!("the index is of {at}")),
        Freshness::Old => Verdict::new(
            FRESH,
            false,
            "IndexOld",
            format!(
                "the index is of {at}, older than {stale_after}: annotate with metawsm.dev/requestedAt=<any new value> to refresh it"
            ),
        ),
        Freshness::Unreachable => Verdict::new(
            FRESH,
            false,
            "Unreachable",
            format!("the last good answer is kept; its index is of {at}"),
        ),
        Freshness::Unknown => Verdict::new(
            FRESH,
            Tri::Unknown,
            "IndexAgeUnknown",
            "the server does not say when its index was built",
        ),
    }
}

/// The conditions of an endpoint that goes.
pub fn deleting(status: &DocEndpointStatus, generation: i64, now: Moment) -> Vec<Condition> {
    leaving(status, "Deleting", "the endpoint goes", generation, now)
}

/// The conditions of an endpoint whose Run is gone.
pub fn orphaned(status: &DocEndpointStatus, generation: i64, now: Moment) -> Vec<Condition> {
    leaving(
        status,
        RUN_GONE,
        "its Run is gone, and the endpoint goes with it",
        generation,
        now,
    )
}

fn leaving(
    status: &DocEndpointStatus,
    reason: &'static str,
    message: &str,
    generation: i64,
    now: Moment,
) -> Vec<Condition> {
    let verdicts = vec![
        Verdict::new(READY, false, reason, message),
        Verdict::new(RECONCILING, true, reason, message),
        Verdict::new(STALLED, false, "NotStalled", ""),
    ];
    condition::settle(&status.conditions, verdicts, generation, now)
}
