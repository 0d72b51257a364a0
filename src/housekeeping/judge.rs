//! What becomes of something that nobody needs. Pure.

use std::time::Duration;

use super::found::{Found, Kind};
use crate::kernel::moment::Moment;

/// How long things are kept that nobody needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Workspaces, what was set aside, and records of steps.
    pub orphans: Duration,
    /// Caches: they can be fetched again.
    pub caches: Duration,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is not ours: told of, never touched.
    Foreign,
    Keep {
        left: Duration,
    },
    Sweep,
}

/// Judges something that nobody needs since then; without a time it was seen just now.
pub fn judge(found: &Found, since: Option<Moment>, now: Moment, retention: &Retention) -> Verdict {
    let longest = match found.kind {
        Kind::Foreign => return Verdict::Foreign,
        Kind::Cache { .. } => retention.caches,
        Kind::Workspace { .. } | Kind::HalfRemoved { .. } | Kind::SetAside | Kind::Steps { .. } => retention.orphans,
    };
    let age = since.map_or(Duration::ZERO, |since| now.since(since));
    match longest.checked_sub(age) {
        Some(left) if left > Duration::ZERO => Verdict::Keep { left },
        Some(_) | None => Verdict::Sweep,
    }
}
