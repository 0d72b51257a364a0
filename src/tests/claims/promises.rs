//! What holds at every moment and once everything is settled, judged without the code under test.

use std::collections::BTreeMap;

use kube::ResourceExt as _;

use super::{World, claims_of};
use crate::kernel::condition;
use crate::kernel::repo_url::normalise;
use crate::kernel::ticket::topology_name;
use crate::run::crd::Run;
use crate::ticket_topology::crd::{CANONICAL_SINCE, MADE_BY};

impl World {
    /// What holds at every moment.
    pub(super) fn promises(&self) {
        for (name, uid) in &self.canonical {
            let stays = self.api.now.topologies.get(name);
            let stays = stays.filter(|t| t.uid().as_ref() == Some(uid) && t.metadata.deletion_timestamp.is_none());
            assert!(stays.is_some(), "{name} is canonical and went by itself");
        }
        for topology in self.api.now.topologies.values() {
            let mut homes: Vec<_> = claims_of(topology).iter().map(|c| normalise(&c.home_url)).collect();
            homes.extend(
                topology
                    .spec
                    .doc_home_url
                    .as_deref()
                    .filter(|_| !homes.is_empty())
                    .map(normalise),
            );
            homes.sort();
            homes.dedup();
            assert!(
                homes.len() <= 1,
                "claims on {} disagree: {homes:?}",
                topology.spec.ticket
            );
        }
        let mut alive: BTreeMap<String, (String, String)> = BTreeMap::new();
        for run in self.api.now.runs.values() {
            let Some(docs) = run
                .status
                .as_ref()
                .and_then(|s| s.docs.as_ref())
                .filter(|_| self.still_holds(run))
            else {
                continue;
            };
            for ticket in &run.spec.tickets {
                let (home, other) = alive
                    .entry(topology_name(ticket))
                    .or_insert_with(|| (docs.home_url.clone(), run.name_any()));
                assert_eq!(
                    *home,
                    docs.home_url,
                    "{ticket} is alive in two homes: {} and {other}",
                    run.name_any()
                );
            }
        }
    }

    /// An accepted Run is alive until it gave its claims back.
    fn still_holds(&self, run: &Run) -> bool {
        let deleting = run.metadata.deletion_timestamp.is_some();
        !deleting || run.spec.tickets.iter().all(|t| self.claims(run, t))
    }

    pub(super) fn claims(&self, run: &Run, ticket: &str) -> bool {
        let topology = self.api.now.topologies.get(&topology_name(ticket));
        topology.is_some_and(|t| claims_of(t).iter().any(|c| Some(&c.run_uid) == run.uid().as_ref()))
    }

    /// What holds once everything is settled.
    pub(super) fn settled_promises(&self) {
        for run in self.api.now.runs.values() {
            assert!(
                run.metadata.deletion_timestamp.is_none(),
                "{} never went",
                run.name_any()
            );
            let held = run.spec.tickets.iter().filter(|t| self.claims(run, t)).count();
            let accepted = run.status.as_ref().is_some_and(|s| s.docs.is_some());
            if accepted {
                assert_eq!(
                    held,
                    run.spec.tickets.len(),
                    "{} works without its claims",
                    run.name_any()
                );
                continue;
            }
            assert_eq!(held, 0, "{} waits and holds claims", run.name_any());
            let conditions = &run.status.as_ref().unwrap().conditions;
            let told = condition::find(conditions, "TopologyAccepted").unwrap();
            assert!(!told.message.is_empty());
            assert!(
                self.has_cause(run),
                "{} waits for nothing: {} {}",
                run.name_any(),
                told.reason,
                told.message
            );
        }
        for topology in self.api.now.topologies.values() {
            let by_run = topology.labels().contains_key(MADE_BY);
            assert!(
                !by_run || !claims_of(topology).is_empty() || topology.annotations().contains_key(CANONICAL_SINCE),
                "{} stays without claims",
                topology.name_any()
            );
            for claim in claims_of(topology) {
                let lives = self
                    .api
                    .now
                    .runs
                    .values()
                    .any(|r| r.uid().as_ref() == Some(&claim.run_uid));
                assert!(
                    lives,
                    "the claim of {} on {} stays",
                    claim.run_name,
                    topology.name_any()
                );
            }
        }
    }

    /// Judged without the code under test: somebody else's claim or a person's topology stands against the Run, in that
    /// its home is none of the Run's repositories under that name, or the Run's tickets do not have one home in common.
    fn has_cause(&self, run: &Run) -> bool {
        let mut homes = Vec::new();
        for topology in run
            .spec
            .tickets
            .iter()
            .filter_map(|t| self.api.now.topologies.get(&topology_name(t)))
        {
            // A topology that people delete while it is in use cannot be joined.
            if topology.metadata.deletion_timestamp.is_some() && !claims_of(topology).is_empty() {
                return true;
            }
            let claimed = claims_of(topology).first().map(|c| c.home_url.clone());
            let url = topology.spec.doc_home_url.clone().or(claimed);
            let repo = run.spec.repos.iter().find(|r| match &url {
                Some(url) => normalise(&r.url) == normalise(url),
                None => r.name == topology.spec.doc_home_repo,
            });
            let Some(repo) = repo else { return true };
            let namesake = run.spec.repos.iter().find(|r| r.name == topology.spec.doc_home_repo);
            if namesake.is_some_and(|r| normalise(&r.url) != normalise(&repo.url)) {
                return true;
            }
            homes.push(normalise(&repo.url));
        }
        let named = run
            .spec
            .doc_home_repo
            .as_ref()
            .and_then(|n| run.spec.repos.iter().find(|r| r.name == *n));
        homes.extend(named.map(|r| normalise(&r.url)));
        homes.sort();
        homes.dedup();
        homes.len() > 1
    }
}
