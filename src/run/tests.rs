//! A Run's decisions under random histories: a little world of topologies and steps stands in for the outside.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;
use serde_json::json;

use super::RunSettings;
use super::crd::{Phase, PrepareState, Run, RunStatus, SeedState};
use super::decide::{Effect, decide};
use super::observe::{Observed, Steps};
use crate::kernel::condition::{READY, STALLED, is_true};
use crate::kernel::journal::{Journal, RING, chain_holds};
use crate::kernel::moment::Moment;
use crate::kernel::request::REQUESTED_AT;
use crate::kernel::ticket::topology_name;
use crate::ports::executor::{StepError, StepName, StepState};
use crate::ports::workspaces::{GitRules, SeedLimits};
use crate::ticket_topology::crd::{Claim, TicketTopology, TicketTopologySpec};

const OURS: &str = "/repos/docs";
const THEIRS: &str = "/repos/other";

/// What may happen between two passes.
#[derive(Clone, Debug)]
enum Happening {
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
    RestrictHosts(bool),
    Delete,
}

fn happenings() -> impl Strategy<Value = Happening> {
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
        1 => any::<bool>().prop_map(Happening::RestrictHosts),
        1 => Just(Happening::Delete),
    ]
}

struct World {
    run: Run,
    topologies: BTreeMap<String, TicketTopology>,
    steps: HashMap<(String, StepName, i32), StepState>,
    now: Moment,
    restricted: bool,
    released: bool,
    asked: u32,
}

impl World {
    fn new(tickets: usize, bootstrap: bool, copies: bool) -> Self {
        let names: Vec<_> = (0..tickets).map(|i| format!("T-{i}")).collect();
        let mut spec = json!({ "tickets": names, "repos": [{ "name": "docs", "url": OURS }] });
        if bootstrap {
            spec["mode"] = json!("Bootstrap");
            spec["brief"] = json!({ "goal": "g", "scope": "s", "doneCriteria": "d" });
        } else if !copies {
            spec["docSeedMode"] = json!("None");
        }
        let run = json!({
            "apiVersion": "metawsm.dev/v1alpha1", "kind": "Run",
            "metadata": { "name": "r", "namespace": "n", "uid": "run-uid", "generation": 1 }, "spec": spec,
        });
        Self {
            run: serde_json::from_value(run).unwrap(),
            topologies: BTreeMap::new(),
            steps: HashMap::new(),
            now: Moment::from_millis(1_000_000).unwrap(),
            restricted: false,
            released: false,
            asked: 0,
        }
    }

    fn status(&self) -> RunStatus {
        self.run.status.clone().unwrap_or_default()
    }

    fn observed(&self, room: usize) -> Observed {
        let state = |workspace: &str, step, attempt| {
            self.steps
                .get(&(workspace.to_owned(), step, attempt))
                .cloned()
                .unwrap_or(StepState::NotStarted)
        };
        let deleting = self.run.metadata.deletion_timestamp.is_some();
        let status = self.status();
        let steps = status.workspaces.iter().map(|w| {
            let ready = w.prepare.state == PrepareState::Ready;
            let seeding = matches!(w.seed.state, SeedState::Pending | SeedState::Failed);
            let see = |step, attempt, wanted: bool| wanted.then(|| state(&w.name, step, attempt));
            let steps = Steps {
                prepare: see(StepName::Prepare, w.prepare.attempts + 1, !ready && !deleting),
                seed: see(StepName::Seed, w.seed.attempts + 1, ready && seeding && !deleting),
                inspect: see(StepName::Inspect, 1, ready && !seeding && !deleting),
                cleanup: see(StepName::Cleanup, 1, deleting),
            };
            (w.name.clone(), steps)
        });
        let roots = if self.restricted { vec![] } else { vec!["/repos".into()] };
        let rules = GitRules {
            allowed_hosts: vec![],
            local_roots: roots,
            timeout_seconds: 1,
        };
        let limits = SeedLimits {
            max_files: 1,
            max_bytes: 1,
            max_file_bytes: 1,
            max_depth: 1,
            max_name_bytes: 1,
        };
        Observed {
            run: Arc::new(self.run.clone()),
            topologies: self
                .topologies
                .iter()
                .map(|(n, t)| (n.clone(), Arc::new(t.clone())))
                .collect(),
            steps: steps.collect(),
            settings: Arc::new(RunSettings {
                rules,
                limits,
                workspace_root: "/w".into(),
                cache_root: "/c".into(),
                inspect_interval: Duration::from_secs(60),
            }),
            room,
        }
    }

