//! When an index is refreshed, how often at most, and what is answered to whom asked for it.

use std::time::Duration;

use super::{Life, at, facts, failing, good, repo, run, workspace};
use crate::doc_endpoint::crd::RefreshState;
use crate::doc_endpoint::decide::Effect;
use crate::doc_endpoint::observe::RunSeen;
use crate::federation::known::Known;
use crate::federation::target::Problem;
use crate::kernel::plan::Next;

#[test]
fn a_burst_of_requests_is_answered_by_two_refreshes_and_says_when_the_next_is_possible() {
    let mut life = Life::of(repo());
    life.observed.known = good(900);
    life.settle(1000);
    let mut begun = 0;
    for n in 0..200 {
        life.request(&format!("request-{n}"));
        life.settle(1000);
        begun += life
            .effects
            .iter()
            .filter(|e| matches!(e, Effect::Refresh { .. }))
            .count();
    }
    assert_eq!(begun, 1);
    life.land(Ok(at(1001)));
    life.observed.known.facts = Some(facts(1001));
    let plan = life.settle(1002);
    assert_eq!(life.status().last_handled_request.as_deref(), Some("request-0"));
    let (state, message) = life.refresh();
    assert!(
        state == RefreshState::Waiting && message.contains("the next is possible at 1970-01-01T00:17:10"),
        "{message}"
    );
    assert_eq!(plan.next, Next::After(Duration::from_millis(28_100)));
    life.settle(1031);
    assert!(life.effects.contains(&Effect::Refresh { announced: at(1031) }));
    life.land(Ok(at(1031)));
    life.settle(1032);
    assert_eq!(life.refresh().0, RefreshState::Done);
    assert_eq!(life.status().last_handled_request.as_deref(), Some("request-199"));
    life.settle(2000);
    assert!(life.effects.is_empty(), "all requests are answered");
}

#[test]
fn a_refresh_that_was_announced_before_a_crash_is_begun_after_it() {
    let mut life = Life::of(repo());
    life.observed.known = good(900);
    life.settle(1000);
    life.request("now");
    life.settle(1000);
    life.observed.known = Known::default();
    life.settle(1001);
    assert_eq!(
        life.refresh().0,
        RefreshState::Waiting,
        "not before the server was asked"
    );
    life.observed.known = good(900);
    life.settle(1002);
    assert_eq!(life.refresh().0, RefreshState::Waiting, "and not sooner than allowed");
    life.settle(1030);
    assert_eq!(life.effects, [Effect::Refresh { announced: at(1030) }]);
}

#[test]
fn a_refresh_of_a_server_that_is_down_waits_and_one_that_fails_is_answered() {
    let mut life = Life::of(repo());
    life.observed.known = failing(Problem::passing("ConnectFailed", "x"), 1000);
    life.request("now");
    life.settle(1000);
    assert!(life.refresh().1.contains("cannot be asked now (ConnectFailed)"));
    life.observed.known = good(900);
    life.settle(1001);
    life.land(Err(Problem::passing("ServerError", "the index could not be built")));
    life.settle(1002);
    assert_eq!(
        life.refresh(),
        (RefreshState::Failed, "ServerError: the index could not be built")
    );
    assert_eq!(life.status().last_handled_request.as_deref(), Some("now"));
}

#[test]
fn documents_that_were_copied_are_brought_into_the_index_once() {
    let seeded = |revision: &str, s| {
        Some(RunSeen {
            seed: Some((revision.into(), at(s))),
            ..run()
        })
    };
    let mut life = Life::of(workspace());
    life.observed.known = good(900);
    life.observed.run = seeded("sha256:1", 800);
    life.settle(1000);
    assert_eq!(
        life.status().seed_revision.as_deref(),
        Some("sha256:1"),
        "an index from after the copy has it"
    );
    assert_eq!(life.status().refresh, None);
    life.observed.run = seeded("sha256:2", 1001);
    life.settle(1002);
    assert_eq!(life.status().refresh.as_ref().unwrap().cause, "Seeded");
    life.land(Ok(at(1003)));
    life.settle(1003);
    assert_eq!(life.status().seed_revision.as_deref(), Some("sha256:2"));
    life.settle(1100);
    assert!(life.effects.is_empty());
}
