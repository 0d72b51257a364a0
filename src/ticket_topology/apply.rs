//! A topology's effects on the outside world, each harmless to repeat.

use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use serde_json::json;

use super::TopologyKind;
use super::crd::TicketTopology;
use super::decide::Effect;
use super::release::release;
use crate::doc_endpoint::crd::DocEndpoint;
use crate::failpoint::fallible;
use crate::kernel::outcome::Failure;
use crate::kernel::request::REQUESTED_AT;

/// Performs one effect.
pub async fn apply(kind: &TopologyKind, object: &TicketTopology, effect: &Effect) -> Result<(), Failure> {
    let api: Api<TicketTopology> = Api::namespaced(kind.client.clone(), &object.namespace().unwrap_or_default());
    let name = object.name_any();
    let done = match effect {
        Effect::ReleaseAbandoned { run_uid } => {
            let released = release(&api, &name, run_uid).await;
            fallible("ticket_topology.after_release_abandoned")?;
            released
        }
        Effect::RequestRefresh { endpoint, request } => {
            let endpoints: Api<DocEndpoint> =
                Api::namespaced(kind.client.clone(), &object.namespace().unwrap_or_default());
            let body = json!({ "metadata": { "annotations": { REQUESTED_AT: request } } });
            let asked = endpoints
                .patch_metadata(endpoint, &PatchParams::default(), &Patch::Merge(body))
                .await
                .map(drop);
            fallible("ticket_topology.after_request_refresh")?;
            match asked {
                // It went meanwhile: nobody is left to ask.
                Err(kube::Error::Api(answer)) if answer.is_not_found() => Ok(()),
                other => other,
            }
        }
        Effect::Delete => {
            let preconditions = Preconditions {
                uid: object.uid(),
                resource_version: object.resource_version(),
            };
            let params = DeleteParams {
                preconditions: Some(preconditions),
                ..DeleteParams::default()
            };
            let deleted = api.delete(&name, &params).await.map(drop);
            fallible("ticket_topology.after_delete")?;
            deleted
        }
    };
    match done {
        Ok(()) => Ok(()),
        Err(kube::Error::Api(answer)) if answer.is_conflict() || answer.is_not_found() => Err(Failure::Quiet(format!(
            "topology changed meanwhile: {}",
            answer.message
        ))),
        Err(error) => Err(Failure::Retry(format!("failed to change topology '{name}': {error}"))),
    }
}
