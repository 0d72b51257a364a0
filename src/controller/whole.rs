//! Reads an object whole where its cache holds less than the pass needs. May not decide when that is beyond whether
//! everything about it is recorded; what else a pass needs it whole for, the driver knows.

use std::sync::Arc;

use kube::Resource;

use super::context::Context;
use super::kind::Kind;
use super::kind_status::CommonStatus;
use super::memory::version;
use crate::kernel::outcome::Failure;

/// The object, whole where something about it is to be recorded.
///
/// # Errors
/// As [`read`].
pub async fn read_to_record<K: Kind>(cx: &Context<K>, object: Arc<K::Resource>) -> Result<Arc<K::Resource>, Failure> {
    if !K::is_pruned(&object) || is_recorded(cx, &object) {
        return Ok(object);
    }
    read(cx, &object).await
}

/// The object as the API server has it.
///
/// # Errors
/// [`Failure::Quiet`] where it went or was made anew, [`Failure::Retry`] where it cannot be read.
pub async fn read<K: Kind>(cx: &Context<K>, object: &K::Resource) -> Result<Arc<K::Resource>, Failure> {
    let meta = object.meta();
    let (namespace, name) = (
        meta.namespace.as_deref().unwrap_or_default(),
        meta.name.as_deref().unwrap_or_default(),
    );
    let read = cx.api(namespace).get_opt(name).await;
    let read = read.map_err(|error| Failure::Retry(format!("failed to read the object: {error}")))?;
    read.filter(|read| read.meta().uid == meta.uid)
        .map(Arc::new)
        .ok_or_else(|| Failure::Quiet("the object is gone".to_owned()))
}

/// Whether the database has what the journal holds, and shows the object as it is: recorded by this process, or recalled
/// from an earlier one, so that a cluster full of settled objects need not be read one by one.
fn is_recorded<K: Kind>(cx: &Context<K>, object: &K::Resource) -> bool {
    let meta = object.meta();
    let known = cx.memory.of(meta.uid.as_deref().unwrap_or_default());
    let last = K::status(object).and_then(|s| s.journal().last());
    last.is_none_or(|last| known.recorded >= last.seq) && known.mirrored >= version(meta.resource_version.as_deref())
}
