//! People, crashes and time: everything that happens to the world from outside.

use std::time::Duration;

use kube::ResourceExt as _;
use serde_json::json;

use super::super::api_server::Lost;
use super::happenings::{HOMES, Happening, REPOS, TICKETS};
use super::{World, claims_of, run_name, ticket};
use crate::kernel::ticket::topology_name;
use crate::ticket_topology::crd::{CANONICAL_SINCE, TicketTopologySpec};

impl World {
    pub(super) fn happen(&mut self, what: &Happening) {
        // Whoever loses a race or finds nothing tries again later: every result but a broken promise is fine.
        let _ = match what {
            Happening::Create { name, tickets, repos } => self.create(*name, TICKETS[*tickets], *repos),
            Happening::Delete(name) => {
                let at = self.now.whole_seconds();
                self.api.change_run(&run_name(*name), None, |r| {
                    r.metadata
                        .deletion_timestamp
                        .get_or_insert(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at));
                })
            }
            Happening::TearOut(name) => self.api.remove_run(&run_name(*name), None),
            Happening::Write { ticket: index, home } => {
                let (spec, at) = (spec_of(*index, *home), self.now);
                self.api.create_topology(spec, false, at).map(drop)
            }
            Happening::Edit { ticket: index, home } => self.edit(*index, *home),
            Happening::DeleteTopology(index) => {
                let (name, at) = (topology_name(&ticket(*index)), self.now);
                self.canonical.remove(&name);
                self.api.delete_topology(&name, None, at)
            }
            Happening::Canonise(name) => self.canonise(&run_name(*name)),
            Happening::MarkCanonical { ticket: index, is } => self.mark(&topology_name(&ticket(*index)), *is),
            Happening::SeeMore(writes) => {
                let newest = self.api.history.len() - 1;
                // One cache runs ahead of the other in turn.
                if writes % 2 == 0 {
                    self.seen_runs = newest.min(self.seen_runs + writes);
                } else {
                    self.seen_topologies = newest.min(self.seen_topologies + writes);
                }
                Ok(())
            }
            Happening::RunPass(name) => self.run_pass(&run_name(*name), usize::MAX),
            Happening::DyingPass(name, effects) => self.run_pass(&run_name(*name), *effects),
            Happening::TopologyPass(index) => self.topology_pass(&topology_name(&ticket(*index))),
            Happening::Restart => {
                self.see_all();
                self.written.clear();
                Ok(())
            }
            Happening::TimePasses(seconds) => {
                self.now = self.now.plus(Duration::from_secs(u64::from(*seconds)));
                Ok(())
            }
        };
        self.promises();
    }

    pub(super) fn create(&mut self, name: usize, tickets: &[usize], repos: usize) -> Result<(), Lost> {
        let (repos, home) = REPOS[repos];
        let tickets: Vec<_> = tickets.iter().map(|t| ticket(*t)).collect();
        let repos: Vec<_> = repos
            .iter()
            .map(|(name, url)| json!({ "name": name, "url": url }))
            .collect();
        let run = json!({
            "apiVersion": "metawsm.dev/v1alpha1", "kind": "Run", "metadata": { "name": run_name(name) },
            "spec": { "tickets": tickets, "repos": repos, "docHomeRepo": home, "docSeedMode": "None" },
        });
        self.api.create_run(serde_json::from_value(run).unwrap())
    }

    /// Every topology that the Run claims is marked.
    fn canonise(&mut self, run: &str) -> Result<(), Lost> {
        let run = self.api.now.runs.get(run).ok_or(Lost)?.clone();
        let claimed: Vec<_> = run.spec.tickets.iter().filter(|t| self.claims(&run, t)).collect();
        claimed.into_iter().try_for_each(|t| self.mark(&topology_name(t), true))
    }

    fn mark(&mut self, name: &str, canonical: bool) -> Result<(), Lost> {
        self.api.change_topology(name, None, |t| {
            if canonical {
                let since = "2026-11-21T12:00:00Z".to_owned();
                t.annotations_mut().insert(CANONICAL_SINCE.to_owned(), since);
            } else {
                t.annotations_mut().remove(CANONICAL_SINCE);
            }
        })?;
        let topology = &self.api.now.topologies[name];
        if canonical && topology.metadata.deletion_timestamp.is_none() {
            self.canonical.insert(name.to_owned(), topology.uid().unwrap());
        } else {
            self.canonical.remove(name);
        }
        Ok(())
    }

    /// A person changes the home, which the API server lets pass only while nobody claims it, nor takes a URL away.
    fn edit(&mut self, index: usize, home: usize) -> Result<(), Lost> {
        let name = topology_name(&ticket(index));
        let spec = spec_of(index, home);
        let topology = self.api.now.topologies.get(&name).ok_or(Lost)?;
        let takes_url_away = topology.spec.doc_home_url.is_some() && spec.doc_home_url.is_none();
        if claims_of(topology).is_empty() && !takes_url_away {
            return self.api.change_topology(&name, None, |t| t.spec = spec);
        }
        Err(Lost)
    }
}

fn spec_of(index: usize, home: usize) -> TicketTopologySpec {
    let (repo, url) = HOMES[home];
    TicketTopologySpec {
        ticket: ticket(index),
        doc_home_repo: repo.to_owned(),
        doc_home_url: url.map(str::to_owned),
        docs_path: "ttmp".to_owned(),
    }
}
