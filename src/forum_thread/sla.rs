//! The clock of one state entry: what has to be escalated now, and when to look again. Pure arithmetic: the ladder and
//! the moments come in, no clock is read here.
//!
//! Every level of the ladder fires once. What fell due while nobody looked fires at the next look and is marked late:
//! each missed level once, for each may be meant for somebody else; of missed repeats of the last level only the newest,
//! for an hour's silence is no reason to say the same thing sixty times.

use std::time::Duration;

use crate::kernel::ladder::Ladder;
use crate::kernel::moment::Moment;

#[cfg(test)]
pub mod model;

/// From how long after its deadline on an escalation counts as late: longer than a busy controller takes to get round to
/// a thread, shorter than any restart.
pub const LATE: Duration = Duration::from_secs(5);

/// One state entry, as far as its clock is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Since when the state holds.
    pub since: Moment,
    /// What held when it was entered.
    pub ladder: &'a Ladder,
    /// The highest level that was escalated; 0 before the first.
    pub fired: u32,
}

/// One level that has to be escalated now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escalation {
    pub level: u32,
    pub deadline: Moment,
    /// How long ago that was.
    pub late_by: Duration,
}

impl Escalation {
    /// Whether it comes later than it should.
    pub fn late(&self) -> bool {
        self.late_by >= LATE
    }
}

