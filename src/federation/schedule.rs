//! When a server is asked again: its interval give or take a tenth, and a backoff with full jitter while it fails.
//! Pure: the dice are thrown by who calls.

use std::time::Duration;

/// A server that fails is asked at least this often, unless its interval is longer: so that one that is back is noticed.
const LONGEST: Duration = Duration::from_mins(5);
/// And never more often than this.
const SHORTEST: Duration = Duration::from_millis(500);

/// How long to wait until the next round. `dice` is drawn evenly from 0 to 1; `failures` counts failed rounds in a row.
pub fn pause(interval: Duration, failures: u32, dice: f64) -> Duration {
    let dice = dice.clamp(0.0, 1.0);
    if failures == 0 {
        return interval.mul_f64(0.9 + 0.2 * dice);
    }
    // The first failure is looked into sooner than the interval says; from then on each doubles what may be waited for.
    let most = interval
        .div_f64(2.0)
        .saturating_mul(1 << failures.min(16))
        .min(LONGEST.max(interval));
    most.mul_f64(dice).max(SHORTEST.min(interval))
}

/// How long before the first round: many endpoints that begin together are not asked at once.
pub fn first(interval: Duration, dice: f64) -> Duration {
    interval.min(Duration::from_secs(1)).mul_f64(dice.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_healthy_server_is_asked_at_its_interval_give_or_take_a_tenth() {
        let interval = Duration::from_secs(30);
        assert_eq!(pause(interval, 0, 0.0), Duration::from_secs(27));
        assert_eq!(pause(interval, 0, 1.0), Duration::from_secs(33));
    }

    #[test]
    fn what_may_be_waited_for_doubles_up_to_five_minutes() {
        let most = |failures| pause(Duration::from_secs(30), failures, 1.0).as_secs();
        assert_eq!([1, 2, 3, 4, 5, 40].map(most), [30, 60, 120, 240, 300, 300]);
        assert_eq!(pause(Duration::from_hours(1), 40, 1.0), Duration::from_hours(1));
    }

    proptest! {
        #[test]
        fn a_pause_is_never_nothing_and_never_longer_than_the_cap(ms in 1_000u64..90_000_000, failures in 0u32..100, dice in 0.0f64..1.0) {
            let interval = Duration::from_millis(ms);
            let pause = pause(interval, failures, dice);
            prop_assert!(pause >= Duration::from_millis(500));
            prop_assert!(pause <= LONGEST.max(interval.mul_f64(1.1)));
        }
    }
}
