//! The only writer of status: whole, by server-side apply, with the resource version that was decided on. What somebody
//! else left there goes with it (`foreign`).
//! May not decide what a status says, but for what only the driver knows: failures and a forked audit.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::api::Api;
use serde_json::json;

use super::context::Context;
use super::foreign;
use super::kind::Kind;
use super::kind_status::CommonStatus;
use super::memory::version;
use super::whole;
use crate::failpoint::sabotaged;
use crate::kernel::condition::{self, AUDIT_FORKED, READY, RECONCILING, STALLED, Verdict};
use crate::kernel::journal::{Journal as Ring, Transition};
use crate::kernel::outcome::Failure;
use crate::kernel::plan::Plan;

/// Writes what the plan says, its transitions in the journal; `None` where nothing would change.
///
/// # Errors
/// [`Failure::Quiet`] when somebody else wrote first, [`Failure::Retry`] otherwise.
pub async fn write<K: Kind>(
    cx: &Context<K>,
    object: &K::Resource,
    plan: Plan<K::Status, K::Effect>,
) -> Result<Option<K::Resource>, Failure> {
    let old = K::status(object).cloned().unwrap_or_default();
    let told = plan.transitions.len();
    let new = planned(cx, object, plan.status, plan.transitions);
    let Some(written) = put(cx, object, old, new).await? else {
        return Ok(None);
    };
    let journal = K::status(&written).map(CommonStatus::journal).unwrap_or_default();
    let fresh = journal.len().saturating_sub(told);
    for entry in &journal[fresh..] {
        cx.kind.written(entry);
        if let Some(note) = K::note_of(entry) {
            cx.shared.reporter.tell(written.object_ref(&()), note);
        }
    }
    Ok(Some(written))
}

/// Whether the plan asks for anything to be done or written.
pub fn asks_for_anything<K: Kind>(cx: &Context<K>, object: &K::Resource, plan: &Plan<K::Status, K::Effect>) -> bool {
    let new = planned(cx, object, plan.status.clone(), plan.transitions.clone());
    let old = K::status(object).cloned().unwrap_or_default();
    plan.release || !plan.effects.is_empty() || K::own_part(new) != K::own_part(old)
}

/// What a plan makes of the status: its transitions in the journal, and a fork told.
fn planned<K: Kind>(
    cx: &Context<K>,
    object: &K::Resource,
    mut status: K::Status,
    transitions: Vec<Transition>,
) -> K::Status {
    let uid = object.meta().uid.as_deref().unwrap_or_default();
    let (known, now) = (cx.memory.of(uid), cx.shared.clock.now());
    let journal = K::status(object).map(CommonStatus::journal).unwrap_or_default();
    let kept = if sabotaged("sabotage.status.forgets_the_journal") {
        &[]
    } else {
        journal
    };
    let mut ring = Ring::new(uid, kept);
    let told = transitions.len();
    ring.append(now, transitions);
    let mut entries = ring.into_entries();
    if sabotaged("sabotage.status.dates_by_the_clock") {
        let fresh = entries.iter_mut().rev().take(told);
        fresh.for_each(|entry| entry.at = now);
    }
    status.set_journal(entries);
    status.set_observed_generation(object.meta().generation.unwrap_or(0));
    if known.forked {
        let verdict = Verdict::new(AUDIT_FORKED, true, "OtherHistory", FORKED);
        upsert(&mut status, verdict, object, now);
    }
    status
}

const FORKED: &str = "the database holds another history for the same journal numbers (was etcd restored from a backup?); \
both are kept: see 'metawsm audit verify'";

