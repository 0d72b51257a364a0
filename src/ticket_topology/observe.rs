//! Reads all that a topology's decision may know. Decides nothing.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use kube::api::Api;
use kube::core::PartialObjectMeta;
use kube::{Resource as _, ResourceExt as _};

use super::TopologyKind;
use super::crd::{Claim, TicketTopology};
use super::sources::{Sources, sources};
use crate::controller::runner::Guarded;
use crate::kernel::outcome::Failure;
use crate::run::crd::{Phase, Run};

/// All that `decide` may know.
#[derive(Clone, Debug)]
pub struct Observed {
    pub topology: Arc<TicketTopology>,
    /// Claims of Runs that the API server says are gone.
    pub abandoned: Vec<Claim>,
    /// The uids of Runs that are on their way out: they hold their claim still, and their workspace rules no more.
    pub ending: BTreeSet<String>,
    /// What the endpoints around it say.
    pub sources: Sources,
}

/// Looks at the claims: a Run that the cache lacks is asked for at the API server before it counts as gone.
pub async fn observe(kind: &TopologyKind, object: &Arc<TicketTopology>) -> Result<Observed, Failure> {
    let claims = object.status.as_ref().map(|s| s.claims.as_slice()).unwrap_or_default();
    let mut abandoned = Vec::new();
    let mut ending = BTreeSet::new();
    if !claims.is_empty() {
        let runs = kind.runs.state();
        let alive: HashSet<String> = runs.iter().filter_map(|r| r.uid()).collect();
        ending.extend(runs.iter().filter(|r| is_ending(r)).filter_map(|r| r.uid()));
        for claim in claims.iter().filter(|c| !alive.contains(&c.run_uid)) {
            if is_gone(kind, object, claim).await? {
                abandoned.push(claim.clone());
            }
        }
    }
    Ok(Observed {
        topology: object.clone(),
        abandoned,
        ending,
        sources: sources(kind, object),
    })
}

fn is_ending(run: &Guarded<Run>) -> bool {
    let phase = run
        .0
        .as_ref()
        .ok()
        .and_then(|r| r.status.as_ref())
        .and_then(|s| s.phase);
    run.meta().deletion_timestamp.is_some() || phase == Some(Phase::Stopping)
}

async fn is_gone(kind: &TopologyKind, object: &TicketTopology, claim: &Claim) -> Result<bool, Failure> {
    let namespace = object.namespace().unwrap_or_default();
    let api: Api<PartialObjectMeta<Run>> = Api::namespaced(kind.client.clone(), &namespace);
    match api.get_opt(&claim.run_name).await {
        Ok(found) => Ok(found.is_none_or(|run| run.uid().as_deref() != Some(&claim.run_uid))),
        Err(error) => Err(Failure::Retry(format!(
            "failed to look up Run '{}': {error}",
            claim.run_name
        ))),
    }
}
