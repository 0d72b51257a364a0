//! What of a status is not the controllers' own: fields that somebody else wrote, by hand or from a backup. Server-side
//! apply leaves them where they are, and where an item of a list goes that they are part of, half of it, which the API server
//! then refuses. Takes out what is left, and leaves nobody else a say. May not decide what a status says.

use json_patch::{Patch as Changes, diff};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kube::Resource;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use tracing::info;

use super::kind::Kind;

/// How the names of all our field managers begin.
const OURS: &str = "metawsm-";

/// Whether the status differs from what was written.
pub fn is_left<K: Kind>(object: &K::Resource, written: &K::Status) -> bool {
    kept::<K>(object) != *written
}

/// Makes the status what was written, after an apply that left something of others in it.
///
/// # Errors
/// As the API server says; a conflict where somebody wrote in between.
pub async fn take_out<K: Kind>(
    api: &Api<K::Resource>,
    object: &K::Resource,
    written: &K::Status,
) -> kube::Result<K::Resource> {
    let (is, ought) = (kept::<K>(object), json!({ "status": written }));
    let changes = diff(&json!({ "status": is }), &ought);
    let meta = object.meta();
    let (name, namespace) = (meta.name.as_deref().unwrap_or_default(), meta.namespace.as_deref());
    let (kind, told) = (K::NAME, json!(changes));
    info!(kind, namespace, name, changes = %told, "somebody else wrote to this status; what they left goes");
    let mut all = on_version(meta)?;
    all.0.extend(changes.0);
    api.patch_status(name, &params::<K>(), &Patch::Json::<()>(all)).await
}

/// Leaves nobody else a say in a status that cannot be applied for what others have in it; the object then, `None` where
/// they have nothing.
///
/// # Errors
/// As [`take_out`].
pub async fn disown<K: Kind>(api: &Api<K::Resource>, seen: &ObjectMeta) -> kube::Result<Option<K::Resource>> {
    let name = seen.name.as_deref().unwrap_or_default();
    let Some(object) = api.get_opt(name).await? else {
        return Ok(None);
    };
    let all = object.meta().managed_fields.as_deref().unwrap_or_default();
    let ours: Vec<_> = all.iter().filter(|entry| !is_a_strangers(entry)).collect();
    if object.meta().resource_version != seen.resource_version || ours.len() == all.len() {
        return Ok(None);
    }
    let (kind, namespace) = (K::NAME, seen.namespace.as_deref());
    info!(
        kind,
        namespace, name, "somebody else wrote to this status; they have no say in it any more"
    );
    // Requests about the status alone change nothing of this.
    let say = json!([{ "op": "replace", "path": "/metadata/managedFields", "value": ours }]);
    let mut all = on_version(seen)?;
    all.0.extend(changes(say)?.0);
    api.patch(name, &params::<K>(), &Patch::Json::<()>(all)).await.map(Some)
}

fn kept<K: Kind>(object: &K::Resource) -> K::Status {
    K::own_part(K::status(object).cloned().unwrap_or_default())
}

/// Who of us applies has a say in what they applied. An update of the status is nobody's of us, but for [`take_out`], which
/// needs no say.
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

fn params<K: Kind>() -> PatchParams {
    PatchParams {
        field_manager: Some(K::MANAGER.to_owned()),
        ..PatchParams::default()
    }
}
