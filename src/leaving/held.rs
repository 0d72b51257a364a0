//! One object that is looked at when leaving, and what shall become of it. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use crate::kernel::finalizers::Held;

/// What shall be done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Intent {
    /// Our finalizer goes; a living object stays.
    Release,
    /// Our finalizer goes, then the object.
    ReleaseAndDelete,
    /// It holds no finalizer of ours.
    Delete,
    /// Neither is needed.
    Nothing,
}

/// An object as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    pub kind: &'static str,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    /// Somebody asked for its deletion: it goes with its last finalizer.
    pub deleting: bool,
    pub intent: Intent,
    /// Finalizers of others, which hold it further.
    pub others: Vec<String>,
}

impl Found {
    /// The object of a kind that has this metadata; `delete`: it shall go.
    pub fn new(of: Held, meta: &ObjectMeta, delete: bool) -> Self {
        let finalizers = meta.finalizers.clone().unwrap_or_default();
        let held = finalizers.iter().any(|f| f == of.finalizer);
        let deleting = meta.deletion_timestamp.is_some();
        let intent = match (held, delete && !deleting) {
            (true, false) => Intent::Release,
            (true, true) => Intent::ReleaseAndDelete,
            (false, true) => Intent::Delete,
            (false, false) => Intent::Nothing,
        };
        Self {
            kind: of.kind,
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.clone().unwrap_or_default(),
            deleting,
            intent,
            others: without(&finalizers, of.finalizer),
        }
    }
}

/// Finalizers without ours, in their order.
pub fn without(finalizers: &[String], ours: &str) -> Vec<String> {
    finalizers.iter().filter(|f| *f != ours).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::finalizers::{IN_ORDER, RUN};
    use serde_json::json;

    fn found(finalizers: &[&str], deleting: bool, delete: bool) -> Found {
        let deleted = deleting.then_some("2026-11-21T12:00:00Z");
        let meta = json!({ "namespace": "a", "name": "relay", "uid": "u", "finalizers": finalizers, "deletionTimestamp": deleted });
        Found::new(RUN, &serde_json::from_value(meta).unwrap(), delete)
    }

    #[test]
    fn what_becomes_of_an_object_follows_from_who_holds_it_and_what_was_asked() {
        let table: [(&[&str], bool, bool, Intent); 7] = [
            (&["metawsm.dev/run"], false, false, Intent::Release),
            (&["metawsm.dev/run"], true, false, Intent::Release),
            (&["metawsm.dev/run"], true, true, Intent::Release),
            (&["metawsm.dev/run"], false, true, Intent::ReleaseAndDelete),
            (&[], false, true, Intent::Delete),
            (&["example.com/backup"], false, false, Intent::Nothing),
            (&["metawsm.dev/thread"], false, false, Intent::Nothing),
        ];
        for (finalizers, deleting, delete, intent) in table {
            let object = found(finalizers, deleting, delete);
            assert_eq!(
                object.intent, intent,
                "{finalizers:?}, deleting {deleting}, --delete {delete}"
            );
        }
    }

    #[test]
    fn finalizers_of_others_stay_in_their_order_and_are_named() {
        let object = found(&["example.com/b", "metawsm.dev/run", "example.com/a"], true, false);
        assert_eq!(object.others, ["example.com/b", "example.com/a"]);
    }

    #[test]
    fn every_kind_has_a_finalizer_of_its_own() {
        let mut names: Vec<_> = IN_ORDER.iter().map(|held| held.finalizer).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), IN_ORDER.len());
        assert!(names.iter().all(|name| name.starts_with("metawsm.dev/")));
    }
}
