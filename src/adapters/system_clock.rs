//! The machine's wall clock behind the `Clock` port; nothing else may ask the system for the time.

use std::time::Duration;

use crate::kernel::moment::Moment;
use crate::ports::clock::Clock;

/// Reads the system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The time since the machine's start, sleep included. It never jumps.
    pub fn since_boot() -> Duration {
        let passed = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::try_from(passed).unwrap_or_default()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment::new(jiff::Timestamp::now())
    }
}
