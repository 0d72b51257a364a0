//! One pass of a driver in miniature: what it may do at any time, and what may never come of it.

use super::happenings::Happening;
use super::{BUDGET, World, topology};
use crate::kernel::condition::{READY, STALLED, find, is_true};
use crate::kernel::journal::{Journal, RING, chain_holds, room};
use crate::kernel::moment::Moment;
use crate::kernel::plan::Next;
use crate::kernel::ticket::topology_name;
use crate::ports::executor::{StepName, StepState};
use crate::ports::services::ServiceState;
use crate::run::crd::{Phase, RunStatus};
use crate::run::decide::{Effect, decide};
use crate::run::events::SEEDED;
use crate::run::queue::{LetIn, QUEUED, Turn};
use crate::run::room::over_budget;
use crate::run::serving::EndpointSeen;
use crate::run::summary::TOPOLOGY_ACCEPTED;
use crate::ticket_topology::crd::Claim;

impl World {
    /// One pass of the driver; whether anything happened in it.
    pub(super) fn pass(&mut self) -> bool {
        let before = self.status();
        let plan = decide(&self.observed(room(&before.journal, i64::MAX)), self.now);
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
        let mut ring = Journal::new("run-uid", &before.journal);
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
        let at_once = matches!(plan.next, Next::After(after) if after.is_zero());
        assert!(
            changed || !at_once,
            "who does nothing does not ask to look again at once, for ever"
        );
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
            let seeded = after.journal.iter().any(|e| e.kind == SEEDED);
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