    fn happen(&mut self, what: &Happening) {
        match what {
            Happening::Nothing => {}
            Happening::TimePasses(seconds) => self.now = self.now.plus(Duration::from_secs(u64::from(*seconds))),
            Happening::StepsSucceed => self.end_steps(|step, now| StepState::Succeeded {
                outcome: outcome(step),
                at: now,
            }),
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

    /// One pass of the driver; whether anything happened in it.
    fn pass(&mut self) -> bool {
        let before = self.status();
        let ring = Journal::new("run-uid", &before.journal, i64::MAX);
        let plan = decide(&self.observed(ring.room()), self.now);
        assert!(
            plan.transitions.len() <= RING,
            "no more transitions than the journal can take"
        );
        for effect in &plan.effects {
            self.check(effect);
            self.apply(effect);
        }
        self.released |= plan.release;
        let news = !plan.transitions.is_empty() || !plan.effects.is_empty();
        let mut ring = Journal::new("run-uid", &before.journal, i64::MAX);
        ring.append(self.now, plan.transitions);
        let mut after = plan.status;
        after.journal = ring.into_entries();
        after.observed_generation = Some(1);
        compare(&before, &after);
        let changed = news || before != after;
        self.run.status = Some(after);
        changed
    }

    fn check(&self, effect: &Effect) {
        let deleting = self.run.metadata.deletion_timestamp.is_some();
        match effect {
            Effect::Claim { .. } => assert!(!deleting && !self.run.spec.suspend && !self.restricted),
            Effect::Start {
                step: StepName::Cleanup,
                ..
            }
            | Effect::StopSteps
            | Effect::ForgetSteps => assert!(deleting),
            Effect::Start { .. } => {
                assert!(
                    !deleting && !self.run.spec.suspend,
                    "nothing new while suspended or going"
                );
                assert!(self.status().docs.is_some(), "no workspace before acceptance");
                let held = self.run.spec.tickets.iter().all(|t| self.holds(t));
                assert!(held, "no step without every claim");
            }
            Effect::Forget { .. } | Effect::Release { .. } => {}
        }
    }

    fn holds(&self, ticket: &str) -> bool {
        let topology = self.topologies.get(&topology_name(ticket));
        topology
            .and_then(|t| t.status.as_ref())
            .is_some_and(|s| s.claims.iter().any(|c| c.run_uid == "run-uid"))
    }

    fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Claim {
                ticket, home, since, ..
            } => {
                let place = self
                    .topologies
                    .entry(topology_name(ticket))
                    .or_insert_with(|| topology(ticket, &home.url));
                assert_eq!(
                    place.spec.doc_home_url.as_deref(),
                    Some(home.url.as_str()),
                    "never two homes for one ticket"
                );
                let claim = Claim {
                    run_uid: "run-uid".into(),
                    run_name: "r".into(),
                    home_url: home.url.clone(),
                    since: *since,
                };
                place.status.get_or_insert_default().claims.push(claim);
            }
            Effect::Release { topology } => {
                if let Some(status) = self.topologies.get_mut(topology).and_then(|t| t.status.as_mut()) {
                    status.claims.retain(|c| c.run_uid != "run-uid");
                }
            }
            Effect::Start {
                workspace,
                step,
                attempt,
                ..
            } => {
                let running = StepState::Running {
                    since: self.now,
                    progress: None,
                };
                self.steps
                    .entry((workspace.clone(), *step, *attempt))
                    .or_insert(running);
            }
            Effect::Forget {
                workspace,
                step,
                attempt,
            } => {
                self.steps.remove(&(workspace.clone(), *step, *attempt));
            }
            Effect::StopSteps => self.happen(&Happening::StepsAreKilled),
            Effect::ForgetSteps => self.steps.clear(),
        }
    }
}

