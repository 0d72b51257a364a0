//! Whom to ask, with what, and what is told of the answers.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::{Life, at, failing, good, pair, repo, run, workspace};
use crate::doc_endpoint::crd::SecretRef;
use crate::doc_endpoint::decide::{Effect, decide};
use crate::doc_endpoint::observe::RunSeen;
use crate::federation::known::Known;
use crate::federation::target::{Place, Problem};
use crate::kernel::plan::Next;

#[test]
fn nothing_is_said_of_a_server_before_it_was_asked() {
    let mut life = Life::of(repo());
    life.settle(1000);
    assert!(matches!(&life.effects[..], [Effect::Ask(_)]), "{:?}", life.effects);
    assert_eq!(life.condition("Ready"), pair("Unknown", "NotAskedYet"));
    assert_eq!(life.condition("Reachable"), pair("Unknown", "NotAskedYet"));
    assert_eq!(life.target().home.as_deref(), Some("/srv/docs"));
    assert!(life.journal().is_empty());
}

#[test]
fn an_answer_is_told_once_and_grows_stale_by_itself() {
    let mut life = Life::of(repo());
    life.settle(1000);
    life.observed.known = good(900);
    let plan = life.settle(1000);
    assert_eq!(life.condition("Ready"), pair("True", "Answering"));
    assert_eq!(life.condition("Fresh"), pair("True", "IndexYoung"));
    assert_eq!(
        (life.status().tickets, life.status().latency.as_deref()),
        (Some(2), Some("<16ms"))
    );
    assert_eq!(plan.next, Next::After(Duration::from_millis(800_100)));
    life.settle(1801);
    assert_eq!(life.condition("Fresh"), pair("False", "IndexOld"));
    life.observed.known = good(1802);
    life.settle(1802);
    assert_eq!(life.journal(), ["EndpointUp", "IndexStale", "IndexRefreshed"]);
}

#[test]
fn down_and_mis_wired_are_told_apart_and_the_last_answer_is_kept() {
    let mut life = Life::of(repo());
    life.observed.known = good(900);
    life.settle(1000);
    life.observed.known = failing(Problem::passing("ConnectFailed", "nobody answers"), 1010);
    life.settle(1010);
    assert_eq!(life.condition("Reachable"), pair("False", "ConnectFailed"));
    assert_eq!(life.condition("Stalled"), pair("False", "NotStalled"));
    assert_eq!(life.condition("Fresh"), pair("False", "Unreachable"));
    assert_eq!(life.status().tickets, Some(2));
    life.observed.known = failing(Problem::lasting("NotDocmgr", "a web page"), 1020);
    life.settle(1020);
    assert_eq!(life.condition("Stalled"), pair("True", "NotDocmgr"));
    assert_eq!(life.status().last_error.as_ref().unwrap().code, "NotDocmgr");
    life.observed.known = good(900);
    life.settle(1030);
    assert_eq!(life.status().last_error, None);
    assert_eq!(life.journal(), ["EndpointUp", "EndpointDown", "EndpointUp"]);
}

#[test]
fn a_controller_that_was_restarted_says_what_it_said_until_it_knows_better() {
    let mut life = Life::of(repo());
    life.observed.known = good(900);
    life.settle(1000);
    let before = life.status().clone();
    (life.observed.known, life.observed.asked) = (Known::default(), None);
    life.settle(1001);
    assert_eq!(life.status(), &before);
    assert!(matches!(&life.effects[..], [Effect::Ask(_)]));
    life.settle(1900);
    assert_eq!(life.condition("Fresh"), pair("False", "IndexOld"), "the clock goes on");
}

#[test]
fn a_suspended_endpoint_is_not_asked_and_stays_what_it_was() {
    let mut life = Life::of(repo());
    life.observed.known = good(900);
    life.settle(1000);
    Arc::make_mut(&mut life.observed.endpoint).spec.suspend = true;
    life.settle(1001);
    assert_eq!(life.target().place, Place::Paused);
    assert_eq!(life.condition("Suspended"), pair("True", "Suspended"));
    assert_eq!(life.condition("Ready"), pair("True", "Answering"));
}

