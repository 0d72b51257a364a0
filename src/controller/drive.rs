//! The one reconcile of all kinds: the only place where the order of effects is written down.
//! It may not know any kind, nor decide anything about an object.

use std::sync::Arc;
use std::time::Duration;

use kube::Resource;
use kube::runtime::controller::Action;
use tracing::{debug, warn};

use super::context::Context;
use super::kind::{Kind, subject_of};
use super::kind_status::CommonStatus;
use super::memory::version;
use super::{finalizer, policy, recall, status, whole};
use crate::failpoint::{fallible, sabotaged};
use crate::kernel::journal::room;
use crate::kernel::outcome::Failure;
use crate::kernel::plan::Next;
use crate::ports::journal::{Mirror, Record};

/// How often one pass may go on from its own write before it lets others have a turn.
const TURNS: usize = 8;

/// How far the cache may be behind our own write; 99 of 100 times it is a seventh of a second.
const LAG: Duration = Duration::from_secs(10);

/// While history cannot be recorded and the ring is full: how long until the next try.
const HELD: Duration = Duration::from_secs(5);

/// One pass over an object, from what its journal holds to a settled status.
///
/// # Errors
/// A [`Failure`] where an effect or the API server failed; the caller turns it into a requeue.
pub async fn drive<K: Kind>(cx: &Context<K>, object: Arc<K::Resource>) -> Result<Action, Failure> {
    let uid = object.meta().uid.clone().unwrap_or_default();
    let mut object = match caught_up(cx, object).await? {
        Ok(object) => object,
        Err(wait) => return Ok(wait),
    };
    recall::recall(cx, &object).await;
    object = whole::read_to_record(cx, object).await?;
    for _ in 0..TURNS {
        let recorded = record(cx, &object, false).await;
        fallible("drive.after_record")?;
        if !recorded && sabotaged("sabotage.drive.stops_with_the_database") {
            return Err(held());
        }
        if let Some(held) = finalizer::ensure(cx, &object).await? {
            object = Arc::new(held);
            fallible("drive.after_finalizer")?;
        }
        let known = cx.memory.of(&uid);
        let journal = K::status(&object).map(CommonStatus::journal).unwrap_or_default();
        let room = room(journal, known.recorded);
        let observed = cx.kind.observe(&object, room).await?;
        let plan = K::decide(&observed, cx.shared.clock.now());
        if K::is_pruned(&object) && status::asks_for_anything(cx, &object, &plan) {
            object = whole::read(cx, &object).await?;
            continue;
        }
        if plan.transitions.len() > room && !sabotaged("sabotage.drive.drops_what_is_not_recorded") {
            return Err(held());
        }
        debug!(subject = %subject_of::<K>(&object), reason = plan.reason, effects = ?plan.effects, "decided");
        for effect in &plan.effects {
            cx.shared.leadership.check()?;
            cx.kind.apply(&object, effect).await?;
            fallible("drive.after_effect")?;
        }
        let (release, next) = (plan.release, plan.next);
        if let Some(written) = status::write(cx, &object, plan).await? {
            fallible("drive.after_status")?;
            object = Arc::new(written);
            continue;
        }
        if release {
            return let_go(cx, &object).await;
        }
        let after = match next {
            Next::Settled => policy::heartbeat(),
            Next::After(after) => after.max(Duration::from_millis(50)),
        };
        // What could not be recorded is tried again soon, also where nothing else is due.
        return Ok(Action::requeue(if recorded { after } else { after.min(HELD) }));
    }
    record(cx, &object, false).await;
    Ok(Action::requeue(Duration::from_millis(50)))
}

