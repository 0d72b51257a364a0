//! Takes our finalizers off and, where asked, deletes: a kind at a time, in order, several objects at once. Each step may be
//! repeated without harm. Decides nothing about what shall become of an object.

use futures::{StreamExt as _, stream};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use kube::core::ObjectMeta;
use serde::Serialize;
use serde_json::json;

use super::held::{Found, Intent, without};
use super::survey::{Ground, api};
use super::{call, if_there};
use crate::kernel::finalizers::{Held, IN_ORDER};

/// Objects worked on at the same time.
const AT_ONCE: usize = 8;
/// How often somebody else may write first.
const TRIES: usize = 10;
const MANAGER: &str = "metawsm-uninstall";

/// What became of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome")]
pub enum Outcome {
    /// It was only asked what would be done.
    Planned,
    /// Nothing was to be done.
    Nothing,
    /// Our finalizer is off. It is there further: alive, or held by others.
    Released,
    /// It is gone.
    Gone,
    /// Why not.
    Failed { message: String },
}

/// One object and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Done {
    #[serde(flatten)]
    pub object: Found,
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl Done {
    /// What would be done.
    pub fn planned(object: &Found) -> Self {
        Self {
            object: object.clone(),
            outcome: Outcome::Planned,
        }
    }

    /// An object that was let go and is held again says so.
    pub fn compare(&mut self, after: &[Found]) {
        let again =
            |o: &Found| o.uid == self.object.uid && matches!(o.intent, Intent::Release | Intent::ReleaseAndDelete);
        if self.outcome == Outcome::Released && after.iter().any(again) {
            self.outcome = Outcome::Failed {
                message: "the finalizer was put back: a controller works, stop it first".to_owned(),
            };
        }
    }
}

/// Does to every object what was intended; tells after each kind.
pub async fn release(ground: &Ground, objects: Vec<Found>, tell: impl Fn(&str)) -> Vec<Done> {
    let mut done = Vec::with_capacity(objects.len());
    for of in IN_ORDER {
        let (due, idle): (Vec<_>, Vec<_>) = objects
            .iter()
            .filter(|o| o.kind == of.kind)
            .cloned()
            .partition(|o| o.intent != Intent::Nothing);
        done.extend(idle.into_iter().map(|object| Done {
            object,
            outcome: Outcome::Nothing,
        }));
        if due.is_empty() {
            continue;
        }
        let count = due.len();
        let mut worked = stream::iter(due.into_iter().map(|object| one(ground, of, object))).buffered(AT_ONCE);
        let (mut well, mut looked) = (0, 0);
        while let Some(next) = worked.next().await {
            looked += 1;
            well += usize::from(!matches!(next.outcome, Outcome::Failed { .. }));
            if looked % 100 == 0 || looked == count {
                tell(&format!("{}: {well} of {count} let go", of.plural));
            }
            done.push(next);
        }
    }
    done
}

async fn one(ground: &Ground, of: Held, object: Found) -> Done {
    let api = api(ground, of, Some(&object.namespace));
    let outcome = work(&api, of, &object).await.unwrap_or_else(|error| Outcome::Failed {
        message: format!("{error:#}"),
    });
    Done { object, outcome }
}

async fn work(api: &Api<DynamicObject>, of: Held, object: &Found) -> anyhow::Result<Outcome> {
    if matches!(object.intent, Intent::Release | Intent::ReleaseAndDelete) {
        take_off(api, of, object).await?;
    }
    if matches!(object.intent, Intent::Delete | Intent::ReleaseAndDelete) {
        delete(api, object).await?;
    }
    let left = call(
        &format!("look at {}", object.name),
        if_there(api.get_metadata(&object.name)),
    )
    .await?;
    Ok(match left {
        Some(now) if is(&now.metadata, object) => Outcome::Released,
        _ => Outcome::Gone,
    })
}

/// Whether it is still the object that was found, not a new one of its name.
fn is(now: &ObjectMeta, object: &Found) -> bool {
    now.uid.as_deref() == Some(&*object.uid)
}

async fn take_off(api: &Api<DynamicObject>, of: Held, object: &Found) -> anyhow::Result<()> {
    let what = format!(
        "take the finalizer off {} '{}/{}'",
        of.kind, object.namespace, object.name
    );
    let params = PatchParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PatchParams::default()
    };
    for _ in 0..TRIES {
        let Some(now) = call(&what, if_there(api.get_metadata(&object.name))).await? else {
            return Ok(());
        };
        let held = now.metadata.finalizers.clone().unwrap_or_default();
        if !is(&now.metadata, object) || !held.iter().any(|f| f == of.finalizer) {
            return Ok(());
        }
        let version = now.metadata.resource_version;
        let body = json!({ "metadata": { "resourceVersion": version, "finalizers": without(&held, of.finalizer) } });
        let written = async {
            match api.patch_metadata(&object.name, &params, &Patch::Merge(&body)).await {
                Err(kube::Error::Api(status)) if status.is_conflict() => Ok(false),
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(true),
                other => other.map(|_| true),
            }
        };
        if call(&what, written).await? {
            return Ok(());
        }
    }
    anyhow::bail!("failed to {what}: somebody else wrote first {TRIES} times; is a controller running?")
}

async fn delete(api: &Api<DynamicObject>, object: &Found) -> anyhow::Result<()> {
    let what = format!("delete {} '{}/{}'", object.kind, object.namespace, object.name);
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(object.uid.clone()),
            resource_version: None,
        }),
        ..DeleteParams::background()
    };
    let deleted = async {
        match api.delete(&object.name, &params).await {
            Err(kube::Error::Api(status)) if status.code == 404 || status.is_conflict() => Ok(()),
            other => other.map(drop),
        }
    };
    call(&what, deleted).await
}
