//! How objects are judged by their conditions, as kstatus judges them. Talks to no cluster.

use serde_json::{Value, json};

use crate::harness::kstatus::{Verdict, verdict};

#[test]
fn objects_are_judged_as_kstatus_does() {
    let with = |conditions: Value| json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 2, "conditions": conditions}});
    let table = [
        (json!({"metadata": {"deletionTimestamp": "x"}}), Verdict::Terminating),
        (
            json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 1}}),
            Verdict::InProgress,
        ),
        (
            with(json!([{"type": "Reconciling", "status": "True"}, {"type": "Stalled", "status": "True"}])),
            Verdict::InProgress,
        ),
        (with(json!([{"type": "Stalled", "status": "True"}])), Verdict::Failed),
        (
            with(json!([{"type": "Ready", "status": "Unknown"}])),
            Verdict::InProgress,
        ),
        (with(json!([{"type": "Ready", "status": "True"}])), Verdict::Current),
        (json!({}), Verdict::Current),
    ];
    for (object, expected) in table {
        assert_eq!(verdict(&object), expected, "{object}");
    }
}
