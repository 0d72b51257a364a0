//! The questions that were asked in a Run and wait for an answer. Pure, over what the cache of threads holds.

use std::sync::Arc;

use kube::ResourceExt as _;

use super::crd::{ForumCounts, Run};
use crate::controller::runner::Guarded;
use crate::forum_thread::crd::{ForumThread, ThreadState};

/// Counts the Run's threads. One that goes waits for nobody any more.
pub fn asked_in(threads: &[Arc<Guarded<ForumThread>>], run: &Run) -> ForumCounts {
    let (name, namespace) = (run.name_any(), run.namespace());
    let readable = threads.iter().filter_map(|thread| thread.0.as_deref().ok());
    let ours = readable.filter(|thread| {
        thread.spec.run_ref.as_ref().is_some_and(|r| r.name == name)
            && thread.metadata.namespace == namespace
            && thread.metadata.deletion_timestamp.is_none()
    });
    ours.fold(ForumCounts::default(), add)
}

fn add(counts: ForumCounts, thread: &ForumThread) -> ForumCounts {
    let open = match thread.spec.state {
        ThreadState::New | ThreadState::Triaged | ThreadState::WaitingOperator | ThreadState::WaitingHuman => true,
        ThreadState::Answered | ThreadState::Closed => false,
    };
    let sla = thread.status.as_ref().and_then(|s| s.sla.as_ref());
    ForumCounts {
        open: counts.open + i64::from(open),
        waiting_human: counts.waiting_human + i64::from(thread.spec.state == ThreadState::WaitingHuman),
        escalated: counts.escalated + i64::from(open && sla.is_some_and(|s| s.level > 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn thread(run: &str, namespace: &str, state: &str, level: i64) -> Arc<Guarded<ForumThread>> {
        let value = json!({
            "apiVersion": "metawsm.dev/v1alpha1", "kind": "ForumThread", "metadata": {"name": "q", "namespace": namespace},
            "spec": {"ticket": "A-1", "title": "?", "runRef": {"name": run}, "state": state,
                     "posts": [{"id": "1", "kind": "Question", "body": "?"}]},
            "status": {"sla": {"policy": {}, "level": level}},
        });
        Arc::new(Guarded(Ok(Arc::new(serde_json::from_value(value).unwrap()))))
    }

    #[test]
    fn only_the_runs_own_open_questions_count() {
        let run: Run = serde_json::from_value(json!({
            "apiVersion": "metawsm.dev/v1alpha1", "kind": "Run", "metadata": {"name": "r", "namespace": "a"},
            "spec": {"tickets": ["A-1"], "repos": []},
        }))
        .unwrap();
        let threads = [
            thread("r", "a", "New", 0),
            thread("r", "a", "WaitingHuman", 2),
            thread("r", "a", "Answered", 1),
            thread("r", "a", "Closed", 0),
            thread("other", "a", "New", 1),
            thread("r", "b", "New", 1),
        ];
        let expected = ForumCounts {
            open: 2,
            waiting_human: 1,
            escalated: 1,
        };
        assert_eq!(asked_in(&threads, &run), expected);
    }
}
