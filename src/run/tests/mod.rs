//! A Run's decisions under random histories: a little world of topologies and steps stands in for the outside. This file
//! is the world as a pass observes it.

mod happenings;
mod histories;
mod passes;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::RunSettings;
use super::crd::{ForumCounts, PrepareState, Run, RunStatus, SeedState};
use super::credentials::Credentials;
use super::observe::{Observed, Steps};
use super::queue::{Contender, Line, Stand, contender};
use super::room::over_budget;
use super::serving::{AllServed, EndpointSeen, Served, is_wanted};
use crate::kernel::moment::Moment;
use crate::kernel::ticket::topology_name;
use crate::ports::executor::{StepName, StepState};
use crate::ports::services::ServiceState;
use crate::ports::workspaces::{GitRules, SeedLimits};
use crate::ticket_topology::crd::{TicketTopology, TicketTopologySpec, TicketTopologyStatus};

const OURS: &str = "/repos/docs";
const THEIRS: &str = "/repos/other";

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
        line.contenders.push(contender(&self.run, 1));
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
            forum: ForumCounts::default(),
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
}

fn topology(ticket: &str, url: &str) -> TicketTopology {
    let spec = TicketTopologySpec {
        ticket: ticket.to_owned(),
        doc_home_repo: if url == OURS { "docs" } else { "other" }.to_owned(),
        doc_home_url: Some(url.to_owned()),
        docs_path: "ttmp".to_owned(),
    };
    let mut topology = TicketTopology::new(&topology_name(ticket), spec);
    topology.status = Some(TicketTopologyStatus::default());
    topology
}
