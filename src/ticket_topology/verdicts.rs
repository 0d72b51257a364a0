//! What a topology's conditions say. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::crd::{AuthorityKind, TicketTopology, TicketTopologyStatus};
use crate::federation::freshness::Freshness;
use crate::kernel::condition::{self, RECONCILING, STALLED, Tri, Verdict};
use crate::kernel::moment::Moment;

/// Whether the documents' authority is known.
const AUTHORITY_KNOWN: &str = "AuthorityKnown";
/// Whether what is recorded of the ticket is fresh.
const FRESH: &str = "Fresh";

/// The conditions. Without a freshness what was said of the documents stays.
pub fn conditions(
    status: &TicketTopologyStatus,
    ready: Verdict,
    fresh: Option<Freshness>,
    topology: &TicketTopology,
    now: Moment,
) -> Vec<Condition> {
    let busy = ready.value != Tri::True;
    let mut verdicts = vec![
        Verdict::new(RECONCILING, busy, ready.reason, ready.message.clone()),
        Verdict::new(STALLED, false, "NotStalled", ""),
    ];
    verdicts.insert(0, ready);
    verdicts.extend(
        fresh
            .into_iter()
            .flat_map(|fresh| [authority_known(status), freshness(status, fresh)]),
    );
    let mut settled = condition::settle(
        &status.conditions,
        verdicts,
        topology.metadata.generation.unwrap_or(0),
        now,
    );
    if fresh.is_none() {
        let kept = [AUTHORITY_KNOWN, FRESH];
        settled.extend(
            kept.iter()
                .filter_map(|kind| condition::find(&status.conditions, kind).cloned()),
        );
    }
    settled
}

/// The conditions of a topology that goes.
pub fn deleting_conditions(
    status: &TicketTopologyStatus,
    ready: Verdict,
    topology: &TicketTopology,
    now: Moment,
) -> Vec<Condition> {
    conditions(status, ready, None, topology, now)
}

fn authority_known(status: &TicketTopologyStatus) -> Verdict {
    let Some(authority) = &status.authority else {
        return Verdict::new(AUTHORITY_KNOWN, Tri::Unknown, "NotAskedYet", "");
    };
    let endpoint = authority.endpoint.as_deref().unwrap_or_default();
    let lost: Vec<_> = status
        .alternates
        .iter()
        .map(|a| format!("{} ({})", a.endpoint, a.reason))
        .collect();
    match authority.kind {
        AuthorityKind::Workspace => {
            let several = status.warnings.first().map(|w| w.message.as_str()).unwrap_or_default();
            Verdict::new(
                AUTHORITY_KNOWN,
                true,
                "RunActive",
                format!("endpoint {endpoint} of the run at work; {several}").trim_end_matches([';', ' ']),
            )
        }
        AuthorityKind::Repo => Verdict::new(
            AUTHORITY_KNOWN,
            true,
            "RepoOfHome",
            format!("endpoint {endpoint} of the home repository"),
        ),
        AuthorityKind::None if lost.is_empty() => Verdict::new(
            AUTHORITY_KNOWN,
            false,
            "NoEndpoint",
            "nothing serves this ticket's documents yet: make a DocEndpoint for its home, or start a Run on it",
        ),
        AuthorityKind::None => Verdict::new(
            AUTHORITY_KNOWN,
            false,
            "NoCandidate",
            format!("no endpoint can be the authority: {}", lost.join(", ")),
        ),
    }
}

fn freshness(status: &TicketTopologyStatus, fresh: Freshness) -> Verdict {
    let record = status.record.as_ref();
    let at = record
        .and_then(|r| r.indexed_at)
        .map(|at| at.to_string())
        .unwrap_or_default();
    match fresh {
        Freshness::Fresh { .. } => Verdict::new(FRESH, true, "IndexYoung", format!("from an index of {at}")),
        Freshness::Old => Verdict::new(
            FRESH,
            false,
            "IndexOld",
            format!(
                "from an index of {at}, older than its endpoint allows: annotate with metawsm.dev/requestedAt=<any new value> to refresh it"
            ),
        ),
        Freshness::Unreachable => Verdict::new(
            FRESH,
            false,
            "Unreachable",
            format!("the endpoint cannot be asked; its last answer is kept, from an index of {at}"),
        ),
        Freshness::Unknown if record.is_some() => Verdict::new(
            FRESH,
            false,
            "NoAuthority",
            "what was known last is kept; nobody serves it now",
        ),
        Freshness::Unknown => Verdict::new(
            FRESH,
            Tri::Unknown,
            "NothingKnown",
            "no endpoint said anything of this ticket yet",
        ),
    }
}
