//! The clock as a person with a stopwatch would keep it: second by second, with a list of what rang. For tests only; it
//! shares no arithmetic with the engine.

use crate::kernel::ladder::Ladder;

/// A stopwatch that was started when the state was entered.
pub struct Simulation {
    since: i64,
    rungs: Vec<i64>,
    every: Option<i64>,
    /// When the last level comes again.
    again: Option<i64>,
    /// The last second that was lived through, counted from the entry.
    lived: i64,
    /// What rang and was not told yet: level, second since 1970, and whether it was a repeat.
    rang: Vec<(u32, i64, bool)>,
    /// How often it rang.
    rings: u32,
}

impl Simulation {
    /// Starts the stopwatch.
    pub fn new(ladder: &Ladder, since: i64) -> Self {
        let whole = |d: &std::time::Duration| i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
        let every = ladder.repeat().as_ref().map(whole);
        let last = ladder.rungs().last().map(whole);
        Self {
            since,
            rungs: ladder.rungs().iter().map(whole).collect(),
            every,
            again: last.zip(every).map(|(last, every)| last + every),
            lived: 0,
            rang: Vec::new(),
            rings: 0,
        }
    }

    /// Whether it rings at a second, and whether that is a repeat. `again`: when the last level comes again.
    fn rings_at(&self, second: i64, again: Option<i64>) -> Option<bool> {
        match self.rungs.contains(&second) {
            true => Some(false),
            false => (again == Some(second)).then_some(true),
        }
    }

    /// Somebody looks at this second: what is told, lowest level first.
    pub fn look(&mut self, now: i64) -> Vec<(u32, i64)> {
        while self.lived < now - self.since {
            self.lived += 1;
            let rings = self.rings_at(self.lived, self.again);
            if rings == Some(true) {
                self.again = self.again.zip(self.every).map(|(ring, every)| ring + every);
            }
            if let Some(again) = rings {
                self.rings += 1;
                self.rang.push((self.rings, self.since + self.lived, again));
            }
        }
        let newest = self.rang.iter().rposition(|(_, _, again)| *again);
        let told = std::mem::take(&mut self.rang);
        let kept = told
            .iter()
            .enumerate()
            .filter(|(place, (_, _, again))| !again || Some(*place) == newest);
        kept.map(|(_, (level, second, _))| (*level, *second)).collect()
    }

    /// The second at which it rings next.
    pub fn next(&self) -> Option<i64> {
        let rung = self.rungs.iter().copied().find(|rung| *rung > self.lived);
        rung.or(self.again).map(|second| self.since + second)
    }
}
