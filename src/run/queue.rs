//! Whose turn it is while only so many Runs may be active at once. Pure.
//!
//! One line for all: by creation, then by uid. A Run in the line may go as soon as it and everybody before it fit
//! beside those that are active. Runs that cannot go on by themselves (suspended, refused, in trouble) do not stand in
//! the line, so nobody waits behind them; once they can, they are back at their old place.

use std::collections::{BTreeMap, BTreeSet};

use super::crd::Run;
use super::summary::TOPOLOGY_ACCEPTED;
use crate::kernel::condition::{self, READY, STALLED, SUSPENDED};

/// The reason word of a Run that waits for its turn.
pub const QUEUED: &str = "Queued";
/// The reason word of a Run that takes its claims.
pub const CLAIMING: &str = "Claiming";
/// The reason word of an object whose passes fail.
const RETRYING: &str = "Retrying";

/// Where a Run stands with the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// It was accepted and is not going: it has a place.
    Active,
    /// It is in the line.
    Waiting,
    /// It neither has a place nor wants one now.
    Apart,
}

/// One Run as the line sees it. The order of the fields is the order of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    /// Seconds since 1970.
    pub created: i64,
    pub uid: String,
    /// The version of the object that this was read from.
    pub version: u64,
    pub stand: Stand,
}

/// The Runs that were let in a moment ago, each with the version of the Run at that time: their acceptance may not
/// have come back to our cache yet.
pub type LetIn = BTreeMap<String, u64>;

/// All that is known of the line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// How many Runs may be active at once; 0: any number.
    pub most: usize,
    pub contenders: Vec<Contender>,
    pub let_in: LetIn,
}

/// Whether a Run may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Go,
    Wait {
        /// Counts from 1.
        position: usize,
        of: usize,
        active: usize,
    },
}

/// Where the Run stands, as it tells of itself.
pub fn contender(run: &Run, version: u64) -> Contender {
    let meta = &run.metadata;
    Contender {
        created: meta.creation_timestamp.as_ref().map_or(i64::MAX, |t| t.0.as_second()),
        uid: meta.uid.clone().unwrap_or_default(),
        version,
        stand: stand(run),
    }
}

fn stand(run: &Run) -> Stand {
    let status = run.status.as_ref();
    let conditions = status.map(|s| s.conditions.as_slice()).unwrap_or_default();
    let kept_off = condition::find(conditions, TOPOLOGY_ACCEPTED)
        .is_some_and(|c| c.status == "False" && ![QUEUED, CLAIMING, SUSPENDED].contains(&c.reason.as_str()));
    let in_trouble = condition::is_true(conditions, STALLED)
        || condition::find(conditions, READY).is_some_and(|c| c.reason == RETRYING);
    if run.metadata.deletion_timestamp.is_some() {
        Stand::Apart
    } else if status.is_some_and(|s| s.docs.is_some()) {
        Stand::Active
    } else if run.spec.suspend || kept_off || in_trouble {
        Stand::Apart
    } else {
        Stand::Waiting
    }
}

impl Line {
    /// Whether it is this Run's turn. A Run that asks is in the line, whatever it told of itself before.
    pub fn turn(&self, uid: &str) -> Turn {
        if self.most == 0 || self.contenders.iter().any(|c| c.uid == uid && self.has_place(c)) {
            return Turn::Go;
        }
        let active = self.contenders.iter().filter(|c| self.has_place(c)).count();
        let (waiting, mine) = self.waiting(uid);
        let position = waiting
            .iter()
            .position(|place| *place == mine)
            .map_or(1, |index| index + 1);
        if active + position <= self.most {
            return Turn::Go;
        }
        Turn::Wait {
            position,
            of: waiting.len(),
            active,
        }
    }

    /// Every Run in the line, with what it is told.
    pub fn everybody(&self) -> BTreeMap<&str, Turn> {
        let active = self.contenders.iter().filter(|c| self.has_place(c)).count();
        let (waiting, _) = self.waiting("");
        let waiting: Vec<_> = waiting.into_iter().filter(|(_, uid)| !uid.is_empty()).collect();
        let of = waiting.len();
        let turn = |position: usize| match self.most == 0 || active + position <= self.most {
            true => Turn::Go,
            false => Turn::Wait { position, of, active },
        };
        let told = waiting.into_iter().enumerate();
        told.map(|(index, (_, uid))| (uid, turn(index + 1))).collect()
    }

    /// Those in the line in their order, and the place of the one who asks.
    fn waiting<'a>(&'a self, uid: &'a str) -> (BTreeSet<(i64, &'a str)>, (i64, &'a str)) {
        let created = self
            .contenders
            .iter()
            .find(|c| c.uid == uid)
            .map_or(i64::MAX, |c| c.created);
        let others = self.contenders.iter();
        let others = others.filter(|c| c.stand == Stand::Waiting && !self.has_place(c));
        let mut waiting: BTreeSet<_> = others.map(|c| (c.created, c.uid.as_str())).collect();
        waiting.insert((created, uid));
        (waiting, (created, uid))
    }

    /// A Run that was let in keeps its place until it says, in a newer version, that it does not want it.
    fn has_place(&self, contender: &Contender) -> bool {
        match contender.stand {
            Stand::Active => true,
            Stand::Waiting => self.let_in.contains_key(&contender.uid),
            Stand::Apart => self.let_in.get(&contender.uid).is_some_and(|v| contender.version <= *v),
        }
    }
}

/// Positions up to here are told as they are; further back only roughly, so that a long line does not write to every
/// Run in it whenever one leaves: each writes as often as its position halves.
const EXACT: usize = 10;

/// The position as it is told.
pub fn rough(position: usize) -> String {
    if position <= EXACT {
        return position.to_string();
    }
    format!("more than {}", EXACT << ((position - 1) / EXACT).ilog2())
}

/// What a waiting Run says. The words that stand there are kept until the position changes: the other two numbers
/// change whenever anybody comes or goes, and each such change would write to every Run in the line.
pub fn message(turn: (usize, usize, usize), most: usize, before: Option<&str>) -> String {
    let (position, of, active) = turn;
    let begin = format!("position {} of ", rough(position));
    let end = format!(" of {most} runs are active");
    match before {
        Some(words) if words.starts_with(&begin) && words.ends_with(&end) => words.to_owned(),
        _ => format!("{begin}{of} in the queue; {active}{end}"),
    }
}

#[cfg(test)]
mod tests;
