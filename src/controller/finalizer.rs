//! Puts the finalizer on and takes it off, guarded by the resource version that was seen.
//! May not decide when an object may go.

use kube::Resource;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use super::context::Context;
use super::kind::Kind;
use crate::kernel::outcome::Failure;

/// Puts the finalizer on a living object that lacks it; the object as the API server then has it.
///
/// # Errors
/// [`Failure::Quiet`] when somebody else wrote first, [`Failure::Retry`] otherwise.
pub async fn ensure<K: Kind>(cx: &Context<K>, object: &K::Resource) -> Result<Option<K::Resource>, Failure> {
    let meta = object.meta();
    let mut held = meta.finalizers.clone().unwrap_or_default();
    if meta.deletion_timestamp.is_some() || held.iter().any(|f| f == K::FINALIZER) {
        return Ok(None);
    }
    held.push(K::FINALIZER.to_owned());
    set::<K>(cx, object, &held).await
}

/// Takes the finalizer off.
///
/// # Errors
/// As [`ensure`].
pub async fn release<K: Kind>(cx: &Context<K>, object: &K::Resource) -> Result<(), Failure> {
    let mut held = object.meta().finalizers.clone().unwrap_or_default();
    held.retain(|f| f != K::FINALIZER);
    set::<K>(cx, object, &held).await.map(drop)
}

async fn set<K: Kind>(cx: &Context<K>, object: &K::Resource, held: &[String]) -> Result<Option<K::Resource>, Failure> {
    cx.shared.leadership.check()?;
    let meta = object.meta();
    let (namespace, name) = (
        meta.namespace.clone().unwrap_or_default(),
        meta.name.clone().unwrap_or_default(),
    );
    let body = json!({ "metadata": { "resourceVersion": meta.resource_version, "finalizers": held } });
    let params = PatchParams {
        field_manager: Some(K::MANAGER.to_owned()),
        ..PatchParams::default()
    };
    match cx.api(&namespace).patch(&name, &params, &Patch::Merge(body)).await {
        Ok(written) => Ok(Some(written)),
        Err(kube::Error::Api(answer)) if answer.is_conflict() || answer.is_not_found() => {
            Err(Failure::Quiet(format!("finalizer not changed: {}", answer.message)))
        }
        Err(error) => Err(Failure::Retry(format!("failed to change the finalizer: {error}"))),
    }
}

/// Parameters for objects that we create, so that managedFields name us.
pub fn post_params(manager: &str) -> PostParams {
    PostParams {
        field_manager: Some(manager.to_owned()),
        ..PostParams::default()
    }
}
