//! The soak's part with DocEndpoints: made, changed, asked for a refresh and deleted at random, while the servers behind them
//! come and go. In the end each that should be there is reachable, and no other is left, also not in the global view.

use std::collections::BTreeMap;
use std::path::Path;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::harness::docs_server::DocsServer;
use super::harness::history::column;
use super::harness::stage::{Stage, condition};

/// Most at a time: each is asked every second.
const MOST: usize = 4;

pub struct Endpoints {
    home: String,
    dice: StdRng,
    made: usize,
    changes: usize,
    alive: BTreeMap<String, Endpoint>,
}

struct Endpoint {
    server: DocsServer,
    suspended: bool,
}

impl Endpoints {
    /// Servers of a home's tickets.
    pub fn new(home: String, seed: u64) -> Self {
        Self {
            home,
            dice: StdRng::seed_from_u64(seed),
            made: 0,
            changes: 0,
            alive: BTreeMap::new(),
        }
    }

    /// One random thing.
    pub async fn act(&mut self, stage: &Stage, tickets: &[&str]) {
        let names: Vec<_> = self.alive.keys().cloned().collect();
        let name = names.choose(&mut self.dice).cloned();
        let Some(name) = name.filter(|_| self.alive.len() >= MOST || self.dice.random_bool(0.7)) else {
            return self.make(stage, tickets).await;
        };
        self.changes += 1;
        let dice = self.dice.random_range(0..6);
        let Some(endpoint) = self.alive.get_mut(&name) else {
            return;
        };
        let spec = match dice {
            0 => {
                self.alive.remove(&name);
                return stage.delete("DocEndpoint", &name).await;
            }
            1 => return endpoint.server.up(self.dice.random_bool(0.5)),
            2 => {
                endpoint.suspended = !endpoint.suspended;
                json!({ "spec": { "suspend": endpoint.suspended } })
            }
            3 => json!({ "spec": { "staleAfter": format!("{}m", self.dice.random_range(10..60)) } }),
            _ => json!({ "metadata": { "annotations": { "metawsm.dev/requestedAt": self.changes.to_string() } } }),
        };
        stage.patch("DocEndpoint", &name, spec).await;
    }

    async fn make(&mut self, stage: &Stage, tickets: &[&str]) {
        self.made += 1;
        let name = format!("docs-{}", self.made);
        let some: Vec<_> = tickets.sample(&mut self.dice, 2).map(|t| (*t, "active")).collect();
        let server = DocsServer::of(&some).await;
        let manifest = json!({
            "apiVersion": "metawsm.dev/v1alpha1", "kind": "DocEndpoint", "metadata": { "name": name },
            "spec": {
                "kind": "Repo", "url": server.url(), "repo": "home", "repoURL": self.home, "interval": "1s",
                // None of these servers hangs; who answers late on busy cores answers.
                "timeout": "30s",
            },
        });
        stage.create(&manifest).await;
        let suspended = false;
        self.alive.insert(name, Endpoint { server, suspended });
    }

    /// Every server is up from now on, and asked.
    pub async fn calm(&mut self, stage: &Stage) {
        for (name, endpoint) in &mut self.alive {
            endpoint.server.up(true);
            endpoint.suspended = false;
            stage
                .patch("DocEndpoint", name, json!({ "spec": { "suspend": false } }))
                .await;
        }
    }

    /// What is not at rest. Those of workspaces are their Runs' affair.
    pub async fn unsettled(&self, stage: &Stage, objects: &[Value]) -> Vec<String> {
        let is_ours = |o: &&Value| o["spec"]["kind"] == "Repo";
        let name = |o: &Value| o["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let there: Vec<_> = objects.iter().filter(is_ours).map(name).collect();
        let extra = there.into_iter().filter(|name| !self.alive.contains_key(name));
        let mut wrong: Vec<_> = extra.map(|name| format!("{name} is still there")).collect();
        for name in self.alive.keys() {
            let object = stage.get("DocEndpoint", name).await;
            let seen = object["status"]["observedGeneration"] == object["metadata"]["generation"];
            if !seen || condition(&object, "Reachable")["status"] != "True" {
                wrong.push(format!("{name}: {:#}", object["status"]["conditions"]));
            }
        }
        wrong
    }

    pub async fn delete_all(&mut self, stage: &Stage) {
        for name in std::mem::take(&mut self.alive).keys() {
            stage.delete("DocEndpoint", name).await;
        }
    }

    pub fn tally(&self) -> String {
        format!("{} endpoints made, {} changes", self.made, self.changes)
    }
}

/// What the global view still says.
pub async fn listed(database: &Path) -> Vec<String> {
    column(database, "SELECT DISTINCT endpoint FROM federated_tickets").await
}
