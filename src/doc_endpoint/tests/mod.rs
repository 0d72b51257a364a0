//! What is decided about an endpoint: whom to ask, what is told, and when its index is refreshed. This file is the life
//! of one endpoint, decided on again and again.

mod asking;
mod refreshing;

use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt as _;
use serde_json::{Value, json};

use super::DocEndpointSettings;
use super::crd::{DocEndpoint, DocEndpointStatus, RefreshState};
use super::decide::{Effect, decide};
use super::observe::{Observed, RunSeen};
use crate::federation::known::{Facts, Known};
use crate::federation::target::{Flight, Problem, Target};
use crate::kernel::condition;
use crate::kernel::journal::Journal;
use crate::kernel::moment::Moment;
use crate::kernel::plan::Plan;
use crate::kernel::request::REQUESTED_AT;

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
            unreadable: false,
            orphaned: false,
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
                    Effect::Delete => {}
                }
            }
            let mut status = plan.status.clone();
            let mut ring = Journal::new("e-1", &status.journal);
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