fn topology(ticket: &str, url: &str) -> TicketTopology {
    let spec = TicketTopologySpec {
        ticket: ticket.to_owned(),
        doc_home_repo: if url == OURS { "docs" } else { "other" }.to_owned(),
        doc_home_url: Some(url.to_owned()),
        docs_path: "ttmp".to_owned(),
    };
    let mut topology = TicketTopology::new(&topology_name(ticket), spec);
    topology.status = Some(crate::ticket_topology::crd::TicketTopologyStatus::default());
    topology
}

fn outcome(step: StepName) -> serde_json::Value {
    match step {
        StepName::Prepare => json!({ "repos": [{ "name": "docs", "baseCommit": "b" }] }),
        StepName::Seed => json!({ "revision": "sha256:1", "sourceCommit": "c", "files": 1, "bytes": 2, "commit": null,
            "directory": "ttmp/x", "bootstrapped": false }),
        StepName::Inspect => {
            json!({ "repos": [{ "name": "docs", "headCommit": "h", "dirty": false, "problem": null }] })
        }
        StepName::Cleanup => json!({ "setAside": null, "why": null }),
    }
}

/// What may never happen from one status to the next.
fn compare(before: &RunStatus, after: &RunStatus) {
    assert!(chain_holds("run-uid", &after.journal), "the journal is a chain");
    if let (Some(old), Some(new)) = (&before.docs, &after.docs) {
        assert_eq!(
            (&old.home_repo, &old.home_url),
            (&new.home_repo, &new.home_url),
            "the home is pinned"
        );
        if old.freshness_revision != new.freshness_revision {
            let seeded = after.journal.iter().any(|e| e.kind == super::events::SEEDED);
            assert!(seeded, "the freshness revision changes only when a seed succeeded");
        }
    }
    assert!(
        after.docs.is_some() || before.docs.is_none(),
        "acceptance is never forgotten"
    );
    for (old, new) in before.workspaces.iter().zip(&after.workspaces) {
        assert!(new.seed.attempts >= old.seed.attempts && new.prepare.attempts >= old.prepare.attempts);
        assert!(
            new.seed.revision.is_some() || old.seed.revision.is_none(),
            "a revision is never forgotten"
        );
    }
    assert!(
        !(is_true(&after.conditions, READY) && is_true(&after.conditions, STALLED)),
        "ready or stalled, not both"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn every_history_keeps_the_promises_and_settles_once_the_world_is_kind(
        tickets in 1usize..5,
        bootstrap in any::<bool>(),
        copies in any::<bool>(),
        history in prop::collection::vec(happenings(), 0..40),
    ) {
        let mut world = World::new(tickets, bootstrap, copies);
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
        for _ in 0..80 {
            if world.released {
                break;
            }
            world.pass();
            world.happen(&Happening::TimePasses(400));
            world.happen(&Happening::StepsSucceed);
        }
        if world.run.metadata.deletion_timestamp.is_some() {
            prop_assert!(world.released, "a Run that is being deleted goes");
            prop_assert!(world.topologies.values().all(|t| t.status.as_ref().unwrap().claims.is_empty()), "and leaves no claim");
        } else {
            prop_assert!(is_true(&world.status().conditions, READY), "it becomes ready: {:?}", world.status().conditions);
            prop_assert_eq!(world.status().phase, Some(Phase::Active));
        }
    }

    #[test]
    fn unchanged_facts_reach_a_fixed_point(
        tickets in 1usize..5,
        history in prop::collection::vec(happenings(), 0..25),
    ) {
        let mut world = World::new(tickets, false, true);
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
