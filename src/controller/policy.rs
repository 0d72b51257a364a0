//! How long to wait after a failure, and until the next look. Pure but for the dice and one look at the clock.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rand::RngExt as _;

/// The first backoff; doubled with each failure in a row.
const BASE: Duration = Duration::from_millis(500);
/// The longest backoff (design, section 3).
pub const CAP: Duration = Duration::from_mins(5);
/// Nothing is due: look once in a while all the same, for what no watch tells.
const HEARTBEAT: Duration = Duration::from_mins(10);
/// Looks that nothing asked for come together, this often: one that wakes the process for itself takes several times the
/// processor of one among others.
const TOGETHER: Duration = Duration::from_secs(10);
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

/// The heartbeat, spread by a fifth so that not all objects march in step, and at most [`TOGETHER`] longer.
pub fn heartbeat() -> Duration {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    with_others(HEARTBEAT.mul_f64(rand::rng().random_range(0.9..1.1)), BEGUN.elapsed())
}

/// A wait that begins `now` after the process began, and ends when the others end too.
fn with_others(wait: Duration, now: Duration) -> Duration {
    let turns = (now + wait).as_nanos().div_ceil(TOGETHER.as_nanos());
    TOGETHER
        .saturating_mul(u32::try_from(turns).unwrap_or(u32::MAX))
        .saturating_sub(now)
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

    #[test]
    fn looks_that_nothing_asked_for_come_together_and_never_early() {
        for now in (0..3_000_000).step_by(7_919).map(Duration::from_millis) {
            for wait in [540, 600, 659].map(Duration::from_secs) {
                let longer = with_others(wait, now);
                assert!(longer >= wait && longer < wait + TOGETHER);
                assert_eq!((now + longer).as_nanos() % TOGETHER.as_nanos(), 0);
            }
        }
    }
}
