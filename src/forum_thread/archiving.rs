//! Which closed threads have been kept in the cluster for long enough. Pure.

use std::time::Duration;

use super::crd::{ForumThread, ThreadState};
use super::history::has_news;
use crate::kernel::moment::Moment;

/// Whether the thread may leave the cluster: closed for `keep`, everything about it recorded, nobody deleting it.
/// `now` and `status.stateSince` are compared as they are: a clock that went back only waits longer.
pub fn is_due(thread: &ForumThread, keep: Duration, now: Moment) -> bool {
    let Some(status) = &thread.status else { return false };
    let closed = thread.spec.state == ThreadState::Closed && status.state == Some(ThreadState::Closed);
    let since = status.state_since.filter(|_| closed && !has_news(thread));
    let settled = status.observed_generation == thread.metadata.generation;
    settled && thread.metadata.deletion_timestamp.is_none() && since.is_some_and(|since| since.plus(keep) <= now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const DAY: Duration = Duration::from_hours(24);

    fn thread(change: impl FnOnce(&mut Value)) -> ForumThread {
        let mut value = json!({
            "apiVersion": "metawsm.dev/v1alpha1", "kind": "ForumThread",
            "metadata": { "name": "q", "generation": 3 },
            "spec": { "ticket": "A-1", "title": "t", "state": "Closed",
                      "posts": [{ "id": "q1", "kind": "Question", "body": "?" }] },
            "status": { "state": "Closed", "stateSince": "2026-01-01T00:00:00Z", "observedGeneration": 3,
                        "priority": "Normal",
                        "posts": [{ "id": "q1", "recordedAt": "2026-01-01T00:00:00Z", "seq": 2 }], "postCount": 1 },
        });
        change(&mut value);
        serde_json::from_value(value).unwrap()
    }

    fn at(text: &str) -> Moment {
        text.parse().unwrap()
    }

    #[test]
    fn a_closed_thread_is_due_once_its_time_is_over() {
        let closed = thread(|_| ());
        assert!(!is_due(&closed, DAY, at("2026-01-01T23:59:59Z")));
        assert!(is_due(&closed, DAY, at("2026-01-02T00:00:00Z")));
    }

    #[test]
    fn a_thread_with_anything_left_to_do_or_to_record_stays() {
        let late = at("2027-01-01T00:00:00Z");
        let table: [(&str, ForumThread); 6] = [
            ("open", thread(|t| t["spec"]["state"] = "Answered".into())),
            (
                "closing is not recorded",
                thread(|t| t["status"]["state"] = "Answered".into()),
            ),
            (
                "an edit is not seen",
                thread(|t| t["metadata"]["generation"] = 4.into()),
            ),
            ("a post is not recorded", thread(|t| t["status"]["posts"] = json!([]))),
            (
                "it goes already",
                thread(|t| t["metadata"]["deletionTimestamp"] = "2026-02-01T00:00:00Z".into()),
            ),
            ("nothing is recorded", thread(|t| t["status"] = Value::Null)),
        ];
        for (what, thread) in table {
            assert!(!is_due(&thread, DAY, late), "{what}");
        }
    }
}
