//! What is decided about an endpoint: whom to ask, what is told, and when its index is refreshed.

use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt as _;
use serde_json::{Value, json};

use super::DocEndpointSettings;
use super::crd::{DocEndpoint, RefreshState};
use super::decide::{Effect, decide};
use super::observe::{Observed, RunSeen};
use crate::federation::known::{Facts, Known};
use crate::federation::target::{Flight, Place, Problem, Target};
use crate::kernel::condition;
use crate::kernel::journal::Journal;
use crate::kernel::moment::Moment;
use crate::kernel::plan::{Next, Plan};
use crate::kernel::request::REQUESTED_AT;

use super::crd::DocEndpointStatus;

fn at(s: i64) -> Moment {
    Moment::from_millis(s * 1000).unwrap()
}

fn endpoint(spec: &Value) -> DocEndpoint {
    let object = json!({
        "apiVersion": "metawsm.dev/v1alpha1", "kind": "DocEndpoint", "spec": spec,
        "metadata": {"name": "docs", "namespace": "team", "uid": "e-1", "generation": 1},
    });
    serde_json::from_value(object).unwrap()
}

fn repo() -> DocEndpoint {
    endpoint(&json!({"kind": "Repo", "url": "http://docs:8787", "repo": "docs", "repoURL": "/srv/docs.git"}))
}

fn workspace() -> DocEndpoint {
    let mut made = endpoint(&json!({
        "kind": "Workspace", "repo": "docs", "runRef": {"name": "relay", "uid": "r-1"}, "ticket": "A-1",
    }));
    let owner = json!([{"apiVersion": "metawsm.dev/v1alpha1", "kind": "Run", "name": "relay", "uid": "r-1"}]);
    made.metadata.owner_references = Some(serde_json::from_value(owner).unwrap());
    made
}

fn run() -> RunSeen {
    RunSeen {
        uid: "r-1".into(),
        tickets: vec!["A-1".into()],
        ending: false,
        expected_root: Some("/w/relay/A-1/docs/ttmp".into()),
        seed: None,
    }
}

fn facts(indexed: i64) -> Facts {
    Facts {
        indexed_at: Some(at(indexed)),
        docs_indexed: 9,
        root: "/srv/docs/ttmp".into(),
        tickets: 2,
        twice: vec![],
        refused: 0,
        first_refused: None,
    }
}

fn good(indexed: i64) -> Known {
    Known {
        asked: true,
        facts: Some(facts(indexed)),
        latency: Some(Duration::from_millis(16)),
        url: Some("http://docs:8787/".into()),
        ..Known::default()
    }
}

fn failing(problem: Problem, since: i64) -> Known {
    Known {
        trouble: Some((problem, at(since))),
        failures: 1,
        ..good(900)
    }
}

/// An endpoint that lives: decided on again and again, as the driver does.
struct Life {
    observed: Observed,
    effects: Vec<Effect>,
}

impl Life {
    fn of(endpoint: DocEndpoint) -> Self {
        let settings = DocEndpointSettings {
            secret_namespaces: vec!["open".into()],
            refresh_interval: Duration::from_secs(30),
            public_url: Some("https://metawsm.example.com/".into()),
        };
        let observed = Observed {
            run: endpoint.spec.run_ref.is_some().then(run),
            endpoint: Arc::new(endpoint),
            asked: None,
            known: Known::default(),
            settings: Arc::new(settings),
        };
        Self {
            observed,
            effects: vec![],
        }
    }

    /// Passes until nothing changes; the last plan.
    fn settle(&mut self, now: i64) -> Plan<DocEndpointStatus, Effect> {
        self.effects.clear();
        for _ in 0..8 {
            let plan = decide(&self.observed, at(now));
            for effect in &plan.effects {
                self.effects.push(effect.clone());
                match effect {
                    Effect::Ask(target) => self.observed.asked = Some(target.as_ref().clone()),
                    Effect::Refresh { announced } => {
                        self.observed.known.flight = Some(Flight {
                            announced: *announced,
                            outcome: None,
                        });
                    }
                    Effect::Forget => self.observed.asked = None,
                }
            }
            let mut status = plan.status.clone();
            let mut ring = Journal::new("e-1", &status.journal, i64::MAX);
            ring.append(at(now), plan.transitions.clone());
            status.journal = ring.into_entries();
            if self.observed.endpoint.status.as_ref() == Some(&status) {
                return plan;
            }
            Arc::make_mut(&mut self.observed.endpoint).status = Some(status);
        }
        panic!("no fixed point");
    }

    fn status(&self) -> &DocEndpointStatus {
        self.observed.endpoint.status.as_ref().unwrap()
    }

    fn condition(&self, kind: &str) -> (String, String) {
        let found = condition::find(&self.status().conditions, kind).unwrap();
        (found.status.clone(), found.reason.clone())
    }

    fn journal(&self) -> Vec<&str> {
        self.status().journal.iter().map(|e| e.kind.as_str()).collect()
    }

    fn request(&mut self, value: &str) {
        let endpoint = Arc::make_mut(&mut self.observed.endpoint);
        endpoint.annotations_mut().insert(REQUESTED_AT.into(), value.into());
    }

    fn target(&self) -> &Target {
        self.observed.asked.as_ref().unwrap()
    }

    fn land(&mut self, outcome: Result<Moment, Problem>) {
        self.observed.known.flight.as_mut().unwrap().outcome = Some(outcome);
    }

    fn refresh(&self) -> (RefreshState, &str) {
        let refresh = self.status().refresh.as_ref().unwrap();
        (refresh.state, &refresh.message)
    }
}

fn pair(status: &str, reason: &str) -> (String, String) {
    (status.into(), reason.into())
}

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
}

#[test]
fn a_secret_is_used_only_where_the_settings_allow_it() {
    let mut with_secret = repo();
    with_secret.spec.auth_secret_ref = Some(super::crd::SecretRef { name: "docs".into() });
    let mut closed = Life::of(with_secret.clone());
    closed.settle(1000);
    assert!(matches!(&closed.target().place, Place::Nowhere(p) if p.code == "SecretsNotPermitted"));
    with_secret.metadata.namespace = Some("open".into());
    let mut open = Life::of(with_secret);
    open.settle(1000);
    assert!(matches!(&open.target().place, Place::Written { secret: Some(name), .. } if name == "docs"));
}

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
