//! What may happen between two passes, and what it does to the world.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;
use serde_json::json;

use super::{OURS, THEIRS, World, topology};
use crate::kernel::moment::Moment;
use crate::kernel::request::REQUESTED_AT;
use crate::ports::executor::{StepError, StepName, StepState};
use crate::ports::services::{LiveService, ServiceKey, ServiceState};
use crate::run::queue::Stand;
use crate::run::serving::EndpointSeen;
use crate::ticket_topology::crd::Claim;

/// What may happen between two passes.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    Nothing,
    TimePasses(u16),
    StepsSucceed,
    StepsFail {
        lasting: bool,
    },
    StepsAreKilled,
    SomebodyAsks,
    Suspend(bool),
    /// Another Run makes a topology with this home, or its claims and topologies all go.
    OthersClaim {
        home: bool,
    },
    OthersLeave,
    /// So many other Runs are active now.
    OthersAreActive(usize),
    /// An older Run stands in the line, or leaves it.
    SomebodyIsBefore(bool),
    RestrictHosts(bool),
    /// The workspaces hold so much from now on, in MiB.
    WorkspacesHold(u64),
    DiskFills(bool),
    /// The docs servers end and are waited for; or they vanish with those who stand over them.
    ServersFail {
        altogether: bool,
    },
    ServersAnswer,
    /// Somebody deletes the endpoints, or has one of such a name.
    EndpointsGo,
    EndpointIsTaken,
    Delete,
}

pub(super) fn happenings() -> impl Strategy<Value = Happening> {
    prop_oneof![
        2 => Just(Happening::Nothing),
        3 => (1u16..600).prop_map(Happening::TimePasses),
        6 => Just(Happening::StepsSucceed),
        3 => any::<bool>().prop_map(|lasting| Happening::StepsFail { lasting }),
        1 => Just(Happening::StepsAreKilled),
        1 => Just(Happening::SomebodyAsks),
        1 => any::<bool>().prop_map(Happening::Suspend),
        2 => any::<bool>().prop_map(|home| Happening::OthersClaim { home }),
        1 => Just(Happening::OthersLeave),
        2 => (0usize..4).prop_map(Happening::OthersAreActive),
        1 => any::<bool>().prop_map(Happening::SomebodyIsBefore),
        1 => any::<bool>().prop_map(Happening::RestrictHosts),
        2 => (0u64..30).prop_map(Happening::WorkspacesHold),
        1 => any::<bool>().prop_map(Happening::DiskFills),
        1 => any::<bool>().prop_map(|altogether| Happening::ServersFail { altogether }),
        1 => Just(Happening::ServersAnswer),
        1 => Just(Happening::EndpointsGo),
        1 => Just(Happening::EndpointIsTaken),
        1 => Just(Happening::Delete),
    ]
}

impl World {
    #[expect(clippy::too_many_lines, reason = "one arm for each thing that may happen")]
    pub(super) fn happen(&mut self, what: &Happening) {
        match what {
            Happening::Nothing => {}
            Happening::TimePasses(seconds) => self.now = self.now.plus(Duration::from_secs(u64::from(*seconds))),
            Happening::StepsSucceed => {
                let held = self.held;
                self.end_steps(|step, now| StepState::Succeeded {
                    outcome: outcome(step, held),
                    at: now,
                });
            }
            Happening::WorkspacesHold(held) => self.held = held << 20,
            Happening::DiskFills(full) => self.full = *full,
            Happening::ServersFail { altogether: true } => self.services.clear(),
            Happening::ServersFail { altogether: false } => {
                for state in self.services.values_mut() {
                    *state = ServiceState::Waiting {
                        why: "it ended".into(),
                        failures: 1,
                        next: self.now,
                    };
                }
            }
            Happening::ServersAnswer => {
                for (name, state) in &mut self.services {
                    *state = answering(name, self.now);
                }
            }
            Happening::EndpointsGo => self.endpoints.clear(),
            Happening::EndpointIsTaken => {
                let taken = EndpointSeen {
                    uid: "other".into(),
                    ours: false,
                    leaving: false,
                };
                self.endpoints.insert("r--t-0".into(), taken);
            }
            Happening::StepsFail { lasting } => {
                let error = if *lasting {
                    StepError::lasting("TicketDocsNotFound", "m")
                } else {
                    StepError::passing("GitFailed", "m")
                };
                self.end_steps(|_, now| StepState::Failed {
                    error: error.clone(),
                    at: now,
                });
            }
            Happening::StepsAreKilled => {
                let error = StepError::passing("Killed", "m");
                self.end_steps(|_, now| StepState::Failed {
                    error: error.clone(),
                    at: now,
                });
            }
            Happening::SomebodyAsks => {
                self.asked += 1;
                let annotations = self.run.metadata.annotations.get_or_insert_default();
                annotations.insert(REQUESTED_AT.to_owned(), self.asked.to_string());
            }
            Happening::Suspend(suspend) => self.run.spec.suspend = *suspend,
            Happening::OthersClaim { home } => {
                let url = if *home { OURS } else { THEIRS };
                let claim = Claim {
                    run_uid: "other".into(),
                    run_name: "other".into(),
                    home_url: url.into(),
                    since: self.now,
                };
                let topology = self
                    .topologies
                    .entry("t-0".into())
                    .or_insert_with(|| topology("T-0", url));
                topology.status.get_or_insert_default().claims.push(claim);
            }
            Happening::OthersLeave => {
                for topology in self.topologies.values_mut() {
                    topology
                        .status
                        .get_or_insert_default()
                        .claims
                        .retain(|c| c.run_uid != "other");
                }
                self.topologies
                    .retain(|_, t| !t.status.as_ref().unwrap().claims.is_empty());
            }
            Happening::OthersAreActive(count) => self.others_stand("active", *count, Stand::Active),
            Happening::SomebodyIsBefore(yes) => self.others_stand("older", usize::from(*yes), Stand::Waiting),
            Happening::RestrictHosts(restricted) => self.restricted = *restricted,
            Happening::Delete => self.run.metadata.deletion_timestamp = Some(Time(self.now.whole_seconds())),
        }
    }

    fn end_steps(&mut self, end: impl Fn(StepName, Moment) -> StepState) {
        let now = self.now;
        for ((_, step, _), state) in &mut self.steps {
            if matches!(state, StepState::Running { .. }) {
                *state = end(*step, now);
            }
        }
    }
}

fn answering(workspace: &str, now: Moment) -> ServiceState {
    let key = ServiceKey {
        namespace: "n".into(),
        run: "r".into(),
        run_uid: "run-uid".into(),
        workspace: workspace.into(),
        ticket: "T".into(),
    };
    ServiceState::Serving(LiveService {
        key,
        addr: "127.0.0.1:9".parse().unwrap(),
        root: "/docs".into(),
        started: now,
        instance: "1.2.3".into(),
    })
}

fn outcome(step: StepName, held: u64) -> serde_json::Value {
    match step {
        StepName::Prepare => json!({ "repos": [{ "name": "docs", "baseCommit": "b" }] }),
        StepName::Seed => json!({ "revision": "sha256:1", "sourceCommit": "c", "files": 1, "bytes": 2, "commit": null,
            "directory": "ttmp/x", "bootstrapped": false }),
        StepName::Inspect => {
            json!({ "repos": [{ "name": "docs", "headCommit": "h", "dirty": false, "problem": null }], "bytes": held })
        }
        StepName::Cleanup => json!({ "setAside": null, "why": null }),
    }
}
