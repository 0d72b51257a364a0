//! Histories of that world, drawn and written.

use kube::ResourceExt as _;
use proptest::prelude::*;

use super::happenings::{Happening, happenings};
use super::{World, run_name};

/// How many histories are tried.
fn cases(few: u32) -> ProptestConfig {
    let full = std::env::var("METAWSM_TEST_FULL").is_ok();
    ProptestConfig {
        cases: if full { few * 50 } else { few },
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn no_history_makes_two_homes_alive_for_one_ticket(history in prop::collection::vec(happenings(), 0..120)) {
        let mut world = World::new();
        for happening in &history {
            world.happen(happening);
        }
        world.settle();
        world.settled_promises();
        // The winners go: who waited for them goes on by itself.
        let accepted: Vec<_> = world.api.now.runs.values().filter(|r| r.status.as_ref().unwrap().docs.is_some()).cloned().collect();
        for run in accepted {
            let index = run.name_any()[2..].parse().unwrap();
            world.happen(&Happening::Delete(index));
        }
        world.settle();
        world.settled_promises();
    }

    #[test]
    fn two_runs_that_name_the_tickets_in_opposite_order_never_hold_one_each(
        passes in prop::collection::vec((0usize..5, 0usize..4), 0..60),
        dying in prop::collection::vec(any::<bool>(), 60),
    ) {
        let mut world = World::new();
        world.happen(&Happening::Create { name: 0, tickets: 2, repos: 0 });
        world.happen(&Happening::Create { name: 1, tickets: 3, repos: 2 });
        world.seen_runs = 2;
        for ((what, number), dying) in passes.iter().zip(dying) {
            world.happen(&match what {
                0 | 1 if dying => Happening::DyingPass(*what, *number),
                0 | 1 => Happening::RunPass(*what),
                2 => Happening::TopologyPass(number % 2),
                _ => Happening::SeeMore(number + 1),
            });
        }
        world.settle();
        world.settled_promises();
        let accepted = world.api.now.runs.values().filter(|r| r.status.as_ref().unwrap().docs.is_some()).count();
        prop_assert_eq!(accepted, 1, "one of them works on both");
    }
}

#[test]
fn ten_runs_for_one_ticket_with_two_homes_end_with_one_home() {
    for turn in 0..10 {
        let mut world = World::new();
        for name in 0..10 {
            world.create(name, &[0], [0, 2][name % 2]).unwrap();
        }
        world.see_all();
        // All look before anybody's claim can be seen.
        for name in (0..10).cycle().skip(turn).take(10) {
            world.happen(&Happening::RunPass(name));
        }
        world.settle();
        world.settled_promises();
        let working = |world: &World| {
            let runs = world.api.now.runs.values();
            runs.filter(|r| r.status.as_ref().unwrap().docs.is_some())
                .map(|r| r.name_any())
                .collect::<Vec<_>>()
        };
        let winners = working(&world);
        assert_eq!(winners.len(), 5, "all of one home join: {winners:?}");
        for name in &winners {
            world.happen(&Happening::Delete(name[2..].parse().unwrap()));
        }
        world.settle();
        assert_eq!(working(&world).len(), 5, "the others go on by themselves");
    }
}

#[test]
fn a_canonical_topology_outlives_its_last_claim_and_keeps_other_homes_off() {
    let mut world = World::new();
    world.create(0, &[0], 0).unwrap();
    world.settle();
    world.happen(&Happening::Canonise(0));
    world.happen(&Happening::Delete(0));
    world.settle();
    let uid = world.api.now.topologies["t-0"].uid();
    world.create(1, &[0], 2).unwrap();
    world.create(2, &[0], 0).unwrap();
    world.settle();
    world.settled_promises();
    let accepted = |world: &World, run: &str| world.api.now.runs[run].status.as_ref().unwrap().docs.is_some();
    assert!(accepted(&world, "r-2"), "the same home joins");
    assert!(!accepted(&world, "r-1"), "another home is refused");
    assert_eq!(world.api.now.topologies["t-0"].uid(), uid, "it is still the same one");

    world.happen(&Happening::Delete(2));
    world.settle();
    world.happen(&Happening::MarkCanonical { ticket: 0, is: false });
    world.settle();
    world.settled_promises();
    assert!(accepted(&world, "r-1"), "taken back, it goes, and who waited goes on");
}

/// Found by the histories above: a topology that people delete while a Run uses it kept the claim of another, torn out one.
#[test]
fn the_claim_of_a_run_that_was_torn_out_goes_also_from_a_topology_that_waits_for_its_end() {
    let mut world = World::new();
    world.create(0, &[0], 1).unwrap();
    world.create(1, &[0], 1).unwrap();
    for name in [0, 1] {
        world.see_all();
        world.run_pass(&run_name(name), usize::MAX).unwrap();
    }
    world.happen(&Happening::TearOut(0));
    world.happen(&Happening::DeleteTopology(0));
    world.settle();
    world.settled_promises();
}