/// Lets the conditions say what keeps the object from moving on; leaves everything else as it is.
///
/// # Errors
/// As [`write`].
pub async fn write_failure<K: Kind>(cx: &Context<K>, object: &K::Resource, failure: &Failure) -> Result<(), Failure> {
    let (reason, message, stalled) = match failure {
        Failure::Stalled { reason, message } => (*reason, message.clone(), true),
        Failure::Waiting { reason, message, .. } => (*reason, message.clone(), false),
        Failure::Retry(what) => ("Retrying", what.clone(), false),
        Failure::Quiet(_) => return Ok(()),
    };
    let now = cx.shared.clock.now();
    let whole;
    let object = if K::is_pruned(object) {
        whole = whole::read(cx, object).await?;
        &whole
    } else {
        object
    };
    let old = K::status(object).cloned().unwrap_or_default();
    let mut new = K::own_part(old.clone());
    upsert(
        &mut new,
        Verdict::new(READY, false, reason, message.clone()),
        object,
        now,
    );
    upsert(
        &mut new,
        Verdict::new(RECONCILING, !stalled, reason, message.clone()),
        object,
        now,
    );
    upsert(&mut new, Verdict::new(STALLED, stalled, reason, message), object, now);
    put(cx, object, old, new).await.map(drop)
}

fn upsert<S: CommonStatus>(
    status: &mut S,
    verdict: Verdict,
    object: &impl Resource,
    now: crate::kernel::moment::Moment,
) {
    let generation = object.meta().generation.unwrap_or(0);
    let old = status.conditions().to_vec();
    let kind = verdict.kind;
    let Some(settled) = condition::settle(&old, vec![verdict], generation, now).pop() else {
        return;
    };
    let list = status.conditions_mut();
    match list.iter_mut().find(|c| c.type_ == kind) {
        Some(place) => *place = settled,
        None => list.push(settled),
    }
}

/// What was taken out of the cache would be taken out of the cluster. Nothing comes here but by a bug.
const WRITTEN_WHOLE: &str = "an object is written whole or not at all; this is a bug in the controller";

/// Else every pass would find a difference, and write for ever.
const KEPT_OTHERWISE: &str = "the API server keeps another status than was written: is the CustomResourceDefinition of \
another version?";

async fn put<K: Kind>(
    cx: &Context<K>,
    object: &K::Resource,
    old: K::Status,
    new: K::Status,
) -> Result<Option<K::Resource>, Failure> {
    let new = K::own_part(new);
    if new == K::own_part(old) {
        return Ok(None);
    }
    if K::is_pruned(object) {
        return Err(Failure::Retry(WRITTEN_WHOLE.to_owned()));
    }
    cx.shared.leadership.check()?;
    let meta = object.meta();
    let api = cx.api(meta.namespace.as_deref().unwrap_or_default());
    match apply::<K>(&api, meta, &new).await {
        Ok(written) => {
            let seen = version(written.meta().resource_version.as_deref());
            cx.memory.wrote(meta.uid.as_deref().unwrap_or_default(), seen);
            if foreign::is_left::<K>(&written, &new) {
                return Err(Failure::Retry(KEPT_OTHERWISE.to_owned()));
            }
            Ok(Some(written))
        }
        Err(kube::Error::Api(answer)) if answer.is_conflict() || answer.is_not_found() => {
            Err(Failure::Quiet(format!("status not written: {}", answer.message)))
        }
        Err(error) => Err(Failure::Retry(format!("failed to write status: {error}"))),
    }
}

/// Applies the status on the version that was seen, and makes it stand alone.
async fn apply<K: Kind>(api: &Api<K::Resource>, seen: &ObjectMeta, new: &K::Status) -> kube::Result<K::Resource> {
    let name = seen.name.as_deref().unwrap_or_default();
    let body = json!({
        "apiVersion": K::Resource::api_version(&()),
        "kind": K::Resource::kind(&()),
        "metadata": { "name": name, "namespace": seen.namespace, "resourceVersion": seen.resource_version },
        "status": new,
    });
    let written = foreign::apply(api, name, K::MANAGER, body).await?;
    if foreign::is_left::<K>(&written, new) && !sabotaged("sabotage.status.leaves_what_is_not_ours") {
        return foreign::stand_alone::<K>(api, &written, new).await;
    }
    Ok(written)
}
