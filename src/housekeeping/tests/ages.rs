//! How old things are, whatever the clocks do.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use crate::housekeeping::found::{Found, Kind, Living};
use crate::housekeeping::judge::{Retention, Verdict, judge};
use crate::housekeeping::ledger::Ledger;
use crate::kernel::moment::Moment;

const HOUR: Duration = Duration::from_hours(1);

fn at(hours: i64) -> Moment {
    Moment::from_millis(1_800_000_000_000 + hours * 3_600_000).unwrap()
}

fn found(kind: Kind) -> Found {
    let path = "/w/team/run/A-1".into();
    Found { kind, path }
}

fn workspace(owner: &str) -> Found {
    let word = str::to_owned;
    found(Kind::Workspace {
        namespace: word("team"),
        run: word("run"),
        ticket: word("A-1"),
        owner: word(owner),
    })
}

#[test]
fn each_kind_is_kept_as_long_as_the_settings_say() {
    let retention = Retention {
        orphans: 14 * 24 * HOUR,
        caches: 7 * 24 * HOUR,
    };
    let cache = || found(Kind::Cache { key: "k".into() });
    let left = |hours| Verdict::Keep { left: HOUR * hours };
    for (name, found, since, verdict) in [
        ("new", workspace("a"), None, left(14 * 24)),
        ("young", workspace("a"), Some(at(0)), left(14 * 24 - 100)),
        ("almost", workspace("a"), Some(at(100 - 14 * 24 + 1)), left(1)),
        ("old", workspace("a"), Some(at(100 - 14 * 24)), Verdict::Sweep),
        ("in the future", workspace("a"), Some(at(5000)), left(14 * 24)),
        ("aside", found(Kind::SetAside), Some(at(-1000)), Verdict::Sweep),
        ("foreign", found(Kind::Foreign), Some(at(-99_999)), Verdict::Foreign),
        ("cache", cache(), Some(at(100 - 7 * 24)), Verdict::Sweep),
        ("young cache", cache(), Some(at(99 - 6 * 24)), left(23)),
        (
            "steps",
            found(Kind::Steps { uid: "u".into() }),
            Some(at(100 - 7 * 24)),
            left(7 * 24),
        ),
    ] {
        assert_eq!(judge(&found, since, at(100), &retention), verdict, "{name}");
    }
}

#[test]
fn what_may_belong_to_somebody_is_needed() {
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let place = |t: &str| ("team".to_owned(), "run".to_owned(), t.to_owned());
    let nobody = Living::default;
    let cache = || found(Kind::Cache { key: "k".into() });
    let half = || {
        let (namespace, run) = pair("team", "run");
        found(Kind::HalfRemoved { namespace, run })
    };
    let owner = Living {
        runs: BTreeSet::from(["a".to_owned()]),
        ..nobody()
    };
    let namesake = Living {
        workspaces: BTreeSet::from([place("A-1")]),
        ..nobody()
    };
    let other_ticket = Living {
        workspaces: BTreeSet::from([place("B-1")]),
        ..nobody()
    };
    let unreadable = Living {
        unreadable: BTreeSet::from([pair("team", "run")]),
        ..nobody()
    };
    let far_away = Living {
        unreadable: BTreeSet::from([pair("team", "other")]),
        ..nobody()
    };
    let user = Living {
        caches: BTreeSet::from(["k".to_owned()]),
        ..nobody()
    };
    for (name, living, found, needed) in [
        ("nobody", &nobody(), workspace("a"), false),
        ("its owner", &owner, workspace("a"), true),
        ("another owner", &owner, workspace("b"), false),
        ("a namesake will set it aside", &namesake, workspace("b"), true),
        ("a namesake without the ticket", &other_ticket, workspace("b"), false),
        ("a namesake nobody can read", &unreadable, workspace("b"), true),
        ("somebody else nobody can read", &far_away, workspace("b"), false),
        ("a namesake removes", &other_ticket, half(), true),
        ("nobody removes", &far_away, half(), false),
        ("a cache of somebody", &user, cache(), true),
        ("a cache of nobody", &owner, cache(), false),
        ("a cache of somebody nobody can read", &far_away, cache(), true),
        ("steps", &owner, found(Kind::Steps { uid: "a".into() }), true),
        ("steps of nobody", &owner, found(Kind::Steps { uid: "b".into() }), false),
    ] {
        assert_eq!(living.needs(&found), needed, "{name}");
    }
}

#[test]
fn a_ledger_that_cannot_be_read_begins_anew_and_a_link_in_its_place_is_an_error() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("unneeded.json");
    assert_eq!(Ledger::load(&path).unwrap(), Ledger::default());
    let mut ledger = Ledger::default();
    ledger.see(&BTreeSet::from(["a".to_owned()]), at(1));
    ledger.save(&path).unwrap();
    assert_eq!(Ledger::load(&path).unwrap().since("a"), Some(at(1)));
    std::fs::write(&path, "{ half").unwrap();
    assert_eq!(Ledger::load(&path).unwrap(), Ledger::default());
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
    assert!(Ledger::load(&path).is_err());
}

#[derive(Clone, Debug)]
enum Passing {
    /// Time passes as both clocks say.
    Time(u16),
    /// Somebody sets the wall clock, by so many hours.
    Clock(i16),
    Restart,
    /// The folder is needed again, or is not.
    Needed(bool),
}

fn passing() -> impl Strategy<Value = Passing> {
    prop_oneof![
        6 => (1u16..100).prop_map(Passing::Time),
        2 => (-2000i16..2000).prop_map(Passing::Clock),
        2 => Just(Passing::Restart),
        1 => any::<bool>().prop_map(Passing::Needed),
    ]
}

proptest! {
    #[test]
    fn nothing_is_swept_early_and_everything_in_the_end(history in prop::collection::vec(passing(), 0..60)) {
        let retention = Retention { orphans: 200 * HOUR, caches: HOUR };
        let (mut wall, mut running, mut needed, mut seen_for) = (0i64, true, false, None::<u64>);
        let mut ledger = Ledger::default();
        let mut last = None;
        let id = workspace("a").id();
        for step in history.into_iter().chain((0..60).map(|_| Passing::Time(50))) {
            let mut passed = 0;
            match step {
                Passing::Time(hours) => passed = u64::from(hours),
                // A clock set forward while we are not there cannot be told from time that passed.
                Passing::Clock(hours) if running || hours < 0 => wall += i64::from(hours),
                Passing::Clock(_) => {}
                Passing::Restart => running = false,
                Passing::Needed(now) => needed = now,
            }
            wall += i64::try_from(passed).unwrap();
            seen_for = seen_for.map(|hours| hours + passed);
            let ids: BTreeSet<_> = (!needed).then(|| id.clone()).into_iter().collect();
            let before = last.filter(|_| running).map(|at| (at, HOUR * u32::try_from(passed).unwrap()));
            // What is written down is what a restart finds.
            ledger = serde_json::from_value(serde_json::to_value(&ledger).unwrap()).unwrap();
            ledger.follow_clocks(before, at(wall));
            ledger.see(&ids, at(wall));
            last = Some(at(wall));
            running = true;
            seen_for = if needed { None } else { seen_for.or(Some(0)) };
            let verdict = judge(&workspace("a"), ledger.since(&id), at(wall), &retention);
            if verdict == Verdict::Sweep {
                prop_assert!(seen_for.is_some_and(|hours| hours >= 200), "swept after {seen_for:?} hours");
            }
            needed = needed && !matches!(step, Passing::Time(50));
        }
        prop_assert_eq!(judge(&workspace("a"), ledger.since(&id), at(wall), &retention), Verdict::Sweep);
    }
}
