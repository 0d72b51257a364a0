//! When an unanswered question is escalated, counted from the moment its state was entered: up to ten levels, of which
//! the last may repeat. Pure arithmetic on lengths of time; it never reads a clock.

use std::time::Duration;

use super::moment::Moment;

/// How many levels a ladder may have (design, section 6).
pub const LEVELS: usize = 10;
/// The shortest threshold: deadlines are kept to the second in conditions, and nobody answers faster.
pub const SHORTEST: Duration = Duration::from_secs(1);
/// The longest threshold: a question that may wait for longer needs no clock.
pub const LONGEST: Duration = Duration::from_hours(24 * 365);

/// The levels of one state and priority. An empty one never escalates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ladder {
    rungs: Vec<Duration>,
    repeat: Option<Duration>,
}

/// Why lengths of time make no ladder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LadderProblem {
    #[error("there are {0} levels; at most {LEVELS} are possible")]
    TooMany(usize),
    #[error("level {0} is not later than the one before it; let the lengths of time rise")]
    NotRising(usize),
    #[error("level {0} must be from 1s to 365d, counted from the moment the state was entered")]
    OutOfBounds(usize),
    #[error("repeatEvery must be from 1s to 365d")]
    RepeatOutOfBounds,
    #[error("repeatEvery repeats the last level, and there is none; give levels, or remove it")]
    NothingToRepeat,
}

fn in_bounds(length: Duration) -> bool {
    (SHORTEST..=LONGEST).contains(&length)
}

impl Ladder {
    /// A ladder of these levels, each counted from the state's entry; the last comes again every `repeat` after it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(rungs: Vec<Duration>, repeat: Option<Duration>) -> Result<Self, LadderProblem> {
        if rungs.len() > LEVELS {
            return Err(LadderProblem::TooMany(rungs.len()));
        }
        for (place, rung) in rungs.iter().enumerate() {
            if !in_bounds(*rung) {
                return Err(LadderProblem::OutOfBounds(place + 1));
            }
            if place > 0 && *rung <= rungs[place - 1] {
                return Err(LadderProblem::NotRising(place + 1));
            }
        }
        match repeat {
            Some(_) if rungs.is_empty() => Err(LadderProblem::NothingToRepeat),
            Some(every) if !in_bounds(every) => Err(LadderProblem::RepeatOutOfBounds),
            _ => Ok(Self { rungs, repeat }),
        }
    }

    /// The levels, each counted from the state's entry.
    pub fn rungs(&self) -> &[Duration] {
        &self.rungs
    }

    /// How long after the last level it comes again, and again.
    pub fn repeat(&self) -> Option<Duration> {
        self.repeat
    }

    /// How many levels there are without repeats.
    pub fn height(&self) -> u32 {
        u32::try_from(self.rungs.len()).unwrap_or(u32::MAX)
    }

    /// When a level falls due. Levels count from 1; those above [`Self::height`] are the repeats of the last.
    pub fn deadline(&self, since: Moment, level: u32) -> Option<Moment> {
        let offset = if level <= self.height() {
            *self.rungs.get(usize::try_from(level.checked_sub(1)?).ok()?)?
        } else {
            let again = self.repeat?.checked_mul(level - self.height())?;
            self.rungs.last()?.checked_add(again)?
        };
        let millis = i64::try_from(offset.as_millis()).ok()?;
        Moment::from_millis(since.as_millis().checked_add(millis)?)
    }

    /// The highest level whose deadline is not after `now`; 0 where none is.
    pub fn reached(&self, since: Moment, now: Moment) -> u32 {
        let waited = now.since(since);
        let rungs = self.rungs.iter().take_while(|rung| **rung <= waited).count();
        let reached = u32::try_from(rungs).unwrap_or(u32::MAX);
        match (self.repeat, self.rungs.last()) {
            (Some(every), Some(last)) if reached == self.height() => {
                let again = waited.saturating_sub(*last).as_millis() / every.as_millis().max(1);
                reached.saturating_add(u32::try_from(again).unwrap_or(u32::MAX))
            }
            _ => reached,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(all: &[u64]) -> Vec<Duration> {
        all.iter().copied().map(Duration::from_secs).collect()
    }

    fn at(second: i64) -> Moment {
        Moment::from_millis(second * 1000).unwrap()
    }

    #[test]
    fn lengths_that_make_no_ladder_are_named() {
        let table = [
            (seconds(&[0]), None, LadderProblem::OutOfBounds(1)),
            (seconds(&[5, 5]), None, LadderProblem::NotRising(2)),
            (seconds(&[5, 9, 7]), None, LadderProblem::NotRising(3)),
            (seconds(&[5, 86_400 * 366]), None, LadderProblem::OutOfBounds(2)),
            (
                (1..=11).map(Duration::from_secs).collect(),
                None,
                LadderProblem::TooMany(11),
            ),
            (vec![], Some(Duration::from_secs(1)), LadderProblem::NothingToRepeat),
            (seconds(&[5]), Some(Duration::ZERO), LadderProblem::RepeatOutOfBounds),
        ];
        for (rungs, repeat, problem) in table {
            assert_eq!(Ladder::new(rungs, repeat), Err(problem));
        }
        assert!(Ladder::new((1..=10).map(Duration::from_secs).collect(), None).is_ok());
        assert!(Ladder::new(vec![], None).is_ok());
    }

    #[test]
    fn the_last_level_comes_again_and_again() {
        let ladder = Ladder::new(seconds(&[10, 30]), Some(Duration::from_secs(7))).unwrap();
        let due: Vec<_> = (1..=4).map(|level| ladder.deadline(at(100), level)).collect();
        assert_eq!(due, [110, 130, 137, 144].map(|s| Some(at(s))));
        assert_eq!(ladder.deadline(at(100), 0), None);
        let reached = [109, 110, 129, 130, 136, 137, 1000].map(|s| ladder.reached(at(100), at(s)));
        assert_eq!(reached, [0, 1, 1, 2, 2, 3, 126]);
    }

    #[test]
    fn a_ladder_without_repeats_ends() {
        let ladder = Ladder::new(seconds(&[10, 30]), None).unwrap();
        assert_eq!(ladder.deadline(at(0), 3), None);
        assert_eq!(ladder.reached(at(0), at(1_000_000)), 2);
        assert_eq!(Ladder::default().deadline(at(0), 1), None);
        assert_eq!(Ladder::default().reached(at(0), at(1_000_000)), 0);
    }

    #[test]
    fn a_clock_that_stands_before_the_entry_has_reached_nothing() {
        let ladder = Ladder::new(seconds(&[10]), None).unwrap();
        assert_eq!(ladder.reached(at(100), at(-86_400)), 0);
    }
}