impl Entry<'_> {
    /// The levels that have to be escalated now, lowest first. Never one before its deadline, never one again.
    pub fn due(&self, now: Moment) -> Vec<Escalation> {
        let reached = self.ladder.reached(self.since, now);
        if reached <= self.fired {
            return Vec::new();
        }
        let height = self.ladder.height();
        let rungs = self.fired + 1..=reached.min(height);
        let newest_repeat = (reached > height).then_some(reached);
        rungs
            .chain(newest_repeat)
            .filter_map(|level| self.escalation(level, now))
            .collect()
    }

    fn escalation(&self, level: u32, now: Moment) -> Option<Escalation> {
        let deadline = self.ladder.deadline(self.since, level)?;
        Some(Escalation {
            level,
            deadline,
            late_by: now.since(deadline),
        })
    }

    /// The deadline that comes after everything escalated so far; `None` where nothing comes any more.
    pub fn deadline(&self) -> Option<Moment> {
        self.ladder.deadline(self.since, self.fired.checked_add(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::model::Simulation;
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Moment {
        Moment::from_millis(second * 1000).unwrap()
    }

    fn ladder(rungs: &[u64], repeat: Option<u64>) -> Ladder {
        let rungs = rungs.iter().copied().map(Duration::from_secs).collect();
        Ladder::new(rungs, repeat.map(Duration::from_secs)).unwrap()
    }

    fn levels(entry: Entry<'_>, now: Moment) -> Vec<u32> {
        entry.due(now).iter().map(|e| e.level).collect()
    }

    #[test]
    fn a_level_fires_at_its_deadline_and_not_a_millisecond_before() {
        let ladder = ladder(&[1800], None);
        let entry = Entry {
            since: at(0),
            ladder: &ladder,
            fired: 0,
        };
        assert_eq!(levels(entry, Moment::from_millis(1_799_999).unwrap()), [] as [u32; 0]);
        assert_eq!(levels(entry, at(1800)), [1]);
        assert_eq!(entry.deadline(), Some(at(1800)));
        assert_eq!(levels(Entry { fired: 1, ..entry }, at(9999)), [] as [u32; 0]);
        assert_eq!(Entry { fired: 1, ..entry }.deadline(), None);
    }

    #[test]
    fn what_fell_due_unseen_fires_once_each_and_repeats_once_together() {
        let ladder = ladder(&[10, 20, 30], Some(10));
        let entry = Entry {
            since: at(0),
            ladder: &ladder,
            fired: 1,
        };
        let due = entry.due(at(86_400));
        assert_eq!(due.iter().map(|e| e.level).collect::<Vec<_>>(), [2, 3, 8640]);
        assert!(due[0].late() && due[1].late());
        assert_eq!(due[0].late_by, Duration::from_secs(86_400 - 20));
        assert!(!due[2].late(), "the newest repeat fell due just now");
        assert_eq!(Entry { fired: 8640, ..entry }.deadline(), Some(at(86_410)));
    }

    #[test]
    fn late_begins_five_seconds_after_the_deadline() {
        let ladder = ladder(&[10], None);
        let entry = Entry {
            since: at(0),
            ladder: &ladder,
            fired: 0,
        };
        assert!(!entry.due(Moment::from_millis(14_999).unwrap())[0].late());
        assert!(entry.due(at(15))[0].late());
    }

    #[test]
    fn a_clock_that_goes_back_a_day_fires_nothing_again_and_nothing_early() {
        let ladder = ladder(&[60], Some(60));
        let entry = Entry {
            since: at(1_000_000),
            ladder: &ladder,
            fired: 2,
        };
        assert_eq!(levels(entry, at(1_000_119)), [] as [u32; 0]);
        assert_eq!(levels(entry, at(1_000_119 - 86_400)), [] as [u32; 0]);
        assert_eq!(levels(entry, at(1_000_180)), [3]);
    }

    #[test]
    fn a_hundred_thousand_deadlines_of_one_second_fire_once_each_and_none_late() {
        let ladder = ladder(&[1800], None);
        let now = at(1_000_000);
        for n in 0..100_000 {
            let since = Moment::from_millis(now.as_millis() - 1_800_000 - n % 1000).unwrap();
            let entry = Entry {
                since,
                ladder: &ladder,
                fired: 0,
            };
            let due = entry.due(now);
            assert!(due.len() == 1 && !due[0].late() && due[0].late_by < Duration::from_secs(1));
            assert!(Entry { fired: 1, ..entry }.due(now).is_empty());
            let before = Moment::from_millis(now.as_millis() - 1000).unwrap();
            assert!(entry.due(before).is_empty());
        }
    }

    prop_compose! {
        fn some_ladder()(steps in prop::collection::vec(1u64..40, 0..10), every in prop::option::of(1u64..30)) -> Ladder {
            let rungs: Vec<u64> = steps.iter().scan(0, |sum, step| { *sum += step; Some(*sum) }).collect();
            let every = every.filter(|_| !rungs.is_empty());
            ladder(&rungs, every)
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        /// Looks at random moments, some long apart, some with the clock gone back, against a model that lets every
        /// second pass one by one.
        #[test]
        fn whatever_the_looks_the_engine_does_what_the_simulation_does(
            ladder in some_ladder(),
            since in -100i64..100,
            looks in prop::collection::vec(prop_oneof![4 => 0i64..30, 1 => 100i64..400, 1 => -200i64..0], 1..25),
        ) {
            let mut simulation = Simulation::new(&ladder, since);
            let (mut now, mut fired, mut ever) = (since, 0, Vec::new());
            for step in looks {
                now += step;
                let entry = Entry { since: at(since), ladder: &ladder, fired };
                let due = entry.due(at(now));
                let model = simulation.look(now);
                prop_assert_eq!(due.iter().map(|e| (e.level, e.deadline.as_millis() / 1000)).collect::<Vec<_>>(), model);
                for escalation in due {
                    prop_assert!(escalation.deadline <= at(now), "early");
                    prop_assert!(!ever.contains(&escalation.level), "twice");
                    ever.push(escalation.level);
                    fired = fired.max(escalation.level);
                }
                let entry = Entry { since: at(since), ladder: &ladder, fired };
                prop_assert!(entry.due(at(now)).is_empty(), "a second look at once has nothing to do");
                prop_assert!(entry.deadline().is_none_or(|next| next > at(now)));
                prop_assert_eq!(entry.deadline().map(|d| d.as_millis() / 1000), simulation.next());
            }
        }
    }
}
