//! Whether a controller works: a Lease that is renewed is held, whatever the clocks say; one that stands still for its whole
//! duration is not. Looks only; never takes a Lease.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::Client;
use kube::api::{Api, ListParams};
use serde::Serialize;
use tokio::time::Instant;

use super::call;
use crate::kernel::finalizers::LEASE_MANAGER;

/// How often a Lease with a holder is looked at again.
const LOOK: Duration = Duration::from_millis(500);
/// A Lease without a duration is taken to have the default one.
const USUAL: i32 = 15;

/// Which Leases to look at.
#[derive(Clone, Debug)]
pub struct Where {
    /// `None`: every Lease that a controller of ours wrote.
    pub name: Option<String>,
    /// `None`: in all namespaces.
    pub namespace: Option<String>,
}

/// What a Lease says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state")]
pub enum Verdict {
    /// A controller renewed it while we looked.
    Held { holder: String },
    /// Nobody renewed it for as long as it holds.
    RunOut { holder: String },
    /// It was given back.
    GivenBack,
}

/// One Lease and its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    pub namespace: String,
    pub name: String,
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Who is named as the holder; `None` where it was given back.
fn holder(lease: &Lease) -> Option<String> {
    let holder = lease.spec.as_ref()?.holder_identity.clone()?;
    Some(holder).filter(|h| !h.is_empty())
}

/// How long a Lease holds without being renewed.
pub fn duration(spec: Option<&LeaseSpec>) -> Duration {
    let seconds = spec.and_then(|s| s.lease_duration_seconds).filter(|s| *s > 0);
    Duration::from_secs(seconds.unwrap_or(USUAL).unsigned_abs().into())
}

/// Whether a controller of ours wrote it.
fn is_ours(lease: &Lease) -> bool {
    let mut writers = lease.metadata.managed_fields.iter().flatten();
    writers.any(|w| w.manager.as_deref() == Some(LEASE_MANAGER))
}

/// Looks at every such Lease until each has a verdict; tells before it waits.
///
/// # Errors
/// The API server does not answer, or does not let us look.
pub async fn look(client: &Client, at: &Where, tell: impl Fn(&str)) -> anyhow::Result<Vec<Seen>> {
    let mut seen = Vec::new();
    for lease in leases(client, at).await? {
        let namespace = lease.metadata.namespace.clone().unwrap_or_default();
        let name = lease.metadata.name.clone().unwrap_or_default();
        let verdict = judge(client, &namespace, &name, lease, &tell).await?;
        seen.push(Seen {
            namespace,
            name,
            verdict,
        });
    }
    Ok(seen)
}

async fn leases(client: &Client, at: &Where) -> anyhow::Result<Vec<Lease>> {
    let api: Api<Lease> = match &at.namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let what = "look for the controller's Lease (--lease-namespace and --lease-name say where it is)";
    Ok(match (&at.namespace, &at.name) {
        (Some(_), Some(name)) => call(what, api.get_opt(name)).await?.into_iter().collect(),
        (None, Some(name)) => {
            let of_that_name = ListParams::default().fields(&format!("metadata.name={name}"));
            call(what, api.list(&of_that_name)).await?.items
        }
        (_, None) => {
            let all = call(what, api.list(&ListParams::default())).await?.items;
            all.into_iter().filter(is_ours).collect()
        }
    })
}

async fn judge(
    client: &Client,
    namespace: &str,
    name: &str,
    first: Lease,
    tell: &impl Fn(&str),
) -> anyhow::Result<Verdict> {
    let Some(holder) = holder(&first) else {
        return Ok(Verdict::GivenBack);
    };
    let api: Api<Lease> = Api::namespaced(client.clone(), namespace);
    let lasts = duration(first.spec.as_ref());
    tell(&format!(
        "Lease {namespace}/{name} names '{holder}': watching for {} s whether it is renewed",
        lasts.as_secs()
    ));
    let until = Instant::now() + lasts;
    loop {
        tokio::time::sleep(LOOK).await;
        let what = format!("read the Lease '{namespace}/{name}'");
        let Some(now) = call(&what, api.get_opt(name)).await? else {
            return Ok(Verdict::GivenBack);
        };
        if let Some(verdict) = after(&first, &now, Instant::now() >= until) {
            return Ok(verdict);
        }
    }
}

/// What two looks at a Lease say; `None`: look again.
fn after(first: &Lease, now: &Lease, over: bool) -> Option<Verdict> {
    match holder(now) {
        None => Some(Verdict::GivenBack),
        Some(holder) if first.spec != now.spec => Some(Verdict::Held { holder }),
        Some(holder) => over.then_some(Verdict::RunOut { holder }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lease(holder: &str, renewed: u32) -> Lease {
        let renewed = format!("2026-11-21T12:00:{renewed:02}.000000Z");
        serde_json::from_value(
            json!({ "spec": { "holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 20 } }),
        )
        .unwrap()
    }

    #[test]
    fn a_lease_is_held_only_if_it_moves_while_we_look() {
        let me = |holder: &str| holder.to_owned();
        let first = lease("a", 1);
        assert_eq!(after(&first, &lease("a", 1), false), None);
        assert_eq!(
            after(&first, &lease("a", 1), true),
            Some(Verdict::RunOut { holder: me("a") })
        );
        assert_eq!(
            after(&first, &lease("a", 3), false),
            Some(Verdict::Held { holder: me("a") })
        );
        assert_eq!(
            after(&first, &lease("b", 3), true),
            Some(Verdict::Held { holder: me("b") })
        );
        assert_eq!(after(&first, &lease("", 1), false), Some(Verdict::GivenBack));
    }

    #[test]
    fn a_lease_is_ours_by_who_wrote_it() {
        assert!(!is_ours(&lease("a", 1)));
        let written = |by: &str| {
            let entry = json!({ "manager": by, "operation": "Update", "apiVersion": "coordination.k8s.io/v1" });
            serde_json::from_value(json!({ "metadata": { "managedFields": [entry] } })).unwrap()
        };
        assert!(is_ours(&written("metawsm-lease")));
        assert!(!is_ours(&written("kubelet")));
    }

    #[test]
    fn a_lease_without_a_usable_duration_has_the_default_one() {
        assert_eq!(duration(lease("a", 1).spec.as_ref()), Duration::from_secs(20));
        let odd = LeaseSpec {
            lease_duration_seconds: Some(-3),
            ..LeaseSpec::default()
        };
        assert_eq!(duration(Some(&odd)), Duration::from_secs(15));
        assert_eq!(duration(None), Duration::from_secs(15));
    }
}
