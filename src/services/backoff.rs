//! How long a server that ended is left alone before it is started again. Pure but for the dice, which the caller throws.

use std::time::Duration;

/// The longest wait after the first end.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait of all: soon enough for somebody who put things right, seldom enough for a machine full of them.
const LONGEST: Duration = Duration::from_secs(60);
/// A server that lived for so long was well: what came before is forgotten.
pub const STABLE: Duration = Duration::from_mins(1);

/// Ends in a row, counting this one.
pub fn failures(before: u32, lived: Duration) -> u32 {
    if lived >= STABLE { 1 } else { before.saturating_add(1) }
}

/// Full jitter: anything up to a bound that doubles. `dice`: from 0 to 1.
pub fn wait(failures: u32, dice: f64) -> Duration {
    let bound = FIRST
        .saturating_mul(1 << failures.saturating_sub(1).min(16))
        .min(LONGEST);
    bound.mul_f64(dice.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_anything_up_to_a_bound_that_doubles() {
        assert_eq!(wait(1, 1.0), FIRST);
        assert_eq!(wait(3, 1.0), FIRST * 4);
        assert_eq!(wait(99, 1.0), LONGEST);
        assert_eq!(wait(99, 0.5), LONGEST / 2);
        assert_eq!(wait(5, 0.0), Duration::ZERO);
    }

    #[test]
    fn a_server_that_was_well_for_a_while_begins_anew() {
        assert_eq!(failures(7, Duration::from_secs(3)), 8);
        assert_eq!(failures(7, STABLE), 1);
        assert_eq!(failures(u32::MAX, Duration::ZERO), u32::MAX);
    }
}