/// A view that is older than our own last write is not acted on: the cache will catch up. Where it does not for long,
/// the watch lost the news of our write, and the API server is asked.
async fn caught_up<K: Kind>(
    cx: &Context<K>,
    object: Arc<K::Resource>,
) -> Result<Result<Arc<K::Resource>, Action>, Failure> {
    let meta = object.meta();
    let known = cx.memory.of(meta.uid.as_deref().unwrap_or_default());
    if version(meta.resource_version.as_deref()) >= known.written {
        return Ok(Ok(object));
    }
    let Some(written_at) = known.written_at else {
        return Ok(Err(Action::await_change()));
    };
    if sabotaged("sabotage.drive.waits_for_news") {
        return Ok(Err(Action::await_change()));
    }
    if let Some(left) = LAG.checked_sub(written_at.elapsed()) {
        return Ok(Err(Action::requeue(left + Duration::from_millis(50))));
    }
    let (namespace, name) = (
        meta.namespace.clone().unwrap_or_default(),
        meta.name.clone().unwrap_or_default(),
    );
    let now = cx.api(&namespace).get_opt(&name).await;
    let now = now.map_err(|error| Failure::Retry(format!("failed to read the object: {error}")))?;
    Ok(match now.filter(|now| now.meta().uid == meta.uid) {
        Some(now) => Ok(Arc::new(now)),
        None => Err(Action::await_change()),
    })
}

/// The object may go: its end is recorded, so the finalizer comes off.
async fn let_go<K: Kind>(cx: &Context<K>, object: &K::Resource) -> Result<Action, Failure> {
    let uid = object.meta().uid.clone().unwrap_or_default();
    let last = K::status(object)
        .and_then(|s| s.journal().last().map(|e| e.seq))
        .unwrap_or(0);
    if !record(cx, object, true).await || cx.memory.of(&uid).recorded < last {
        return Ok(Action::requeue(HELD));
    }
    fallible("drive.before_release")?;
    finalizer::release(cx, object).await?;
    fallible("drive.after_release")?;
    cx.memory.released(&uid);
    Ok(Action::await_change())
}

/// History cannot be written and nothing more fits: wait, and say so.
fn held() -> Failure {
    Failure::Waiting {
        after: HELD,
        reason: "HistoryUnavailable",
        message:
            "history cannot be recorded and the journal is full: see the controller's log for the database's error"
                .to_owned(),
    }
}

/// Records what the object's journal holds and what the object looks like; `false` if that failed.
async fn record<K: Kind>(cx: &Context<K>, object: &K::Resource, deleted: bool) -> bool {
    let subject = subject_of::<K>(object);
    let known = cx.memory.of(&subject.uid);
    let seen = version(object.meta().resource_version.as_deref());
    let journal = K::status(object).map(CommonStatus::journal).unwrap_or_default();
    let last = journal.last().map_or(0, |e| e.seq);
    if !deleted && last <= known.recorded && seen <= known.mirrored {
        return true;
    }
    if !deleted && cx.memory.history_rests() {
        return false;
    }
    let foreign = known.written == 0 && sabotaged("sabotage.drive.trusts_the_process_before");
    let recorded = if foreign { last } else { known.recorded };
    if K::is_pruned(object) {
        return false;
    }
    let entries: Vec<_> = journal.iter().filter(|e| e.seq > recorded).cloned().collect();
    let events = entries.iter().filter_map(|e| K::event_of(&subject, e));
    let events = events.map(|event| K::complete(object, event)).collect();
    let mirror = mirror_of::<K>(object, deleted);
    let uid = subject.uid.clone();
    match cx
        .shared
        .journal
        .record(Record {
            subject,
            entries,
            events,
            mirror: Some(mirror),
        })
        .await
    {
        Ok(recorded) => {
            cx.memory.history(true);
            cx.memory.change(&uid, |m| {
                m.recorded = m.recorded.max(last);
                m.mirrored = m.mirrored.max(seen);
                m.forked |= !recorded.forked.is_empty() && !sabotaged("sabotage.drive.hides_forks");
            });
            true
        }
        Err(_) if sabotaged("sabotage.drive.trusts_the_database") => {
            cx.memory.change(&uid, |m| m.recorded = m.recorded.max(last));
            true
        }
        Err(error) => {
            cx.memory.history(false);
            cx.shared.metrics.journal_failures.inc();
            warn!(kind = K::NAME, uid, %error, "history not recorded; trying again with the next pass");
            false
        }
    }
}

fn mirror_of<K: Kind>(object: &K::Resource, deleted: bool) -> Mirror {
    let meta = object.meta();
    Mirror {
        resource_version: meta.resource_version.clone().unwrap_or_default(),
        generation: meta.generation.unwrap_or(0),
        created_at: meta
            .creation_timestamp
            .as_ref()
            .map(|t| t.0.to_string())
            .unwrap_or_default(),
        spec: K::spec(object),
        status: Mirror::text(&K::status(object)),
        deleted,
    }
}
