//! The two drivers over what their caches show: a pass decides with the code under test, and may die between effects.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt as _;
use serde_json::json;

use super::super::api_server::Lost;
use super::{World, claims_of};
use crate::kernel::journal::{Journal, JournalEntry, Transition, room};
use crate::kernel::moment::Moment;
use crate::kernel::ticket::topology_name;
use crate::ports::executor::{StepName, StepState};
use crate::run::crd::Run;
use crate::run::pure::{Effect as RunEffect, Observed as RunObserved, Steps, decide as decide_run};
use crate::ticket_topology::crd::{Claim, TicketTopologySpec};
use crate::ticket_topology::pure::{
    Effect as TopologyEffect, Observed as TopologyObserved, Sources, decide as decide_topology,
};

impl World {
    fn waits_for_own_write(&self, uid: &str, version: Option<String>) -> bool {
        number(version) < self.written.get(uid).copied().unwrap_or(0)
    }

    /// One pass of the Runs' driver over what its caches show.
    pub(super) fn run_pass(&mut self, name: &str, most_effects: usize) -> Result<(), Lost> {
        let run = self.api.history[self.seen_runs].runs.get(name).ok_or(Lost)?.clone();
        let (uid, version) = (run.uid().unwrap(), run.resource_version());
        if self.waits_for_own_write(&uid, version.clone()) {
            return Ok(());
        }
        let journal = run.status.as_ref().map(|s| s.journal.clone()).unwrap_or_default();
        let plan = decide_run(&self.observed_by(&run, &journal), self.now);
        for effect in plan.effects.iter().take(most_effects) {
            self.perform(&run, effect)?;
            self.promises();
        }
        if plan.effects.len() > most_effects {
            return Err(Lost);
        }
        if plan.release && plan.transitions.is_empty() {
            return self.api.remove_run(name, version.as_deref());
        }
        let mut status = plan.status;
        status.journal = appended(&uid, &journal, self.now, plan.transitions);
        status.observed_generation = Some(1);
        self.api
            .change_run(name, version.as_deref(), |r| r.status = Some(status))?;
        let kept = self.api.now.runs.get(name).and_then(|r| r.resource_version());
        self.written.insert(uid, number(kept));
        Ok(())
    }

    fn observed_by(&self, run: &Arc<Run>, journal: &[JournalEntry]) -> RunObserved {
        let seen = &self.api.history[self.seen_topologies].topologies;
        let names = run.spec.tickets.iter().map(|t| topology_name(t));
        let deleting = run.metadata.deletion_timestamp.is_some();
        let running = StepState::Running {
            since: self.now,
            progress: None,
        };
        let removed = StepState::Succeeded {
            outcome: json!({ "setAside": null, "why": null }),
            at: self.now,
        };
        let workspaces = run.status.as_ref().map(|s| s.workspaces.as_slice()).unwrap_or_default();
        let steps = workspaces.iter().map(|w| {
            let steps = Steps {
                prepare: (!deleting).then(|| running.clone()),
                cleanup: deleting.then(|| removed.clone()),
                ..Steps::default()
            };
            (w.name.clone(), steps)
        });
        RunObserved {
            forum: crate::run::crd::ForumCounts::default(),
            run: run.clone(),
            topologies: names.filter_map(|n| seen.get(&n).map(|t| (n, t.clone()))).collect(),
            steps: steps.collect(),
            served: BTreeMap::default(),
            credentials: BTreeMap::default(),
            settings: self.settings.clone(),
            line: crate::run::queue::Line::default(),
            free_bytes: None,
            room: room(journal, i64::MAX),
        }
    }

