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
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn run(meta: &serde_json::Value, suspend: bool, status: &serde_json::Value) -> Run {
        let spec = json!({ "tickets": ["T-1"], "repos": [{ "name": "docs", "url": "/r" }], "suspend": suspend });
        let run = json!({ "apiVersion": "metawsm.dev/v1alpha1", "kind": "Run", "metadata": meta, "spec": spec, "status": status });
        serde_json::from_value(run).unwrap()
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn a_run_stands_where_its_own_words_put_it() {
        let born = json!({ "name": "r", "uid": "u", "creationTimestamp": "2026-11-21T08:00:00Z" });
        let going = json!({ "name": "r", "uid": "u", "deletionTimestamp": "2026-11-21T08:00:00Z" });
        let says = |kind: &str, status: &str, reason: &str| {
            let time = "2026-11-21T08:00:00Z";
            json!({ "conditions": [{ "type": kind, "status": status, "reason": reason, "message": "", "lastTransitionTime": time }] })
        };
        let accepted = json!({ "docs": { "homeRepo": "docs", "homeURL": "/r", "seedSummary": "", "authorityMode": "WorkspaceActive", "seedMode": "None" } });
        for (name, meta, suspend, status, stand) in [
            ("new", &born, false, json!({}), Stand::Waiting),
            (
                "queued",
                &born,
                false,
                says("TopologyAccepted", "False", "Queued"),
                Stand::Waiting,
            ),
            (
                "claiming",
                &born,
                false,
                says("TopologyAccepted", "False", "Claiming"),
                Stand::Waiting,
            ),
            (
                "first sight",
                &born,
                false,
                says("TopologyAccepted", "Unknown", "Pending"),
                Stand::Waiting,
            ),
            (
                "suspended a moment ago",
                &born,
                false,
                says("TopologyAccepted", "False", "Suspended"),
                Stand::Waiting,
            ),
            (
                "refused",
                &born,
                false,
                says("TopologyAccepted", "False", "DocHomeConflict"),
                Stand::Apart,
            ),
            (
                "waiting for another",
                &born,
                false,
                says("TopologyAccepted", "False", "TopologyDeleting"),
                Stand::Apart,
            ),
            (
                "needs somebody",
                &born,
                false,
                says("Stalled", "True", "TopologyUndecodable"),
                Stand::Apart,
            ),
            (
                "its passes fail",
                &born,
                false,
                says("Ready", "False", "Retrying"),
                Stand::Apart,
            ),
            ("suspended", &born, true, json!({}), Stand::Apart),
            ("accepted", &born, false, accepted.clone(), Stand::Active),
            ("accepted and suspended", &born, true, accepted.clone(), Stand::Active),
            ("going", &going, false, accepted.clone(), Stand::Apart),
        ] {
            assert_eq!(contender(&run(meta, suspend, &status), 1).stand, stand, "{name}");
        }
    }

    #[test]
    fn words_stay_until_the_position_changes() {
        let first = message((3, 7, 2), 2, None);
        assert_eq!(first, "position 3 of 7 in the queue; 2 of 2 runs are active");
        assert_eq!(message((3, 9, 1), 2, Some(&first)), first);
        assert_ne!(message((2, 9, 1), 2, Some(&first)), first);
        assert_ne!(message((3, 7, 2), 3, Some(&first)), first, "the setting changed");
        let told: Vec<_> = [1, 10, 11, 20, 21, 40, 41, 160, 161].map(rough).into();
        let rough = [
            "1",
            "10",
            "more than 10",
            "more than 10",
            "more than 20",
            "more than 20",
            "more than 40",
            "more than 80",
            "more than 160",
        ];
        assert_eq!(told, rough);
    }

    #[test]
    fn who_was_let_in_counts_until_a_newer_version_says_otherwise() {
        let one = |stand, version| Contender {
            created: 1,
            uid: "a".into(),
            version,
            stand,
        };
        let line = |stand, version| Line {
            most: 1,
            contenders: vec![
                one(stand, version),
                Contender {
                    created: 2,
                    uid: "b".into(),
                    version: 9,
                    stand: Stand::Waiting,
                },
            ],
            let_in: LetIn::from([("a".to_owned(), 5)]),
        };
        let waits = Turn::Wait {
            position: 1,
            of: 1,
            active: 1,
        };
        assert_eq!(line(Stand::Waiting, 7).turn("b"), waits);
        assert_eq!(
            line(Stand::Apart, 5).turn("b"),
            waits,
            "its view may be older than its turn"
        );
        assert_eq!(line(Stand::Apart, 6).turn("b"), Turn::Go, "refused since then");
        assert_eq!(line(Stand::Waiting, 7).turn("a"), Turn::Go);
    }

    /// What may happen to a crowd of Runs of which any may ask at any time, seeing any of the last few pictures.
    #[derive(Clone, Debug)]
    enum Move {
        Create {
            second: u8,
        },
        /// Somebody's pass: decides on an old picture, then enters by the new one.
        Ask(prop::sample::Index),
        End(prop::sample::Index),
        Suspend(prop::sample::Index, bool),
        Forget,
    }

    fn moves() -> impl Strategy<Value = Move> {
        prop_oneof![
            3 => any::<u8>().prop_map(|second| Move::Create { second }),
            6 => any::<prop::sample::Index>().prop_map(Move::Ask),
            2 => any::<prop::sample::Index>().prop_map(Move::End),
            1 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(i, yes)| Move::Suspend(i, yes)),
            1 => Just(Move::Forget),
        ]
    }

    /// The truth, and the cache that is behind it by one move.
    struct Crowd {
        truth: Vec<Contender>,
        seen: Line,
        made: u64,
    }

    impl Crowd {
        fn active(&self) -> usize {
            self.truth.iter().filter(|c| c.stand == Stand::Active).count()
        }

        /// A pass: enter by the cache as it is, and be accepted in truth.
        fn ask(&mut self, at: usize) {
            let who = self.truth[at].clone();
            if who.stand != Stand::Waiting || !self.seen.contenders.iter().any(|c| c.uid == who.uid) {
                return;
            }
            if self.seen.turn(&who.uid) == Turn::Go {
                let before = |c: &&Contender| (c.created, c.uid.as_str()) < (who.created, who.uid.as_str());
                let passed = self
                    .seen
                    .contenders
                    .iter()
                    .filter(before)
                    .filter(|c| c.stand == Stand::Waiting);
                let passed = passed.filter(|c| !self.seen.let_in.contains_key(&c.uid)).count();
                assert!(
                    self.active() + passed < self.seen.most,
                    "nobody before it is left without a place"
                );
                self.seen.let_in.insert(who.uid, who.version);
                self.truth[at].stand = Stand::Active;
                self.truth[at].version += 1;
            }
        }

        fn catch_up(&mut self) {
            self.seen.contenders.clone_from(&self.truth);
        }
    }

    proptest! {
        #[test]
        fn never_too_many_in_order_and_everybody_gets_a_turn(most in 1usize..4, history in prop::collection::vec(moves(), 0..60)) {
            let mut crowd = Crowd { truth: vec![], seen: Line { most, ..Line::default() }, made: 0 };
            for step in history {
                // What was let in is forgotten only once the cache shows what became of it.
                let before = crowd.truth.clone();
                match step {
                    Move::Create { second } => {
                        crowd.made += 1;
                        let uid = format!("{}-{}", second % 3, crowd.made);
                        crowd.truth.push(Contender { created: i64::from(second / 64), uid, version: 1, stand: Stand::Waiting });
                    }
                    Move::Ask(who) if !crowd.truth.is_empty() => { let at = who.index(crowd.truth.len()); crowd.ask(at); }
                    Move::End(who) if !crowd.truth.is_empty() => { let at = who.index(crowd.truth.len()); crowd.truth.remove(at); }
                    Move::Suspend(who, yes) if !crowd.truth.is_empty() => {
                        let at = who.index(crowd.truth.len());
                        if crowd.truth[at].stand != Stand::Active {
                            crowd.truth[at].stand = if yes { Stand::Apart } else { Stand::Waiting };
                            crowd.truth[at].version += 1;
                        }
                    }
                    Move::Forget => { crowd.catch_up(); crowd.seen.let_in.clear(); }
                    Move::Ask(_) | Move::End(_) | Move::Suspend(..) => {}
                }
                prop_assert!(crowd.active() <= most, "never more than the maximum");
                crowd.seen.contenders = before;
            }
            // Nobody is kept for ever: with places coming free one by one, everybody in the line is active in the end.
            for contender in &mut crowd.truth {
                if contender.stand == Stand::Apart { contender.stand = Stand::Waiting; contender.version += 1; }
            }
            let mut order = vec![];
            while !crowd.truth.is_empty() {
                crowd.catch_up();
                crowd.seen.let_in.clear();
                let told: Vec<_> = crowd.seen.everybody().iter().filter(|(_, t)| **t == Turn::Go).map(|(u, _)| (*u).to_owned()).collect();
                for uid in told {
                    let at = crowd.truth.iter().position(|c| c.uid == uid).unwrap();
                    crowd.ask(at);
                }
                let ends = crowd.truth.iter().filter(|c| c.stand == Stand::Active).map(|c| (c.created, c.uid.clone())).min();
                prop_assert!(ends.is_some(), "the line stands still");
                let (created, uid) = ends.unwrap();
                crowd.truth.retain(|c| c.uid != uid);
                order.push((created, uid));
            }
            prop_assert!(order.len() as u64 <= crowd.made);
        }
    }
}
