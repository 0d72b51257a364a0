//! Histories of that world, drawn and written.

use std::time::Duration;

use proptest::prelude::*;

use super::World;
use super::happenings::{Happening, happenings};
use crate::kernel::condition::{READY, STALLED, is_true};
use crate::kernel::journal::RING;
use crate::kernel::plan::Next;
use crate::ports::executor::StepError;
use crate::ports::secrets::Credential;
use crate::run::crd::{Phase, PrepareState, SeedState};
use crate::run::credentials;
use crate::run::decide::{Effect, decide};
use crate::run::serving::DOCS_SERVED;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn every_history_keeps_the_promises_and_settles_once_the_world_is_kind(
        tickets in 1usize..5,
        bootstrap in any::<bool>(),
        copies in any::<bool>(),
        most in 0usize..3,
        history in prop::collection::vec(happenings(), 0..40),
    ) {
        let mut world = World::new(tickets, bootstrap, copies, most);
        for happening in &history {
            world.happen(happening);
            if !world.released {
                world.pass();
            }
        }
        // From here on everything goes well: others leave, nothing is forbidden, steps succeed.
        world.happen(&Happening::Suspend(false));
        world.happen(&Happening::RestrictHosts(false));
        world.happen(&Happening::OthersLeave);
        world.happen(&Happening::WorkspacesHold(1));
        world.happen(&Happening::DiskFills(false));
        world.happen(&Happening::OthersAreActive(0));
        world.happen(&Happening::SomebodyIsBefore(false));
        world.endpoints.retain(|_, seen| seen.ours);
        for _ in 0..80 {
            if world.released {
                break;
            }
            world.pass();
            world.happen(&Happening::TimePasses(400));
            world.happen(&Happening::StepsSucceed);
            world.happen(&Happening::ServersAnswer);
        }
        if world.run.metadata.deletion_timestamp.is_some() {
            prop_assert!(world.released, "a Run that is being deleted goes");
            prop_assert!(world.topologies.values().all(|t| t.status.as_ref().unwrap().claims.is_empty()), "and leaves no claim");
            prop_assert!(world.services.is_empty() && world.endpoints.is_empty(), "nor a server or endpoint");
        } else {
            prop_assert!(is_true(&world.status().conditions, READY), "it becomes ready: {:?}", world.status().conditions);
            prop_assert_eq!(world.status().phase, Some(Phase::Active));
            prop_assert!(is_true(&world.status().conditions, DOCS_SERVED), "{:?}", world.status().conditions);
            prop_assert!(world.status().workspaces.iter().all(|w| w.endpoint.as_ref() == Some(&w.name)));
            prop_assert_eq!((world.services.len(), world.endpoints.len()), (tickets, tickets));
        }
    }

    #[test]
    fn unchanged_facts_reach_a_fixed_point(
        tickets in 1usize..5,
        most in 0usize..3,
        history in prop::collection::vec(happenings(), 0..25),
    ) {
        let mut world = World::new(tickets, false, true, most);
        for happening in &history {
            world.happen(happening);
            if !world.released {
                world.pass();
            }
        }
        // The clock stands still and nothing ends: after a few passes nothing changes any more.
        let settled = (0..12).any(|_| world.released || !world.pass());
        prop_assert!(settled, "passes go on without news");
    }
}

#[test]
fn a_suspended_run_whose_clones_were_looked_at_long_ago_rests() {
    let mut world = World::new(1, false, true, 0);
    for _ in 0..20 {
        world.pass();
        world.happen(&Happening::StepsSucceed);
        world.happen(&Happening::ServersAnswer);
    }
    world.happen(&Happening::Suspend(true));
    world.happen(&Happening::TimePasses(400));
    assert!((0..5).any(|_| !world.pass()), "passes go on without news");
    let next = decide(&world.observed(RING), world.now).next;
    assert!(matches!(next, Next::Settled), "it is due again in {next:?}");
}

#[test]
fn a_workspace_without_a_clone_of_its_documents_home_says_so() {
    let mut world = World::new(1, false, true, 0);
    let prepared = (0..10).any(|_| {
        world.pass();
        world.happen(&Happening::StepsSucceed);
        let status = world.status();
        let first = status.workspaces.first();
        first.is_some_and(|w| w.prepare.state == PrepareState::Ready)
    });
    assert!(prepared);
    world.run.status.as_mut().unwrap().workspaces[0].repos.clear();
    world.pass();
    let status = world.status();
    let seed = &status.workspaces[0].seed;
    assert_eq!(
        (seed.state, seed.reason.as_deref()),
        (SeedState::Failed, Some("HomeNotCloned"))
    );
    assert!(is_true(&status.conditions, STALLED), "{:?}", status.conditions);
}

#[test]
fn a_run_waits_for_its_secret_and_hands_it_to_the_step_alone() {
    let granted = credentials::Granted {
        id: "git/u-1".to_owned(),
        credential: Credential::Ssh {
            identity: "s3cret".into(),
            known_hosts: "h".into(),
        },
    };
    let mut world = World::new(1, false, true, 0);
    let mut starts = Vec::new();
    let readings = [
        Err(StepError::passing("SecretNotFound", "create it")),
        Err(StepError::lasting("SecretInvalid", "key 'identity' is missing")),
        Ok(granted),
    ];
    for reading in readings {
        world.credentials = [("docs".to_owned(), reading.clone())].into();
        for _ in 0..6 {
            world.now = world.now.plus(Duration::from_secs(301));
            let plan = decide(&world.observed(RING), world.now);
            starts.extend(plan.effects.into_iter().filter(|e| matches!(e, Effect::Start { .. })));
            world.pass();
        }
        if let Err(error) = reading {
            let status = world.status();
            let ready = status.conditions.iter().find(|c| c.type_ == READY).unwrap();
            assert_eq!((ready.reason.as_str(), starts.len()), (error.reason.as_str(), 0));
            assert_eq!(is_true(&status.conditions, STALLED), !error.retriable);
        }
    }
    let Some(Effect::Start { plan, secrets, .. }) = starts.first() else {
        panic!("no step: {:?}", world.status())
    };
    assert!(secrets.of("docs").is_some());
    assert_eq!(plan["repos"][0]["credential"], "git/u-1");
    let shown = format!("{plan} {starts:?} {:?} {:?}", world.status(), world.observed(RING));
    assert!(!shown.contains("s3cret"), "{shown}");
}