#[test]
fn only_the_endpoint_that_its_living_run_owns_leads_anywhere() {
    let refusal = |life: &mut Life| {
        life.settle(1000);
        match &life.target().place {
            Place::Nowhere(problem) => problem.code,
            Place::Served { .. } => "served",
            Place::Paused | Place::Written { .. } => "elsewhere",
        }
    };
    let mut own = Life::of(workspace());
    assert_eq!(refusal(&mut own), "served");
    assert_eq!(own.target().expected_root.as_deref(), Some("/w/relay/A-1/docs/ttmp"));
    assert_eq!(
        own.target().web_url.as_deref(),
        Some("https://metawsm.example.com/docs/team/relay/A-1/")
    );

    let mut unowned = workspace();
    unowned.metadata.owner_references = None;
    assert_eq!(refusal(&mut Life::of(unowned)), "NotOwnedByRun");
    let mut forged = workspace();
    forged.metadata.owner_references.as_mut().unwrap()[0].uid = "r-2".into();
    assert_eq!(refusal(&mut Life::of(forged)), "NotOwnedByRun");
    let mut no_run = Life::of(workspace());
    no_run.observed.run = None;
    assert_eq!(refusal(&mut no_run), "NotOwnedByRun");
    let mut another = Life::of(workspace());
    another.observed.run = Some(RunSeen {
        uid: "r-9".into(),
        ..run()
    });
    assert_eq!(refusal(&mut another), "NotOwnedByRun");
    let mut other_ticket = Life::of(workspace());
    other_ticket.observed.run = Some(RunSeen {
        tickets: vec!["B-1".into()],
        ..run()
    });
    assert_eq!(refusal(&mut other_ticket), "NotOwnedByRun");
    let mut unreadable = Life::of(workspace());
    (unreadable.observed.run, unreadable.observed.unreadable) = (None, true);
    assert_eq!(refusal(&mut unreadable), "RunUndecodable");
}

#[test]
fn the_endpoint_of_a_run_that_is_gone_goes_once_that_is_announced() {
    let mut life = Life::of(workspace());
    life.observed.known = good(900);
    life.settle(1000);
    (life.observed.run, life.observed.orphaned) = (None, true);
    let announced = decide(&life.observed, at(1001));
    assert_eq!(announced.effects, [], "nothing irreversible before it is announced");
    life.settle(1001);
    assert_eq!(life.condition("Ready"), pair("False", "RunGone"));
    assert_eq!(life.effects, [Effect::Delete]);
}

#[test]
fn a_secret_is_used_only_where_the_settings_allow_it() {
    let mut with_secret = repo();
    with_secret.spec.auth_secret_ref = Some(SecretRef { name: "docs".into() });
    let mut closed = Life::of(with_secret.clone());
    closed.settle(1000);
    assert!(matches!(&closed.target().place, Place::Nowhere(p) if p.code == "SecretsNotPermitted"));
    with_secret.metadata.namespace = Some("open".into());
    let mut open = Life::of(with_secret);
    open.settle(1000);
    assert!(matches!(&open.target().place, Place::Written { secret: Some(name), .. } if name == "docs"));
}

#[test]
fn an_endpoint_that_goes_is_forgotten_and_its_end_recorded_first() {
    let mut life = Life::of(repo());
    life.observed.known = good(900);
    life.settle(1000);
    let endpoint = Arc::make_mut(&mut life.observed.endpoint);
    endpoint.metadata.deletion_timestamp = Some(serde_json::from_value(json!("2026-11-21T08:00:00Z")).unwrap());
    let first = decide(&life.observed, at(1001));
    assert!(!first.release);
    let plan = life.settle(1001);
    assert!(plan.release);
    assert_eq!(life.effects, [Effect::Forget]);
    assert_eq!(life.journal(), ["EndpointUp", "Deleted"]);
}
