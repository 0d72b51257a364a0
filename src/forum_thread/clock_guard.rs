//! Whether the wall clock can be trusted with deadlines: it is held against the clock that counts since the machine's
//! start and never jumps. Pure: both readings come in.
//!
//! Where the two disagree by more than a minute, escalations wait one minute, so that a clock that was set wrong has
//! time to be set right. After that the wall clock is believed, whatever it says.

use std::time::Duration;

use crate::kernel::moment::Moment;

/// A disagreement of so much is a jump and no drift (design, section 6).
pub const JUMP: Duration = Duration::from_mins(1);
/// How long escalations wait after a jump (design, section 6).
pub const HOLD: Duration = Duration::from_mins(1);
/// The two clocks are taken together anew so often: a clock that is slewed drifts by up to 2 s in that time.
const ANCHOR: Duration = Duration::from_hours(1);

/// The wall clock jumped, and escalations wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// How long they still wait.
    pub left: Duration,
    /// By how many seconds the wall clock jumped; negative: back.
    pub by_seconds: i64,
}

/// What a look at the clocks found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Escalations wait.
    pub hold: Option<Hold>,
    /// This look is the one that found the jump.
    pub jumped: bool,
}

/// Remembers the two clocks side by side.
#[derive(Clone, Debug, Default)]
pub struct ClockGuard {
    anchor: Option<(Moment, Duration)>,
    /// Until when, since the machine's start, escalations wait; and the jump that they wait for.
    held: Option<(Duration, i64)>,
}

impl ClockGuard {
    /// Compares the wall clock with the time since the machine's start.
    pub fn look(&mut self, wall: Moment, since_boot: Duration) -> Look {
        let (wall_then, boot_then) = *self.anchor.get_or_insert((wall, since_boot));
        let passed = i64::try_from(since_boot.saturating_sub(boot_then).as_millis()).unwrap_or(i64::MAX);
        let by = wall
            .as_millis()
            .saturating_sub(wall_then.as_millis())
            .saturating_sub(passed);
        let jumped = u128::from(by.unsigned_abs()) > JUMP.as_millis();
        if jumped {
            self.held = Some((since_boot + HOLD, by / 1000));
        }
        if jumped || since_boot.saturating_sub(boot_then) >= ANCHOR {
            self.anchor = Some((wall, since_boot));
        }
        self.held = self.held.filter(|(until, _)| *until > since_boot);
        let hold = self.held.map(|(until, by_seconds)| Hold {
            left: until.saturating_sub(since_boot),
            by_seconds,
        });
        Look { hold, jumped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn wall(second: i64) -> Moment {
        Moment::from_millis(1_000_000_000_000 + second * 1000).unwrap()
    }

    fn boot(second: u64) -> Duration {
        Duration::from_secs(500 + second)
    }

    #[test]
    fn a_jump_of_a_day_holds_for_one_minute_and_is_found_once() {
        for day in [DAY, -DAY] {
            let mut guard = ClockGuard::default();
            assert_eq!(
                guard.look(wall(0), boot(0)),
                Look {
                    hold: None,
                    jumped: false
                }
            );
            let found = guard.look(wall(10 + day), boot(10));
            assert!(found.jumped);
            assert_eq!(found.hold.unwrap().by_seconds, day);
            let after = guard.look(wall(69 + day), boot(69));
            assert_eq!(
                (after.jumped, after.hold.unwrap().left),
                (false, Duration::from_secs(1))
            );
            assert_eq!(
                guard.look(wall(70 + day), boot(70)).hold,
                None,
                "then the wall clock is believed"
            );
        }
    }

    #[test]
    fn a_clock_that_is_set_right_within_the_minute_is_waited_for_again() {
        let mut guard = ClockGuard::default();
        guard.look(wall(0), boot(0));
        assert!(guard.look(wall(10 + DAY), boot(10)).jumped);
        let back = guard.look(wall(40), boot(40));
        assert!(back.jumped);
        assert_eq!(back.hold.unwrap().left, HOLD);
        assert_eq!(guard.look(wall(100), boot(100)).hold, None);
    }

    #[test]
    fn less_than_a_minute_and_slow_drift_are_no_jump() {
        let mut guard = ClockGuard::default();
        guard.look(wall(0), boot(0));
        assert!(!guard.look(wall(70), boot(10)).jumped);
        let mut guard = ClockGuard::default();
        for hour in 0..100_i64 {
            let boots = boot(u64::try_from(hour).unwrap() * 3600);
            assert!(!guard.look(wall(hour * 3602), boots).jumped, "2 s in an hour, for days");
        }
    }

    #[test]
    fn a_machine_that_slept_is_no_jump() {
        let mut guard = ClockGuard::default();
        guard.look(wall(0), boot(0));
        assert!(
            !guard.look(wall(DAY), boot(86_400)).jumped,
            "the clock since the start counts sleep too"
        );
    }
}
