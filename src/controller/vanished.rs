//! Objects that went while nobody watched (their finalizer was forced off): each gets one deleted event, marked
//! as inferred. Reads the mirror, which no reconcile does, and writes history only.

use std::collections::HashSet;

use kube::ResourceExt as _;
use kube::runtime::reflector::Store;
use tracing::{info, warn};

use super::context::Context;
use super::guarded::Guarded;
use super::kind::Kind;
use crate::failpoint::{Asked, fallible, sabotaged};
use crate::kernel::journal::Journal as Ring;
use crate::kernel::subject::Subject;
use crate::ports::journal::{JournalError, Mirror, Record, Vanished};

/// Compares the mirror with the cache, which must be complete; whether that came to its end.
pub async fn sweep<K: Kind>(cx: &Context<K>, store: &Store<Guarded<K::Resource>>, namespace: Option<&str>) -> bool {
    if sabotaged("sabotage.vanished.never_looks") {
        return true;
    }
    let namespaces: Vec<_> = namespace.map(str::to_owned).into_iter().collect();
    let gone = match cx
        .shared
        .journal
        .vanished(K::NAME, &namespaces, &uids::<K>(store))
        .await
    {
        Ok(gone) => gone,
        Err(error) => {
            warn!(kind = K::NAME, %error, "cannot compare the mirror with the cluster; trying again soon");
            return false;
        }
    };
    // What was mirrored while the question was on its way is in the cache by now.
    let alive = uids::<K>(store);
    let mut complete = true;
    for vanished in gone.into_iter().filter(|v| !alive.contains(&v.subject.uid)) {
        let subject = vanished.subject.to_string();
        match is_there(cx, &vanished.subject).await {
            Ok(false) => cx.kind.forget(&vanished.subject.uid),
            Ok(true) => continue,
            Err(error) => {
                warn!(subject, %error, "cannot make sure that it is gone; trying again later");
                continue;
            }
        }
        match infer::<K>(cx, vanished).await {
            Ok(()) => info!(subject, "vanished while nobody watched; recorded as deleted"),
            Err(error) => {
                complete = false;
                warn!(subject, %error, "deletion not recorded; trying again soon");
            }
        }
    }
    complete
}

/// The cache may be filled from an old list, which lacks what is younger: the API server has the last word.
async fn is_there<K: Kind>(cx: &Context<K>, subject: &Subject) -> Result<bool, kube::Error> {
    if sabotaged("sabotage.vanished.trusts_the_cache") {
        return Ok(false);
    }
    let found = cx.api(&subject.namespace).get_metadata_opt(&subject.name).await?;
    Ok(found.is_some_and(|object| object.uid().as_deref() == Some(&subject.uid)))
}

fn uids<K: Kind>(store: &Store<Guarded<K::Resource>>) -> HashSet<String> {
    store.state().iter().filter_map(|o| o.uid()).collect()
}

async fn infer<K: Kind>(cx: &Context<K>, vanished: Vanished) -> Result<(), JournalError> {
    let asked = |asked: Asked| JournalError(asked.to_string());
    fallible("vanished.before_record").map_err(asked)?;
    let Vanished { subject, last, mirror } = vanished;
    let known: Vec<_> = last.into_iter().collect();
    let mut ring = Ring::new(&subject.uid, &known);
    ring.append(cx.shared.clock.now(), vec![K::vanished_from(&mirror)]);
    let entries: Vec<_> = ring.into_entries().into_iter().skip(known.len()).collect();
    let events = entries.iter().filter_map(|e| K::event_of(&subject, e)).collect();
    cx.memory.forget(&subject.uid);
    let mirror = Some(Mirror {
        deleted: true,
        ..mirror
    });
    cx.shared
        .journal
        .record(Record {
            subject,
            entries,
            events,
            mirror,
        })
        .await?;
    fallible("vanished.after_record").map_err(asked)
}
