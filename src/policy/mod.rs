//! What the people who run the forum decided about it: when questions escalate, how long threads are kept. Types that are
//! right once they exist; `file` reads them, `live` keeps them up to date. Decides nothing about a thread.

pub mod file;
pub mod live;
pub mod metrics;
mod rules;

use std::time::Duration;

use crate::kernel::ladder::Ladder;

/// Half an hour for everything, where nobody decided otherwise (design, section 6).
pub const USUAL: Duration = Duration::from_mins(30);

/// The whole policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub sla: SlaPolicy,
    pub docs_sync: bool,
    pub auto_triage: bool,
    pub auto_draft: Option<AutoDraft>,
    pub notify: Vec<Target>,
    pub retention: Retention,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            sla: SlaPolicy::default(),
            docs_sync: true,
            auto_triage: false,
            auto_draft: None,
            notify: Vec::new(),
            retention: Retention::default(),
        }
    }
}

/// When a question escalates, for the two states in which its clock runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlaPolicy {
    pub new: ByPriority,
    pub waiting_human: ByPriority,
}

/// One ladder per priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByPriority {
    pub low: Ladder,
    pub normal: Ladder,
    pub high: Ladder,
    pub urgent: Ladder,
}

impl Default for ByPriority {
    fn default() -> Self {
        let usual = Ladder::new(vec![USUAL], None).unwrap_or_default();
        Self {
            low: usual.clone(),
            normal: usual.clone(),
            high: usual.clone(),
            urgent: usual,
        }
    }
}

/// A command whose output becomes a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoDraft {
    pub command: Vec<String>,
}

/// Somebody who is told by webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub name: String,
    pub url: String,
}

/// How long things are kept; `None`: for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// A thread that was closed for so long is archived and leaves the cluster.
    pub closed_threads: Option<Duration>,
    /// Events older than this may be folded away.
    pub events: Option<Duration>,
}
