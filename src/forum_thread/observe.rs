//! Reads all that a thread's decision may know. Decides nothing.

use std::sync::{Arc, PoisonError};

use tracing::warn;

use super::ThreadKind;
use super::attestation::Attestation;
use super::clock_guard::Hold;
use super::crd::ForumThread;
use super::state_since::owned_since;
use crate::kernel::moment::Moment;
use crate::policy::Policy;

/// All that `decide` may know.
#[derive(Clone, Debug)]
pub struct Observed {
    pub thread: Arc<ForumThread>,
    /// When whoever owns `spec.state` last wrote; `None` where the thread was not read whole, or nobody owns it.
    pub owned_since: Option<Moment>,
    pub policy: Arc<Policy>,
    /// A hash of the file that the policy is from.
    pub revision: Option<String>,
    /// Whether the API server vouches for who writes.
    pub attestation: Attestation,
    /// The wall clock jumped, and escalations wait.
    pub hold: Option<Hold>,
    /// What the wall clock said when it was compared.
    pub looked_at: Moment,
    /// How many transitions the journal can take now.
    pub room: usize,
}

/// Looks at everything once.
pub fn observe(kind: &ThreadKind, thread: &Arc<ForumThread>, room: usize) -> Observed {
    let in_force = kind.policy.borrow().clone();
    let (looked_at, hold) = look_at_clocks(kind);
    Observed {
        thread: thread.clone(),
        owned_since: thread.metadata.managed_fields.as_deref().and_then(owned_since),
        policy: in_force.policy,
        revision: in_force.revision,
        attestation: kind.attestation.borrow().clone(),
        hold,
        looked_at,
        room,
    }
}

/// Compares the clocks; what the wall clock says, and whether escalations wait.
pub fn look_at_clocks(kind: &ThreadKind) -> (Moment, Option<Hold>) {
    // Both under one lock: of two readings the later one must also be compared later.
    let mut guard = kind.guard.lock().unwrap_or_else(PoisonError::into_inner);
    let wall = kind.clock.now();
    let look = guard.look(wall, (kind.since_boot)());
    if let (true, Some(Hold { by_seconds, .. })) = (look.jumped, look.hold) {
        kind.metrics.clock_jumps.inc();
        warn!(
            by_seconds,
            "ClockJumped: the wall clock moved against the time since boot; escalations wait a minute"
        );
    }
    (wall, look.hold)
}
