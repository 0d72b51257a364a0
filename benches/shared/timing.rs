//! How long a piece of work takes.

use std::time::{Duration, Instant};

pub fn timed(work: impl FnOnce()) -> Duration {
    timed_with(work).0
}

pub fn timed_with<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let value = work();
    (begun.elapsed(), value)
}
