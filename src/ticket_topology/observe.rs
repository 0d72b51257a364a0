//! Reads all that a topology's decision may know. Decides nothing.

use std::sync::Arc;

use kube::ResourceExt as _;
use kube::api::Api;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::ObjectRef;

use super::TopologyKind;
use super::crd::{Claim, TicketTopology};
use crate::kernel::outcome::Failure;
use crate::run::crd::Run;

/// All that `decide` may know.
#[derive(Clone, Debug)]
pub struct Observed {
    pub topology: Arc<TicketTopology>,
    /// Claims of Runs that the API server says are gone.
    pub abandoned: Vec<Claim>,
}

/// Looks at the claims: a Run that the cache lacks is asked for at the API server before it counts as gone.
pub async fn observe(kind: &TopologyKind, object: &Arc<TicketTopology>) -> Result<Observed, Failure> {
    let claims = object.status.as_ref().map(|s| s.claims.as_slice()).unwrap_or_default();
    let mut abandoned = Vec::new();
    let namespace = object.namespace().unwrap_or_default();
    for claim in claims {
        let cached = kind.runs.get(&ObjectRef::new(&claim.run_name).within(&namespace));
        let is_alive = cached.is_some_and(|run| run.uid().as_deref() == Some(&claim.run_uid));
        if !is_alive && is_gone(kind, object, claim).await? {
            abandoned.push(claim.clone());
        }
    }
    Ok(Observed {
        topology: object.clone(),
        abandoned,
    })
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
