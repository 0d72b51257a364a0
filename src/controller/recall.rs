//! What an earlier process recorded of the objects of one kind, read from the database at once, so that a start need not
//! record every settled object again. Only spares work: where nothing is known, everything is recorded once more. May not
//! decide anything about an object.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kube::Resource;
use tokio::sync::OnceCell;
use tracing::warn;

use super::context::Context;
use super::kind::Kind;
use super::kind_status::CommonStatus;
use super::memory::version;
use crate::kernel::journal::links;
use crate::ports::journal::Held;

/// What was recorded of objects that had no pass yet, by uid.
#[derive(Debug, Default)]
pub struct Before {
    held: OnceCell<Mutex<HashMap<String, Held>>>,
}

/// Remembers what the database holds of an object that this process meets for the first time. A database that cannot be
/// read keeps nobody from recording.
pub async fn recall<K: Kind>(cx: &Context<K>, object: &K::Resource) {
    let read = async || match cx.shared.journal.held(K::NAME).await {
        Ok(held) => Mutex::new(held),
        Err(error) => {
            warn!(kind = K::NAME, %error, "cannot read what was recorded before; recording it all again");
            Mutex::default()
        }
    };
    let held = cx.before.held.get_or_init(read).await;
    let uid = object.meta().uid.as_deref().unwrap_or_default();
    let Some(held) = held.lock().unwrap_or_else(PoisonError::into_inner).remove(uid) else {
        return;
    };
    let journal = K::status(object).map(CommonStatus::journal).unwrap_or_default();
    let Some(last) = journal.last().filter(|_| links(uid, journal) == held.links) else {
        return;
    };
    let mirrored = version(Some(&held.resource_version));
    cx.memory.change(uid, |m| {
        m.recorded = m.recorded.max(last.seq);
        m.mirrored = m.mirrored.max(mirrored);
    });
}
