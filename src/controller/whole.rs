//! Reads an object whole where its cache holds less than the pass needs: something new about it, or history that was
//! written into its journal and not into the database. May not decide which that is beyond asking the kind.

use std::sync::Arc;

use kube::Resource;

use super::context::Context;
use super::kind::Kind;
use super::kind_status::CommonStatus;
use crate::kernel::outcome::Failure;

/// The object, whole where that is needed.
///
/// # Errors
/// [`Failure::Quiet`] where it went or was made anew, [`Failure::Retry`] where it cannot be read.
pub async fn read_where_needed<K: Kind>(
    cx: &Context<K>,
    object: Arc<K::Resource>,
) -> Result<Arc<K::Resource>, Failure> {
    if !K::is_pruned(&object) || (all_recorded(cx, &object) && !K::has_news(&object)) {
        return Ok(object);
    }
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

/// Whether the database has what the journal holds: recorded by this process, or recalled from an earlier one, so that a
/// cluster full of settled objects need not be read one by one.
fn all_recorded<K: Kind>(cx: &Context<K>, object: &K::Resource) -> bool {
    let uid = object.meta().uid.as_deref().unwrap_or_default();
    let last = K::status(object).and_then(|s| s.journal().last());
    last.is_none_or(|last| cx.memory.of(uid).recorded >= last.seq)
}
