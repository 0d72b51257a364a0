//! A Run's decisions under random histories: a little world of topologies and steps stands in for the outside.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;
use serde_json::json;

use super::RunSettings;
use super::crd::{Phase, PrepareState, Run, RunStatus, SeedState};
use super::credentials::{self, Credentials};
use super::decide::{Effect, decide};
use super::observe::{Observed, Steps};
use super::queue::{Contender, LetIn, Line, QUEUED, Stand, Turn};
use super::room::over_budget;
use super::serving::{AllServed, DOCS_SERVED, EndpointSeen, Served, is_wanted};
use super::summary::TOPOLOGY_ACCEPTED;
use crate::kernel::condition::{READY, STALLED, find, is_true};
use crate::kernel::journal::{Journal, RING, chain_holds};
use crate::kernel::moment::Moment;
use crate::kernel::request::REQUESTED_AT;
use crate::kernel::ticket::topology_name;
use crate::ports::executor::{StepError, StepName, StepState};
use crate::ports::secrets::Credential;
use crate::ports::services::{LiveService, ServiceKey, ServiceState};
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

struct World {
    run: Run,
    topologies: BTreeMap<String, TicketTopology>,
    steps: HashMap<(String, StepName, i32), StepState>,
    services: BTreeMap<String, ServiceState>,
    endpoints: BTreeMap<String, EndpointSeen>,
    now: Moment,
    restricted: bool,
    released: bool,
    asked: u32,
    credentials: Credentials,
    line: Line,
    held: u64,
    full: bool,
}

/// What the workspaces of the world's Run may hold together.
const BUDGET: u64 = 20 << 20;

