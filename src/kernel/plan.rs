//! What `decide` answers. Pure data; carried out by `controller::drive` in the order of its fields.

use std::time::Duration;

use super::journal::Transition;

/// When to look at the object again, if nothing wakes us before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing is due; only the slow heartbeat.
    Settled,
    /// Something is due after this time.
    After(Duration),
}

/// The decision of one pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan<Status, Effect> {
    /// Performed first, in this order; each may be repeated without harm.
    pub effects: Vec<Effect>,
    /// The whole status as it should read afterwards, journal excepted.
    pub status: Status,
    /// What was decided; appended to the journal in the same write as the status.
    pub transitions: Vec<Transition>,
    /// The object may go: takes the finalizer off once all of the above is recorded.
    pub release: bool,
    pub next: Next,
    /// Why this plan is what it is; the word is also in conditions, events and logs.
    pub reason: &'static str,
}
