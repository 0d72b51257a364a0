//! How long to wait after a failure, and until the next look. Pure but for the dice.

use std::time::Duration;

use rand::RngExt as _;

/// The first backoff; doubled with each failure in a row.
const BASE: Duration = Duration::from_millis(500);
/// The longest backoff (design, section 3).
pub const CAP: Duration = Duration::from_mins(5);
/// Nothing is due: look once in a while all the same, for what no watch tells.
const HEARTBEAT: Duration = Duration::from_mins(10);
/// After losing a race: the watch brings the news long before.
pub const AFTER_QUIET: Duration = Duration::from_secs(5);

/// The longest that the backoff after so many failures in a row may be.
pub fn ceiling(failures: u32) -> Duration {
    BASE.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(CAP)
}

/// Exponential backoff with full jitter, never less than a tenth of a second.
pub fn backoff(failures: u32) -> Duration {
    let most = ceiling(failures);
    most.mul_f64(rand::rng().random_range(0.0..1.0))
        .max(Duration::from_millis(100))
}

/// The heartbeat, spread by a fifth so that objects do not march in step.
pub fn heartbeat() -> Duration {
    HEARTBEAT.mul_f64(rand::rng().random_range(0.9..1.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_to_five_minutes_and_stays_there() {
        assert_eq!(ceiling(1), Duration::from_millis(500));
        assert_eq!(ceiling(4), Duration::from_secs(4));
        assert_eq!(ceiling(30), CAP);
        assert!((1..100).all(|n| backoff(n) <= CAP));
    }
}