impl World {
    /// `most`: how many Runs may be active.
    fn new(tickets: usize, bootstrap: bool, copies: bool, most: usize) -> Self {
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
            services: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            now: Moment::from_millis(1_000_000).unwrap(),
            restricted: false,
            released: false,
            asked: 0,
            credentials: Credentials::new(),
            held: 1,
            full: false,
            line: Line {
                most,
                ..Line::default()
            },
        }
    }

    /// The line with our Run in it, as the turnstile shows it.
    fn line(&self) -> Line {
        let mut line = self.line.clone();
        line.contenders.push(super::queue::contender(&self.run, 1));
        line
    }

    fn others_stand(&mut self, name: &str, count: usize, stand: Stand) {
        self.line.contenders.retain(|c| !c.uid.starts_with(name));
        let others = (0..count).map(|i| Contender {
            created: 0,
            uid: format!("{name}-{i}"),
            version: 1,
            stand,
        });
        self.line.contenders.extend(others);
    }

    fn status(&self) -> RunStatus {
        self.run.status.clone().unwrap_or_default()
    }

    fn settings(&self) -> RunSettings {
        let roots = if self.restricted { vec![] } else { vec!["/repos".into()] };
        let rules = GitRules {
            allowed_hosts: vec![],
            local_roots: roots,
            timeout_seconds: 1,
            max_repo_bytes: 0,
        };
        let limits = SeedLimits {
            max_files: 1,
            max_bytes: 1,
            max_file_bytes: 1,
            max_depth: 1,
            max_name_bytes: 1,
        };
        RunSettings {
            rules,
            limits,
            workspace_root: "/w".into(),
            cache_root: "/c".into(),
            secret_namespaces: vec![],
            inspect_interval: Duration::from_secs(60),
            run_disk_budget: BUDGET,
            min_free_bytes: 1000,
        }
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
            let over_budget = over_budget(&status.workspaces, BUDGET).is_some();
            let see = |step, attempt, wanted: bool| wanted.then(|| state(&w.name, step, attempt));
            let steps = Steps {
                prepare: see(StepName::Prepare, w.prepare.attempts + 1, !ready && !deleting),
                seed: see(StepName::Seed, w.seed.attempts + 1, ready && seeding && !deleting),
                inspect: see(StepName::Inspect, 1, ready && (!seeding || over_budget) && !deleting),
                cleanup: see(StepName::Cleanup, 1, deleting),
            };
            (w.name.clone(), steps)
        });
        Observed {
            forum: super::crd::ForumCounts::default(),
            run: Arc::new(self.run.clone()),
            topologies: self
                .topologies
                .iter()
                .map(|(n, t)| (n.clone(), Arc::new(t.clone())))
                .collect(),
            steps: steps.collect(),
            served: self.served(),
            credentials: self.credentials.clone(),
            settings: Arc::new(self.settings()),
            line: match deleting || status.docs.is_some() {
                true => Line::default(),
                false => self.line(),
            },
            free_bytes: Some(if self.full { 999 } else { 1000 }),
            room,
        }
    }

    fn served(&self) -> AllServed {
        let status = self.status();
        let deleting = self.run.metadata.deletion_timestamp.is_some();
        let seen = status
            .workspaces
            .iter()
            .filter(|w| deleting || w.endpoint.is_some() || is_wanted(w));
        let served = seen.map(|w| {
            let service = self.services.get(&w.name).cloned().unwrap_or(ServiceState::Absent);
            let endpoint = self.endpoints.get(&w.name).cloned();
            (
                w.name.clone(),
                Served {
                    service: Some(service),
                    endpoint,
                },
            )
        });
        served.collect()
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each thing that may happen")]
    fn happen(&mut self, what: &Happening) {
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
        if before.docs.is_none() && after.docs.is_some() && self.line.most > 0 {
            assert!(
                self.line.let_in.contains_key("run-uid"),
                "accepted only through the turnstile"
            );
        }
        if find(&after.conditions, TOPOLOGY_ACCEPTED).is_some_and(|c| c.reason == QUEUED) {
            assert!(after.docs.is_none() && after.workspaces.is_empty());
        }
        let changed = news || before != after;
        self.run.status = Some(after);
        changed
    }

    fn check(&self, effect: &Effect) {
        let deleting = self.run.metadata.deletion_timestamp.is_some();
        match effect {
            Effect::Claim { .. } => {
                assert!(!deleting && !self.run.spec.suspend && !self.restricted);
                let may = self.status().docs.is_some() || self.line().turn("run-uid") == Turn::Go;
                assert!(may, "no claim before its turn");
            }
            Effect::Enter => assert!(!deleting && self.line().turn("run-uid") == Turn::Go),
            Effect::Start {
                step: StepName::Cleanup,
                ..
            }
            | Effect::StopSteps
            | Effect::StopDocs
            | Effect::ForgetSteps => assert!(deleting),
            Effect::DropEndpoint { name, .. } => {
                assert!(deleting && self.endpoints[name].ours, "only what is ours goes");
            }
            Effect::StartDocs { workspace, .. } | Effect::MakeEndpoint { workspace, .. } => {
                assert!(!deleting && !self.run.spec.suspend);
                let known = self.status().workspaces.into_iter().any(|w| w.name == *workspace);
                assert!(known, "{workspace}");
            }
            Effect::Start { step, .. } => {
                assert!(
                    !deleting && !self.run.spec.suspend,
                    "nothing new while suspended or going"
                );
                assert!(self.status().docs.is_some(), "no workspace before acceptance");
                let over = over_budget(&self.status().workspaces, BUDGET).is_some();
                assert!(
                    *step == StepName::Inspect || !over,
                    "only looked at while over its budget"
                );
                assert!(*step != StepName::Prepare || !self.full, "no clone on a full disk");
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

    fn claim(&mut self, ticket: &str, home_url: &str, since: Moment) {
        let place = self
            .topologies
            .entry(topology_name(ticket))
            .or_insert_with(|| topology(ticket, home_url));
        assert_eq!(
            place.spec.doc_home_url.as_deref(),
            Some(home_url),
            "never two homes for one ticket"
        );
        let claim = Claim {
            run_uid: "run-uid".into(),
            run_name: "r".into(),
            home_url: home_url.to_owned(),
            since,
        };
        place.status.get_or_insert_default().claims.push(claim);
    }

    fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Enter => self.line.let_in = LetIn::from([("run-uid".to_owned(), 1)]),
            Effect::Claim {
                ticket, home, since, ..
            } => self.claim(ticket, &home.url, *since),
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
            Effect::StartDocs { workspace, .. } => {
                let starting = ServiceState::Starting { since: self.now };
                self.services.entry(workspace.clone()).or_insert(starting);
            }
            Effect::MakeEndpoint { workspace, .. } => {
                let made = EndpointSeen {
                    uid: "made".into(),
                    ours: true,
                    leaving: false,
                };
                self.endpoints.entry(workspace.clone()).or_insert(made);
            }
            Effect::StopDocs => self.services.clear(),
            Effect::DropEndpoint { name, .. } => drop(self.endpoints.remove(name)),
            Effect::StopSteps => self.happen(&Happening::StepsAreKilled),
            Effect::ForgetSteps => self.steps.clear(),
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
    let over = over_budget(&after.workspaces, BUDGET).is_some();
    let stopping = after.phase == Some(Phase::Stopping);
    assert!(
        stopping || over != after.warnings.is_empty(),
        "a warning as long as it is so"
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
