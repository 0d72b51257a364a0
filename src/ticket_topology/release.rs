//! Gives a Run's claim on a topology back, whoever wrote it: a claim that came by hand or from a backup is no Run's to apply
//! away. May not decide which claims go.

use kube::api::Api;
use serde_json::json;

use super::crd::{Claim, TicketTopology, claim_manager};
use crate::controller::foreign;
use crate::failpoint::sabotaged;

/// Without a version: the entry is that Run's alone, and taking it away is right whatever else changed.
///
/// # Errors
/// As the API server says; a conflict where somebody wrote in between.
pub async fn release(api: &Api<TicketTopology>, topology: &str, run_uid: &str) -> kube::Result<()> {
    let body = json!({
        "apiVersion": "metawsm.dev/v1alpha1", "kind": "TicketTopology",
        "metadata": { "name": topology },
    });
    let manager = claim_manager(run_uid);
    let released = foreign::apply(api, topology, &manager, body).await?;
    let claims = released
        .status
        .as_ref()
        .map(|s| s.claims.as_slice())
        .unwrap_or_default();
    let left: Vec<&Claim> = claims.iter().filter(|claim| claim.run_uid != run_uid).collect();
    if left.len() < claims.len() && !sabotaged("sabotage.topology.leaves_foreign_claims") {
        let (is, ought) = (json!({ "claims": claims }), json!({ "claims": left }));
        foreign::take_out(api, &released, &manager, &is, &ought).await?;
    }
    Ok(())
}
