//! Many Runs over few tickets and homes, with stale caches, restarts, deletions and people who write topologies by hand:
//! never two homes alive for one ticket, nobody holds half of what they need, and who waits goes on by itself. This file
//! is the world; what happens in it, who works in it and what it promises stand beside it.

mod drivers;
mod happenings;
mod histories;
mod people;
mod promises;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::api_server::{ApiServer, Objects};
use crate::kernel::moment::Moment;
use crate::ports::workspaces::{GitRules, SeedLimits};
use crate::run::RunSettings;
use crate::ticket_topology::crd::{Claim, TicketTopology};

fn ticket(index: usize) -> String {
    format!("T-{index}")
}

fn run_name(index: usize) -> String {
    format!("r-{index}")
}

struct World {
    api: ApiServer,
    now: Moment,
    settings: Arc<RunSettings>,
    /// What the caches show: a place in the history. Each kind has a cache of its own.
    seen_runs: usize,
    seen_topologies: usize,
    /// Version of the last own write of an object, which its driver waits to see.
    written: BTreeMap<String, u64>,
    /// Topologies that are canonical and that nobody asked to delete: name to uid.
    canonical: BTreeMap<String, String>,
}

impl World {
    fn new() -> Self {
        let settings = RunSettings {
            rules: GitRules {
                allowed_hosts: vec![],
                local_roots: vec!["/repos".into()],
                timeout_seconds: 1,
                max_repo_bytes: 0,
            },
            limits: SeedLimits {
                max_files: 1,
                max_bytes: 1,
                max_file_bytes: 1,
                max_depth: 1,
                max_name_bytes: 1,
            },
            workspace_root: "/w".into(),
            cache_root: "/c".into(),
            secret_namespaces: vec![],
            inspect_interval: Duration::from_secs(60),
            run_disk_budget: 0,
            min_free_bytes: 0,
        };
        let mut api = ApiServer::default();
        api.history.push(Objects::default());
        Self {
            api,
            now: Moment::from_millis(1_000_000).unwrap(),
            settings: Arc::new(settings),
            seen_runs: 0,
            seen_topologies: 0,
            written: BTreeMap::new(),
            canonical: BTreeMap::new(),
        }
    }

    fn see_all(&mut self) {
        self.seen_runs = self.api.history.len() - 1;
        self.seen_topologies = self.seen_runs;
    }

    /// Everybody sees everything and works until nothing changes any more.
    fn settle(&mut self) {
        for round in 0..60 {
            let before = self.api.version();
            self.now = self.now.plus(Duration::from_secs(130));
            let (runs, topologies): (Vec<_>, Vec<_>) = (
                self.api.now.runs.keys().cloned().collect(),
                self.api.now.topologies.keys().cloned().collect(),
            );
            for name in runs.iter().cycle().skip(round % 7).take(runs.len()) {
                self.see_all();
                let _ = self.run_pass(name, usize::MAX);
                self.promises();
            }
            for name in &topologies {
                self.see_all();
                let _ = self.topology_pass(name);
                self.promises();
            }
            if self.api.version() == before && round > 3 {
                return;
            }
        }
        panic!("it never settles");
    }
}

fn claims_of(topology: &TicketTopology) -> &[Claim] {
    topology
        .status
        .as_ref()
        .map(|s| s.claims.as_slice())
        .unwrap_or_default()
}
