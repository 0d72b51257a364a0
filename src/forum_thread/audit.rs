//! Whether every overdue thread was escalated: a second opinion beside the engine, from the status alone and by its own
//! arithmetic. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use super::crd::ForumThread;
use super::history;
use crate::kernel::length::length;
use crate::kernel::moment::Moment;

/// A deadline may be past for so long: the hold after a jump of the clock, and a minute for a busy controller.
pub const GRACE: Duration = Duration::from_mins(2);

/// What an audit found, by uid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// A deadline passed a while ago, and nobody was told.
    pub missed: Vec<String>,
    /// Something new was not recorded yet; where it still is not at the next audit, it is missed.
    pub behind: BTreeSet<String>,
}

/// Judges all threads. `behind`: what the audit before found so.
pub fn judge<'a>(threads: impl Iterator<Item = &'a ForumThread>, behind: &BTreeSet<String>, now: Moment) -> Findings {
    let mut findings = Findings::default();
    for thread in threads.filter(|t| t.metadata.deletion_timestamp.is_none()) {
        let uid = thread.metadata.uid.clone().unwrap_or_default();
        let news = history::has_news(thread);
        if overdue(thread, now) || (news && behind.contains(&uid)) {
            findings.missed.push(uid.clone());
        }
        if news {
            findings.behind.insert(uid);
        }
    }
    findings
}

/// Whether a level that fell due long ago was not escalated.
fn overdue(thread: &ForumThread, now: Moment) -> bool {
    let Some(status) = &thread.status else { return false };
    let (Some(since), Some(sla)) = (status.state_since, &status.sla) else {
        return false;
    };
    if history::has_news(thread) {
        return false;
    }
    let waited = now.since(since).saturating_sub(GRACE);
    let passed = |level: &&String| length(level).is_ok_and(|after| after <= waited);
    let due = sla.policy.levels.iter().filter(passed).count();
    i64::try_from(due).unwrap_or(i64::MAX) > sla.level || sla.deadline.is_some_and(|d| now.since(d) > GRACE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(second: i64) -> Moment {
        Moment::from_millis(second * 1000).unwrap()
    }

    fn thread(uid: &str, level: i64, recorded: &str) -> ForumThread {
        serde_json::from_value(json!({
            "apiVersion": "metawsm.dev/v1alpha1", "kind": "ForumThread", "metadata": {"name": uid, "uid": uid},
            "spec": {"ticket": "A-1", "title": "?", "state": "WaitingHuman", "posts": [{"id": "1", "kind": "Question", "body": "?"}]},
            "status": {
                "state": recorded, "priority": "Normal", "stateSince": at(1000), "postCount": 1,
                "posts": [{"id": "1", "recordedAt": at(1000), "seq": 2, "attested": false}],
                "sla": {"policy": {"levels": ["1m", "10m"]}, "level": level},
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_deadline_that_passed_long_ago_without_an_escalation_is_missed() {
        let threads = [thread("none", 0, "WaitingHuman"), thread("one", 1, "WaitingHuman")];
        let missed = |now: i64| judge(threads.iter(), &BTreeSet::new(), at(now)).missed;
        assert_eq!(missed(1000 + 60 + 119), [] as [&str; 0], "a controller may be busy");
        assert_eq!(missed(1000 + 60 + 120), ["none"]);
        assert_eq!(missed(1000 + 600 + 120), ["none", "one"]);
    }

    #[test]
    fn what_is_not_recorded_by_the_next_audit_is_missed() {
        let threads = [thread("changed", 0, "New")];
        let first = judge(threads.iter(), &BTreeSet::new(), at(1000));
        assert_eq!((first.missed.len(), first.behind.len()), (0, 1));
        assert_eq!(judge(threads.iter(), &first.behind, at(1030)).missed, ["changed"]);
    }
}
