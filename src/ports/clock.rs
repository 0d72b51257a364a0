//! The one way to learn the time; nothing else asks the system for it.

use crate::kernel::moment::Moment;

/// Gives the current time.
pub trait Clock: Send + Sync {
    /// Wall clock time, cut to milliseconds. It may jump, also backwards.
    fn now(&self) -> Moment;
}
