//! Objects that cannot be read: told to people, freed when they go, and in nobody's way.
//! Nothing is decided about such an object.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::api::{Api, Patch, PatchParams};
use kube::core::error_boundary::InvalidObject;
use serde_json::json;
use tracing::warn;

use super::context::Context;
use super::kind::{Kind, Note};
use crate::failpoint::{fallible, sabotaged};
use crate::kernel::outcome::Failure;

/// Tells that the object cannot be read; takes our finalizer off if it is being deleted.
///
/// # Errors
/// [`Failure::Retry`] when the finalizer could not be taken off.
pub async fn face<K: Kind>(cx: &Context<K>, broken: &InvalidObject) -> Result<(), Failure> {
    let meta = &broken.metadata;
    let (namespace, name) = (
        meta.namespace.clone().unwrap_or_default(),
        meta.name.clone().unwrap_or_default(),
    );
    warn!(
        kind = K::NAME,
        namespace,
        name,
        error = broken.error,
        "an object cannot be read; the others go on"
    );
    cx.shared.reporter.tell(reference::<K>(meta), note(&broken.error));
    let finalizers = meta.finalizers.clone().unwrap_or_default();
    if meta.deletion_timestamp.is_none() || !finalizers.iter().any(|f| f == K::FINALIZER) {
        return Ok(());
    }
    if sabotaged("sabotage.undecodable.is_not_freed") {
        return Ok(());
    }
    let kept: Vec<_> = finalizers.iter().filter(|f| *f != K::FINALIZER).collect();
    let body = json!({
        "apiVersion": K::Resource::api_version(&()), "kind": K::NAME,
        "metadata": { "resourceVersion": meta.resource_version, "finalizers": kept },
    });
    let api: Api<K::Resource> = cx.api(&namespace);
    let params = PatchParams {
        field_manager: Some(K::MANAGER.to_owned()),
        ..PatchParams::default()
    };
    cx.shared.leadership.check()?;
    if !sabotaged("sabotage.undecodable.is_remembered") {
        cx.kind.forget(meta.uid.as_deref().unwrap_or_default());
    }
    match api.patch_metadata(&name, &params, &Patch::Merge(body)).await {
        Ok(_) => Ok(fallible("undecodable.after_release")?),
        Err(kube::Error::Api(answer)) if answer.is_conflict() || answer.is_not_found() => Ok(()),
        Err(error) => Err(Failure::Retry(format!("failed to free an unreadable object: {error}"))),
    }
}

fn reference<K: Kind>(meta: &ObjectMeta) -> ObjectReference {
    ObjectReference {
        api_version: Some(K::Resource::api_version(&()).into_owned()),
        kind: Some(K::NAME.to_owned()),
        name: meta.name.clone(),
        namespace: meta.namespace.clone(),
        uid: meta.uid.clone(),
        ..ObjectReference::default()
    }
}

fn note(error: &str) -> Note {
    Note {
        warning: true,
        reason: "Undecodable".to_owned(),
        action: "Read".to_owned(),
        text: format!(
            "this object cannot be read and is left alone: {error}; correct it with 'kubectl edit', or delete it"
        ),
    }
}
