//! Whether every overdue thread was escalated: a second opinion beside the engine, from the status alone and by its own
//! arithmetic. Pure.

use std::collections::HashSet;
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
    pub behind: HashSet<String>,
}

/// Judges all threads. `behind`: what the audit before found so.
pub fn judge<'a>(threads: impl Iterator<Item = &'a ForumThread>, behind: &HashSet<String>, now: Moment) -> Findings {
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
