//! What the cache holds of a thread: a smaller thread about which the same is to be done, though not with the same words.
//! Where anything is to be done, the thread is read whole first, so nothing that was taken out is ever written or told.
//! Pure.

use super::crd::{Author, ForumThread, ForumThreadSpec, ForumThreadStatus, Post, RecordedPost};
use crate::kernel::journal::JournalEntry;
use crate::kernel::request::REQUESTED_AT;

/// Takes the bodies out. No post is without a body, so that an empty one shows what happened.
pub fn without_bodies(thread: &mut ForumThread) {
    for post in &mut thread.spec.posts {
        post.body = String::new();
    }
}

/// Whether the bodies were taken out.
pub fn is_pruned(thread: &ForumThread) -> bool {
    thread.spec.posts.iter().any(|post| post.body.is_empty())
}

/// Leaves what tells whether something new was said or changed, what falls due when, and what the status repeats of it.
pub fn prune(thread: &mut ForumThread) {
    let meta = &mut thread.metadata;
    (meta.labels, meta.generate_name, meta.managed_fields) = (None, None, None);
    if let Some(annotations) = &mut meta.annotations {
        annotations.retain(|name, _| name == REQUESTED_AT);
    }
    meta.annotations.take_if(|annotations| annotations.is_empty());
    match &mut thread.status {
        Some(status) => {
            drop_recorded(&mut thread.spec, status);
            prune_status(status);
        }
        None => thread.spec.changes = Vec::new(),
    }
    let spec = &mut thread.spec;
    (spec.title, spec.choices) = (String::new(), None);
    (spec.agent_name, spec.continued_from) = (None, None);
    spec.posts.iter_mut().for_each(prune_post);
    spec.posts.shrink_to_fit();
}

/// What is recorded is counted in spec and status alike, so that dropping as much of both leaves what is not recorded.
/// The first post stays: whose turn it is depends on who asked.
fn drop_recorded(spec: &mut ForumThreadSpec, status: &mut ForumThreadStatus) {
    let said = status.posts.len().min(spec.posts.len());
    if said > 1 {
        spec.posts.drain(1..said);
        status.posts.drain(1..said);
    }
    let lines = usize::try_from(status.change_count)
        .unwrap_or(0)
        .min(spec.changes.len());
    spec.changes.drain(..lines);
    status.change_count -= i64::try_from(lines).unwrap_or(0);
    spec.changes.shrink_to_fit();
}

fn prune_post(post: &mut Post) {
    let author = post.author.as_ref().map(|author| Author {
        kind: author.kind,
        name: String::new(),
        attested: author.attested,
        via: None,
    });
    *post = Post {
        id: String::new(),
        kind: post.kind,
        author,
        body: String::new(),
        in_reply_to: None,
        choice: None,
    };
}

fn prune_status(status: &mut ForumThreadStatus) {
    for RecordedPost { id, .. } in &mut status.posts {
        *id = String::new();
    }
    status.posts.shrink_to_fit();
    (status.last_post, status.docs_sync) = (None, None);
    if let Some(sla) = &mut status.sla {
        (sla.policy.revision, sla.escalations) = (None, Vec::new());
    }
    status.conditions.shrink_to_fit();
    let before_the_last = status.journal.len().saturating_sub(1);
    status.journal.drain(..before_the_last);
    status.journal.iter_mut().for_each(prune_entry);
    status.journal.shrink_to_fit();
}

/// Number, time and kind stay. What the entry links to is noted before ([`crate::controller::recall`]).
fn prune_entry(entry: &mut JournalEntry) {
    entry.facts.clear();
    (entry.actor.name, entry.prev_hash) = (String::new(), String::new());
    entry.cause = None;
}

#[cfg(test)]
mod tests {
    use super::super::{archiving, audit};
    use super::*;
    use crate::kernel::moment::Moment;
    use serde_json::{Value, json};
    use std::collections::BTreeSet;
    use std::time::Duration;

    fn at(second: i64) -> Moment {
        Moment::from_millis(second * 1000).unwrap()
    }

