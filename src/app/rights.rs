//! Keeps readiness honest about what the API server lets us do. The list below is what a ClusterRole must grant.

use std::time::Duration;

use kube::Client;
use tracing::{debug, info, warn};

use super::Ground;
use crate::controller::rights::{Right, missing};
use crate::failpoint::sabotaged;
use crate::tasks::Tasks;

/// How often rights are asked for; and how often while some are missing, so that giving them back soon shows.
const CHECK: Duration = Duration::from_secs(30);
const CHECK_MISSING: Duration = Duration::from_secs(3);

const OURS: &str = "metawsm.dev";

/// What the controller does in the namespaces that it works in.
const WORK: [(&str, &str, &[&str]); 10] = [
    (OURS, "runs", &["get", "list", "watch", "patch"]),
    (OURS, "runs/status", &["patch"]),
    (
        OURS,
        "tickettopologies",
        &["list", "watch", "create", "patch", "delete"],
    ),
    (OURS, "tickettopologies/status", &["patch"]),
    (
        OURS,
        "docendpoints",
        &["get", "list", "watch", "create", "patch", "delete"],
    ),
    (OURS, "docendpoints/status", &["patch"]),
    (OURS, "forumthreads", &["get", "list", "watch", "patch", "delete"]),
    (OURS, "forumthreads/status", &["patch"]),
    ("events.k8s.io", "events", &["create", "patch"]),
    // No resource: the policy on status asks for it (docs/decisions/0009-status-has-a-right-of-its-own.md).
    (OURS, "controllers", &["write-status"]),
];
/// What it does in the namespace of its Lease.
const LEASE: [(&str, &str, &[&str]); 1] = [("coordination.k8s.io", "leases", &["get", "create", "update"])];

/// What it asks of the cluster about those who read documents through it.
const CLUSTER: [(&str, &str, &[&str]); 2] = [
    ("authentication.k8s.io", "tokenreviews", &["create"]),
    ("authorization.k8s.io", "subjectaccessreviews", &["create"]),
];

/// `lease`: its namespace and name. What makes an object cannot be granted by the object's name, all else can.
fn rights(namespace: Option<&str>, lease: (&str, &str)) -> Vec<Right> {
    let mut all = Vec::new();
    let parts = [
        (&WORK[..], namespace, None),
        (&LEASE[..], Some(lease.0), Some(lease.1)),
        (&CLUSTER[..], None, None),
    ];
    for (granted, within, named) in parts {
        for &(group, resource, verbs) in granted {
            for &verb in verbs {
                all.push(Right {
                    group,
                    resource,
                    verb,
                    namespace: within.map(str::to_owned),
                    name: named.filter(|_| verb != "create").map(str::to_owned),
                });
            }
        }
    }
    all
}

/// Asks again and again, and tells readiness.
pub fn watch_rights(ground: &Ground, tasks: &mut Tasks, client: Client) {
    let lease = (ground.args.lease_namespace.as_str(), ground.args.lease_name.as_str());
    let wanted = rights(ground.args.namespace.as_deref(), lease);
    let (readiness, stop) = (ground.readiness.clone(), ground.stop.clone());
    tasks.spawn("rights", async move {
        let mut known = Vec::new();
        while !stop.is_cancelled() {
            let asked = tokio::select! {
                asked = missing(&client, &wanted) => asked,
                () = stop.cancelled() => return,
            };
            match asked {
                Ok(now) if now == known || sabotaged("sabotage.rights.silent") => {}
                Ok(now) => {
                    if now.is_empty() {
                        info!("all rights are there");
                    } else {
                        warn!(
                            missing = now.join(", "),
                            "rights are missing: see manifests of this version"
                        );
                    }
                    known = now;
                }
                Err(error) => debug!(%error, "rights could not be asked for"),
            }
            readiness.lacks("rights", &known);
            tokio::select! {
                () = tokio::time::sleep(if known.is_empty() { CHECK } else { CHECK_MISSING }) => {}
                () = stop.cancelled() => {}
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lease_is_asked_for_by_its_name_where_it_can_be_granted_by_name() {
        let all = rights(None, ("system", "metawsm"));
        let leases = all.iter().filter(|r| r.resource == "leases");
        let asked: Vec<_> = leases.map(|r| (r.verb, r.name.as_deref())).collect();
        assert_eq!(
            asked,
            [("get", Some("metawsm")), ("create", None), ("update", Some("metawsm"))]
        );
        assert!(all.iter().all(|r| r.resource == "leases" || r.name.is_none()));
    }
}