    fn perform(&mut self, run: &Run, effect: &RunEffect) -> Result<(), Lost> {
        let uid = run.uid().unwrap();
        match effect {
            RunEffect::Claim {
                ticket,
                home,
                docs_path,
                seen,
                since,
            } => {
                let version = if let Some(version) = seen {
                    version.clone()
                } else {
                    let spec = TicketTopologySpec {
                        ticket: ticket.clone(),
                        doc_home_repo: home.repo.clone(),
                        doc_home_url: Some(home.url.clone()),
                        docs_path: docs_path.clone(),
                    };
                    self.api.create_topology(spec, true, self.now)?
                };
                let claim = Claim {
                    run_uid: uid.clone(),
                    run_name: run.name_any(),
                    home_url: home.url.clone(),
                    since: *since,
                };
                self.api
                    .apply_claim(&topology_name(ticket), Some(&version), &uid, Some(claim))
            }
            // Nothing to take it from is as good.
            RunEffect::Release { topology } => self.api.apply_claim(topology, None, &uid, None).or(Ok(())),
            RunEffect::Start { step, .. } => {
                assert!(
                    *step == StepName::Cleanup || run.status.as_ref().is_some_and(|s| s.docs.is_some()),
                    "no workspace before acceptance"
                );
                Ok(())
            }
            RunEffect::Enter
            | RunEffect::Forget { .. }
            | RunEffect::StartDocs { .. }
            | RunEffect::MakeEndpoint { .. }
            | RunEffect::StopDocs
            | RunEffect::DropEndpoint { .. }
            | RunEffect::StopSteps
            | RunEffect::ForgetSteps => Ok(()),
        }
    }

    /// One pass of the topologies' driver. Whether a claiming Run is gone it asks the API server itself.
    pub(super) fn topology_pass(&mut self, name: &str) -> Result<(), Lost> {
        let topology = self.api.history[self.seen_topologies]
            .topologies
            .get(name)
            .ok_or(Lost)?
            .clone();
        let (uid, version) = (topology.uid().unwrap(), topology.resource_version());
        if self.waits_for_own_write(&uid, version.clone()) {
            return Ok(());
        }
        let cached = &self.api.history[self.seen_runs].runs;
        let lives = |runs: &BTreeMap<String, Arc<Run>>, claim: &Claim| {
            runs.values()
                .any(|r| r.uid().as_deref() == Some(claim.run_uid.as_str()))
        };
        let abandoned = claims_of(&topology)
            .iter()
            .filter(|c| !lives(cached, c) && !lives(&self.api.now.runs, c))
            .cloned()
            .collect();
        let journal = topology.status.as_ref().map(|s| s.journal.clone()).unwrap_or_default();
        let observed = TopologyObserved {
            topology,
            abandoned,
            ending: std::collections::BTreeSet::new(),
            sources: Sources::default(),
        };
        let plan = decide_topology(&observed, self.now);
        for effect in &plan.effects {
            match effect {
                TopologyEffect::ReleaseAbandoned { run_uid } => self.api.apply_claim(name, None, run_uid, None)?,
                TopologyEffect::Delete => self.api.delete_topology(name, version.as_deref(), self.now)?,
                // There are no endpoints in this model.
                TopologyEffect::RequestRefresh { .. } => {}
            }
        }
        if plan.release && plan.transitions.is_empty() {
            return self.api.remove_topology(name, version.as_deref());
        }
        let mut status = plan.status;
        status.journal = appended(&uid, &journal, self.now, plan.transitions);
        status.observed_generation = Some(1);
        self.api.change_topology(name, version.as_deref(), |t| {
            let claims = claims_of(t).to_vec();
            t.status = Some(crate::ticket_topology::crd::TicketTopologyStatus { claims, ..status });
        })?;
        let kept = self.api.now.topologies.get(name).and_then(|t| t.resource_version());
        self.written.insert(uid, number(kept));
        Ok(())
    }
}

fn number(version: Option<String>) -> u64 {
    version.and_then(|v| v.parse().ok()).unwrap_or(0)
}

fn appended(uid: &str, journal: &[JournalEntry], now: Moment, transitions: Vec<Transition>) -> Vec<JournalEntry> {
    let mut ring = Journal::new(uid, journal);
    ring.append(now, transitions);
    ring.into_entries()
}
