//! "Work now": the annotation by which people ask for a pass, and for what is usually done once. Pure.

use std::collections::BTreeMap;

use super::journal::cut;

/// Any new value asks for work now; the answer is in `status.lastHandledRequest`.
pub const REQUESTED_AT: &str = "metawsm.dev/requestedAt";

/// What is asked for among these annotations, cut to what the answer can hold.
pub fn requested(annotations: &BTreeMap<String, String>) -> Option<String> {
    annotations
        .get(REQUESTED_AT)
        .filter(|v| !v.is_empty())
        .map(|v| cut(v, 253))
}
