//! Who stands where in the line, what waiting Runs are told, and that the line holds under random histories.

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
