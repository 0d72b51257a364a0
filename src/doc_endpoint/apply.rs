//! An endpoint's effects on the outside world, each harmless to repeat. None waits for a server of documents.

use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, Preconditions};

use super::DocEndpointKind;
use super::crd::DocEndpoint;
use super::decide::Effect;
use crate::failpoint::fallible;
use crate::federation::known::latency_of;
use crate::kernel::outcome::Failure;

/// Performs one effect.
pub async fn apply(kind: &DocEndpointKind, object: &DocEndpoint, effect: &Effect) -> Result<(), Failure> {
    let uid = object.uid().unwrap_or_default();
    match effect {
        Effect::Ask(target) => {
            let told = object.status.as_ref().and_then(|s| s.latency.as_deref());
            kind.prober.ask(target.as_ref().clone(), told.and_then(latency_of));
            fallible("doc_endpoint.after_ask")?;
        }
        Effect::Refresh { announced } => {
            kind.prober.refresh(&uid, *announced);
            fallible("doc_endpoint.after_refresh")?;
        }
        Effect::Forget => {
            kind.prober.forget(&uid);
            fallible("doc_endpoint.after_forget")?;
        }
        Effect::Delete => {
            delete(kind, object).await?;
            fallible("doc_endpoint.after_delete")?;
        }
    }
    Ok(())
}

/// Deletes the object if it is still the one that was decided on.
async fn delete(kind: &DocEndpointKind, object: &DocEndpoint) -> Result<(), Failure> {
    let api: Api<DocEndpoint> = Api::namespaced(kind.client.clone(), &object.namespace().unwrap_or_default());
    let name = object.name_any();
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: object.uid(),
            resource_version: object.resource_version(),
        }),
        ..DeleteParams::default()
    };
    match api.delete(&name, &params).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(answer)) if answer.is_not_found() || answer.is_conflict() => Err(Failure::Quiet(format!(
            "the endpoint changed meanwhile: {}",
            answer.message
        ))),
        Err(error) => Err(Failure::Retry(format!(
            "failed to delete DocEndpoint '{name}': {error}"
        ))),
    }
}
