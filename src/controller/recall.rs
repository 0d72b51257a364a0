//! What an earlier process recorded of the objects of one kind, read from the database at once, so that a start need not
//! record every settled object again. Only spares work: where nothing is known, everything is recorded once more. May not
//! decide anything about an object.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kube::Resource;
use tokio::sync::OnceCell;
use tracing::warn;

use super::context::Context;
use super::kind::Kind;
use super::kind_status::CommonStatus;
use super::memory::version;
use crate::kernel::journal::links;
use crate::ports::journal::Held;

/// What was recorded of objects that had no pass yet, and what the watch saw of them, by uid.
#[derive(Debug, Default)]
pub struct Before {
    held: OnceCell<Mutex<HashMap<String, Held>>>,
    met: Mutex<HashMap<String, Met>>,
}

/// What an object's journal said when the object was seen whole.
#[derive(Debug)]
struct Met {
    last: i64,
    links: [u8; 32],
}

/// Notes what the journal of an object links to that had no pass yet: a cache need not hold the journal for that.
pub fn meet<K: Kind>(cx: &Context<K>, object: &K::Resource) {
    let uid = object.meta().uid.as_deref().unwrap_or_default();
    let journal = K::status(object).map(CommonStatus::journal).unwrap_or_default();
    let Some(last) = journal.last().filter(|_| !cx.memory.knows(uid)) else {
        return;
    };
    let met = Met {
        last: last.seq,
        links: links(uid, journal),
    };
    lock(&cx.before.met).insert(uid.to_owned(), met);
}

/// What the database holds, read once: while the caches are filled, or else for the first object. A database that cannot
/// be read keeps nobody from recording.
pub async fn held<K: Kind>(cx: &Context<K>) -> &Mutex<HashMap<String, Held>> {
    let read = async || match cx.shared.journal.held(K::NAME).await {
        Ok(held) => Mutex::new(held),
        Err(error) => {
            warn!(kind = K::NAME, %error, "cannot read what was recorded before; recording it all again");
            Mutex::default()
        }
    };
    cx.before.held.get_or_init(read).await
}

/// Remembers what the database holds of an object that this process meets for the first time.
pub async fn recall<K: Kind>(cx: &Context<K>, object: &K::Resource) {
    let held = held(cx).await;
    let uid = object.meta().uid.as_deref().unwrap_or_default();
    let (held, met) = (taken(held, uid), taken(&cx.before.met, uid));
    let Some((held, met)) = held.zip(met).filter(|(held, met)| held.links == met.links) else {
        return;
    };
    let mirrored = version(Some(&held.resource_version));
    cx.memory.change(uid, |m| {
        m.recorded = m.recorded.max(met.last);
        m.mirrored = m.mirrored.max(mirrored);
    });
}

/// What is known of that object; it is asked once. The last one leaves no room taken.
fn taken<T>(all: &Mutex<HashMap<String, T>>, uid: &str) -> Option<T> {
    let mut all = lock(all);
    let one = all.remove(uid);
    if all.is_empty() {
        *all = HashMap::new();
    }
    one
}

fn lock<T>(all: &Mutex<HashMap<String, T>>) -> MutexGuard<'_, HashMap<String, T>> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}
