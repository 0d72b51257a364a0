//! The machine's wall clock behind the `Clock` port; nothing else may ask the system for the time.

use crate::kernel::moment::Moment;
use crate::ports::clock::Clock;

/// Reads the system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment::new(jiff::Timestamp::now())
    }
}
