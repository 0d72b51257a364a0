//! When a failed step is tried again. Pure.

use std::time::Duration;

use crate::kernel::moment::Moment;

/// After the first failure.
const FIRST: Duration = Duration::from_secs(2);
/// The longest wait; also the pace at which a step that needs somebody is looked at again.
const LONGEST: Duration = Duration::from_mins(5);

/// How long until the next try; zero: now.
pub fn wait(attempts: i32, stalled: bool, last: Option<Moment>, now: Moment) -> Duration {
    let Some(last) = last else { return Duration::ZERO };
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(16);
    let pause = if stalled {
        LONGEST
    } else {
        FIRST.saturating_mul(1 << doublings).min(LONGEST)
    };
    // A clock that went back must not make anybody wait longer than the pause itself.
    if last > now {
        pause
    } else {
        pause.saturating_sub(now.since(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Option<Moment> {
        Moment::from_millis(s * 1000)
    }

    #[test]
    fn waits_double_up_to_five_minutes() {
        let now = at(1000).unwrap();
        assert_eq!(wait(0, false, None, now), Duration::ZERO);
        assert_eq!(wait(1, false, at(1000), now), Duration::from_secs(2));
        assert_eq!(wait(3, false, at(1000), now), Duration::from_secs(8));
        assert_eq!(wait(99, false, at(1000), now), LONGEST);
        assert_eq!(wait(1, true, at(1000), now), LONGEST);
        assert_eq!(wait(1, false, at(998), now), Duration::ZERO);
        assert_eq!(
            wait(1, false, at(99_999), now),
            Duration::from_secs(2),
            "a clock that went back"
        );
    }
}
