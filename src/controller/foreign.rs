//! What of a status is not the controllers' own: fields that somebody else wrote, by hand or from a backup. Server-side
//! apply leaves them where they are, and where an item of a list goes that they are part of, half of it, which the API server
//! then refuses. Takes out what is left, and leaves nobody else a say. May not decide what a status says.

use std::fmt::Debug;

use json_patch::{Patch as Changes, diff};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kube::Resource;
use kube::api::{Api, Patch, PatchParams};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tracing::info;

use super::kind::Kind;
use crate::failpoint::boundary;

/// What can be read and written here.
pub trait Object: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned {}

impl<R: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned> Object for R {}

/// How the names of all our field managers begin.
const OURS: &str = "metawsm-";

/// Whether the status differs from what was written.
pub fn is_left<K: Kind>(object: &K::Resource, written: &K::Status) -> bool {
    kept::<K>(object) != *written
}

/// Makes the status what was written, after an apply that left something of others in it.
///
/// # Errors
/// As [`take_out`].
pub async fn stand_alone<K: Kind>(
    api: &Api<K::Resource>,
    object: &K::Resource,
    written: &K::Status,
) -> kube::Result<K::Resource> {
    let (is, ought) = (json!(kept::<K>(object)), json!(written));
    take_out(api, object, K::MANAGER, &is, &ought).await
}

/// Turns what a status `is` into what it `ought` to be, where the object is still this one.
///
/// # Errors
/// As the API server says; a conflict where somebody wrote in between.
pub async fn take_out<R: Object>(
    api: &Api<R>,
    object: &R,
    manager: &str,
    is: &Value,
    ought: &Value,
) -> kube::Result<R> {
    let taken = diff(&json!({ "status": is }), &json!({ "status": ought }));
    let meta = object.meta();
    let (name, namespace) = (meta.name.as_deref().unwrap_or_default(), meta.namespace.as_deref());
    let places: Vec<_> = taken.0.iter().map(|change| change.path().as_str()).collect();
    info!(
        kind = %R::kind(&()),
        namespace,
        name,
        ?places,
        "somebody else wrote to this status; what they left goes"
    );
    let mut all = on_version(meta)?;
    all.0.extend(taken.0);
    boundary("foreign.after_apply");
    api.patch_status(name, &params(manager), &Patch::Json::<()>(all)).await
}

/// Applies to a status under the name of `manager`; where that is refused for what others have in it, they lose their say
/// and it is applied once more.
///
/// # Errors
/// As the API server says; a conflict where the `body` names the version that was seen, which is not the one any more.
pub async fn apply<R: Object>(api: &Api<R>, name: &str, manager: &str, body: Value) -> kube::Result<R> {
    let (params, body) = (PatchParams::apply(manager).force(), Patch::Apply(body));
    match api.patch_status(name, &params, &body).await {
        Err(kube::Error::Api(refusal)) if refusal.is_invalid() => match disown(api, name, manager).await? {
            true => api.patch_status(name, &params, &body).await,
            false => Err(kube::Error::Api(refusal)),
        },
        answer => answer,
    }
}

/// Leaves nobody else a say in the status; `false` where nobody has one.
async fn disown<R: Object>(api: &Api<R>, name: &str, manager: &str) -> kube::Result<bool> {
    let object = api.get(name).await?;
    let meta = object.meta();
    let all = meta.managed_fields.as_deref().unwrap_or_default();
    let ours: Vec<_> = all.iter().filter(|entry| !is_a_strangers(entry)).collect();
    if ours.len() == all.len() {
        return Ok(false);
    }
    let (kind, namespace) = (R::kind(&()), meta.namespace.as_deref());
    info!(
        %kind,
        namespace, name, "somebody else wrote to this status; they have no say in it any more"
    );
    // Requests about the status alone change nothing of this.
    let say = json!([{ "op": "replace", "path": "/metadata/managedFields", "value": ours }]);
    let mut all = on_version(meta)?;
    all.0.extend(changes(say)?.0);
    api.patch(name, &params(manager), &Patch::Json::<()>(all)).await?;
    boundary("foreign.after_disown");
    Ok(true)
}

fn kept<K: Kind>(object: &K::Resource) -> K::Status {
    K::own_part(K::status(object).cloned().unwrap_or_default())
}

/// Who of us applies has a say in what they applied. An update of the status is nobody's of us but [`take_out`], which needs
/// no say.
fn is_a_strangers(entry: &ManagedFieldsEntry) -> bool {
    let ours = entry
        .manager
        .as_deref()
        .is_some_and(|manager| manager.starts_with(OURS));
    entry.subresource.as_deref() == Some("status") && !(ours && entry.operation.as_deref() == Some("Apply"))
}

/// The beginning of a change that is refused as a conflict where somebody wrote since.
fn on_version(meta: &ObjectMeta) -> kube::Result<Changes> {
    changes(json!([{ "op": "replace", "path": "/metadata/resourceVersion", "value": meta.resource_version }]))
}

fn changes(of: Value) -> kube::Result<Changes> {
    serde_json::from_value(of).map_err(kube::Error::SerdeError)
}

fn params(manager: &str) -> PatchParams {
    PatchParams {
        field_manager: Some(manager.to_owned()),
        ..PatchParams::default()
    }
}
