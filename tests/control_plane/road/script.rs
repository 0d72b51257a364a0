//! What goes wrong on a road, and when: thrown by dice that a seed loads, so that a failure can be run again. Pure.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answered with this status by the road itself; nothing reaches the API server.
    Answer(u16),
    /// No answer for this long, then the connection is cut.
    Hang(Duration),
    /// Headers at once, the body never: what a deadline on headers alone does not see.
    HangBody,
    /// The connection is cut before the API server sees the request.
    CutBefore,
    /// The API server does what was asked, and nobody hears of it.
    CutAfter,
    /// The answer comes late.
    Delay(Duration),
    /// A list as it was before, with its old resource version.
    StaleList,
}

/// What happens to one event of a watch. Lost and exchanged events are followed by a 410 before the watch ends, as an
/// API server that lost its cache would do it: nothing else can heal them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trick {
    Drop,
    Repeat,
    Exchange,
    Delay(Duration),
    /// The watch ends with an ERROR event, code 410.
    Gone,
}

/// A request as far as the dice care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Watch,
    List,
    Read,
    Write,
}

/// Everything that may go wrong, with its chance in a thousand.
#[derive(Clone, Debug)]
pub struct Script {
    pub name: &'static str,
    pub seed: u64,
    pub requests: Vec<(Sort, Fault, u32)>,
    pub tricks: Vec<(Trick, u32)>,
    /// Watches are closed after this.
    pub close_watches: Option<Duration>,
    /// Objects of this name cannot be decoded on this road.
    pub broken: Option<String>,
}

impl Script {
    /// A road without faults.
    pub fn clean() -> Self {
        Self {
            name: "clean",
            seed: 0,
            requests: vec![],
            tricks: vec![],
            close_watches: None,
            broken: None,
        }
    }

    /// The fault of the nth request of its sort on this path.
    pub fn fault(&self, sort: Sort, path: &str, nth: u64) -> Option<Fault> {
        let mut thrown = self.throw(&("request", path, nth));
        for (of, fault, chance) in &self.requests {
            if *of == sort {
                if thrown < *chance {
                    return Some(*fault);
                }
                thrown -= chance;
            }
        }
        None
    }

    /// The trick played on the nth event of the watches on this path.
    pub fn trick(&self, path: &str, nth: u64) -> Option<Trick> {
        let mut thrown = self.throw(&("event", path, nth));
        for (trick, chance) in &self.tricks {
            if thrown < *chance {
                return Some(*trick);
            }
            thrown -= chance;
        }
        None
    }

    /// 0 to 999, the same for the same seed and the same throw.
    fn throw(&self, which: &(&str, &str, u64)) -> u32 {
        let mut hasher = DefaultHasher::new();
        (self.seed, which).hash(&mut hasher);
        u32::try_from(hasher.finish() % 1000).expect("it is below a thousand")
    }
}

/// Every kind of fault at once.
pub fn everything(seed: u64) -> Script {
    let (short, long) = (Duration::from_millis(150), Duration::from_secs(30));
    Script {
        name: "everything",
        seed,
        requests: vec![
            (Sort::Write, Fault::Answer(409), 50),
            (Sort::Write, Fault::Answer(429), 50),
            (Sort::Write, Fault::Answer(500), 50),
            (Sort::Write, Fault::CutBefore, 30),
            (Sort::Write, Fault::CutAfter, 60),
            (Sort::Write, Fault::Hang(long), 20),
            (Sort::Write, Fault::HangBody, 60),
            (Sort::Write, Fault::Delay(short), 100),
            (Sort::Read, Fault::Answer(500), 100),
            (Sort::Read, Fault::Delay(short), 100),
            (Sort::List, Fault::StaleList, 300),
            (Sort::List, Fault::Answer(500), 50),
            (Sort::List, Fault::HangBody, 150),
            (Sort::Watch, Fault::Answer(410), 20),
            (Sort::Watch, Fault::Answer(500), 10),
            (Sort::Watch, Fault::CutBefore, 10),
        ],
        tricks: vec![
            (Trick::Drop, 50),
            (Trick::Repeat, 150),
            (Trick::Exchange, 100),
            (Trick::Delay(short), 100),
            (Trick::Gone, 20),
        ],
        close_watches: Some(Duration::from_millis(100)),
        broken: None,
    }
}

/// Watches live 100 ms, and what they say is not to be relied on.
pub fn watches(seed: u64) -> Script {
    let all = everything(seed);
    let requests = all.requests.into_iter().filter(|(sort, ..)| *sort == Sort::Watch);
    Script {
        name: "watches",
        requests: requests.collect(),
        ..everything(seed)
    }
}

/// Watches are sound; requests are refused, lost, repeated, late.
pub fn requests(seed: u64) -> Script {
    let all = everything(seed);
    let requests = all.requests.into_iter().filter(|(sort, ..)| *sort != Sort::Watch);
    Script {
        name: "requests",
        requests: requests.collect(),
        tricks: vec![],
        close_watches: None,
        ..everything(seed)
    }
}

/// Every watch is told at its start that it is too old, most lists are old.
pub fn staleness(seed: u64) -> Script {
    Script {
        name: "staleness",
        seed,
        requests: vec![
            (Sort::List, Fault::StaleList, 700),
            (Sort::Watch, Fault::Answer(410), 300),
        ],
        close_watches: Some(Duration::from_millis(500)),
        ..Script::clean()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_throws_the_same_faults_again_and_another_seed_others() {
        let thrown = |seed| -> Vec<_> {
            let script = everything(seed);
            (0..500)
                .map(|n| (script.fault(Sort::Write, "/x", n), script.trick("/x", n)))
                .collect()
        };
        assert_eq!(thrown(7), thrown(7));
        assert_ne!(thrown(7), thrown(8));
    }

    #[test]
    fn every_fault_and_every_trick_comes_up() {
        let script = everything(1);
        for (sort, fault, _) in &script.requests {
            assert!(
                (0..5000).any(|n| script.fault(*sort, "/x", n) == Some(*fault)),
                "{fault:?}"
            );
        }
        for (trick, _) in &script.tricks {
            assert!((0..5000).any(|n| script.trick("/x", n) == Some(*trick)), "{trick:?}");
        }
        assert!((0..5000).all(|n| Script::clean().fault(Sort::Write, "/x", n).is_none()));
    }
}