    /// A long thread, with so many of its 40 posts and 20 changes recorded.
    fn thread(state: &str, posts: usize, changes: usize) -> ForumThread {
        let author = json!({"type": "Agent", "name": "system:serviceaccount:demo:coder", "via": "inbox"});
        let post = |n: i64| json!({"id": format!("p{n}"), "kind": "Question", "body": "x".repeat(2000), "author": author, "choice": "yes"});
        let change = |n: i64| json!({"num": n, "actor": author, "field": "Priority", "from": "Low", "to": "High"});
        let recorded = |n: i64| json!({"id": format!("p{n}"), "recordedAt": at(n), "seq": n + 2, "attested": true});
        let entry = |seq: i64| {
            json!({"seq": seq, "at": at(seq), "type": "Posted", "facts": {"id": "p", "text": "y".repeat(900)},
            "actor": {"type": "Human", "name": "ada"}, "cause": "because", "prevHash": "z".repeat(71)})
        };
        serde_json::from_value(json!({
            "apiVersion": "metawsm.dev/v1alpha1", "kind": "ForumThread",
            "metadata": {"name": "q", "namespace": "n", "uid": "u", "resourceVersion": "7", "generation": 2, "finalizers": ["f"],
                "labels": {"team": "a"}, "annotations": {"metawsm.dev/actor": "ada", "metawsm.dev/requestedAt": "now"}},
            "spec": {"ticket": "A-1", "title": "t".repeat(200), "runRef": {"name": "r"}, "agentName": "coder", "state": state,
                "choices": ["yes", "no"], "posts": (0..40).map(post).collect::<Vec<_>>(),
                "changes": (1..=20).map(change).collect::<Vec<_>>()},
            "status": {"state": "Closed", "stateSince": at(1000), "priority": "Normal", "observedGeneration": 2,
                "changeCount": changes, "postCount": posts,
                "posts": (0..i64::try_from(posts).unwrap()).map(recorded).collect::<Vec<_>>(),
                "sla": {"policy": {"levels": ["1m"], "revision": "r".repeat(71)}, "level": 0},
                "journal": (1..=16).map(entry).collect::<Vec<_>>()},
        }))
        .unwrap()
    }

    #[test]
    fn a_pruned_thread_is_known_as_one_and_keeps_what_its_driver_and_its_run_look_at() {
        let whole = thread("Closed", 40, 20);
        let mut pruned = whole.clone();
        prune(&mut pruned);
        assert!(is_pruned(&pruned) && !is_pruned(&whole));
        assert_eq!(pruned.metadata.finalizers, whole.metadata.finalizers);
        assert_eq!(pruned.metadata.resource_version, whole.metadata.resource_version);
        assert_eq!(
            (&pruned.spec.ticket, &pruned.spec.run_ref),
            (&whole.spec.ticket, &whole.spec.run_ref)
        );
        let asked = |t: &ForumThread| {
            t.metadata
                .annotations
                .as_ref()
                .and_then(|a| a.get(REQUESTED_AT).cloned())
        };
        assert_eq!(asked(&pruned), asked(&whole));
        let last = |t: &ForumThread| {
            t.status
                .as_ref()
                .map(|s| s.journal.last().map(|e| (e.seq, e.at, e.kind.clone())))
        };
        assert_eq!(last(&pruned), last(&whole));
        let again = pruned.clone();
        prune(&mut pruned);
        assert_eq!(pruned, again, "pruning twice takes no more");
    }

    #[test]
    fn a_long_thread_takes_no_more_of_the_cache_than_a_short_one() {
        let mut pruned = thread("Closed", 40, 20);
        prune(&mut pruned);
        let bytes = serde_json::to_string(&pruned).unwrap().len();
        assert!(bytes < 1200, "{bytes} bytes");
        assert_eq!((pruned.spec.posts.len(), pruned.spec.changes.len()), (1, 0));
    }

    #[test]
    fn what_is_not_recorded_stays_and_is_news() {
        for (posts, changes, left) in [(40, 20, (1, 0)), (37, 20, (4, 0)), (40, 18, (1, 2)), (0, 0, (40, 20))] {
            let whole = thread("Closed", posts, changes);
            let mut pruned = whole.clone();
            prune(&mut pruned);
            assert_eq!((pruned.spec.posts.len(), pruned.spec.changes.len()), left);
            assert_eq!(
                super::super::history::has_news(&pruned),
                super::super::history::has_news(&whole)
            );
            assert_eq!(super::super::history::has_news(&pruned), left != (1, 0));
        }
    }

    #[test]
    fn the_auditor_and_the_archive_judge_a_pruned_thread_like_a_whole_one() {
        for (state, posts) in [("Closed", 40), ("Closed", 39), ("WaitingHuman", 40)] {
            let whole = thread(state, posts, 20);
            let mut pruned = whole.clone();
            prune(&mut pruned);
            for second in [1000, 1059, 1179, 1180, 9000] {
                let behind = BTreeSet::from(["u".to_owned()]);
                let audited = |t: &ForumThread| audit::judge([t].into_iter(), &behind, at(second));
                assert_eq!(audited(&pruned), audited(&whole), "{state} {posts} {second}");
                let due = |t: &ForumThread| archiving::is_due(t, Duration::from_secs(500), at(second));
                assert_eq!(due(&pruned), due(&whole), "{state} {posts} {second}");
            }
        }
    }

    #[test]
    fn a_thread_that_was_never_recorded_is_news_too() {
        let mut new = thread("Closed", 0, 0);
        new.status = None;
        prune(&mut new);
        assert!(is_pruned(&new) && super::super::history::has_news(&new));
        assert_eq!(serde_json::to_value(&new).unwrap()["status"], Value::Null);
    }
}
