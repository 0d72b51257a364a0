//! Many Runs over few tickets and homes, with stale caches, restarts, deletions and people who write topologies by hand:
//! never two homes alive for one ticket, nobody holds half of what they need, and who waits goes on by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt as _;
use proptest::prelude::*;
use serde_json::json;

use super::api_server::{ApiServer, Lost, Objects};
use crate::kernel::condition;
use crate::kernel::journal::{Journal, JournalEntry, Transition};
use crate::kernel::moment::Moment;
use crate::kernel::repo_url::normalise;
use crate::kernel::ticket::topology_name;
use crate::ports::executor::{StepName, StepState};
use crate::ports::workspaces::{GitRules, SeedLimits};
use crate::run::RunSettings;
use crate::run::crd::Run;
use crate::run::pure::{Effect as RunEffect, Observed as RunObserved, Steps, decide as decide_run};
use crate::ticket_topology::crd::{CANONICAL_SINCE, Claim, MADE_BY, TicketTopology, TicketTopologySpec};
use crate::ticket_topology::pure::{Effect as TopologyEffect, Observed as TopologyObserved, decide as decide_topology};

const X: &str = "/repos/x";
const Y: &str = "/repos/y";

/// The repositories of a Run, the first one its home unless something else decides, and the home it names.
type Choice = (&'static [(&'static str, &'static str)], Option<&'static str>);

const REPOS: [Choice; 7] = [
    (&[("docs", X)], None),
    (&[("docs", Y)], None),
    (&[("wiki", Y)], None),
    (&[("main", X)], None),
    (&[("docs", X), ("wiki", Y)], None),
    (&[("docs", X), ("wiki", Y)], Some("wiki")),
    (&[("wiki", Y), ("docs", X)], None),
];

/// What topologies by hand say.
const HOMES: [(&str, Option<&str>); 4] = [
    ("docs", Some(X)),
    ("wiki", Some(Y)),
    ("docs", None),
    ("elsewhere", Some("/repos/z")),
];

/// The tickets of a Run: indices, in the order of its spec.
const TICKETS: [&[usize]; 8] = [&[0], &[1], &[0, 1], &[1, 0], &[2, 0], &[1, 2], &[2, 1, 0], &[0, 1, 2]];

#[derive(Clone, Debug)]
enum Happening {
    Create {
        name: usize,
        tickets: usize,
        repos: usize,
    },
    Delete(usize),
    /// Somebody takes a Run's finalizer away: it is gone at once, with its claims where they are.
    TearOut(usize),
    Write {
        ticket: usize,
        home: usize,
    },
    Edit {
        ticket: usize,
        home: usize,
    },
    DeleteTopology(usize),
    /// A Run's work becomes canonical history: what a close does before it gives the claims back.
    Canonise(usize),
    /// A person says so of a ticket, or takes it back.
    MarkCanonical {
        ticket: usize,
        is: bool,
    },
    /// What is seen of the world moves on by so many writes.
    SeeMore(usize),
    RunPass(usize),
    /// A Run's pass that dies after so many effects, before it writes the status.
    DyingPass(usize, usize),
    TopologyPass(usize),
    /// A new process lists everything anew.
    Restart,
    TimePasses(u16),
}

fn happenings() -> impl Strategy<Value = Happening> {
    let name = 0usize..6;
    prop_oneof![
        5 => (name.clone(), 0..TICKETS.len(), 0..REPOS.len())
            .prop_map(|(name, tickets, repos)| Happening::Create { name, tickets, repos }),
        2 => name.clone().prop_map(Happening::Delete),
        1 => name.clone().prop_map(Happening::TearOut),
        1 => (0usize..3, 0..HOMES.len()).prop_map(|(ticket, home)| Happening::Write { ticket, home }),
        1 => (0usize..3, 0..HOMES.len()).prop_map(|(ticket, home)| Happening::Edit { ticket, home }),
        1 => (0usize..3).prop_map(Happening::DeleteTopology),
        1 => name.clone().prop_map(Happening::Canonise),
        1 => (0usize..3, any::<bool>()).prop_map(|(ticket, is)| Happening::MarkCanonical { ticket, is }),
        8 => (1usize..6).prop_map(Happening::SeeMore),
        14 => name.clone().prop_map(Happening::RunPass),
        2 => (name, 0usize..4).prop_map(|(name, effects)| Happening::DyingPass(name, effects)),
        8 => (0usize..3).prop_map(Happening::TopologyPass),
        1 => Just(Happening::Restart),
        2 => (1u16..200).prop_map(Happening::TimePasses),
    ]
}

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

    fn happen(&mut self, what: &Happening) {
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

    fn see_all(&mut self) {
        self.seen_runs = self.api.history.len() - 1;
        self.seen_topologies = self.seen_runs;
    }

    fn create(&mut self, name: usize, tickets: &[usize], repos: usize) -> Result<(), Lost> {
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

    fn waits_for_own_write(&self, uid: &str, version: Option<String>) -> bool {
        number(version) < self.written.get(uid).copied().unwrap_or(0)
    }

    /// One pass of the Runs' driver over what its caches show.
    fn run_pass(&mut self, name: &str, most_effects: usize) -> Result<(), Lost> {
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
            credentials: BTreeMap::default(),
            settings: self.settings.clone(),
            line: crate::run::queue::Line::default(),
            free_bytes: None,
            room: Journal::new("", journal, i64::MAX).room(),
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
            RunEffect::Enter | RunEffect::Forget { .. } | RunEffect::StopSteps | RunEffect::ForgetSteps => Ok(()),
        }
    }

    /// One pass of the topologies' driver. Whether a claiming Run is gone it asks the API server itself.
    fn topology_pass(&mut self, name: &str) -> Result<(), Lost> {
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
        let observed = TopologyObserved { topology, abandoned };
        let plan = decide_topology(&observed, self.now);
        for effect in &plan.effects {
            match effect {
                TopologyEffect::ReleaseAbandoned { run_uid } => self.api.apply_claim(name, None, run_uid, None)?,
                TopologyEffect::Delete => self.api.delete_topology(name, version.as_deref(), self.now)?,
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

    /// What holds at every moment.
    fn promises(&self) {
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

    fn claims(&self, run: &Run, ticket: &str) -> bool {
        let topology = self.api.now.topologies.get(&topology_name(ticket));
        topology.is_some_and(|t| claims_of(t).iter().any(|c| Some(&c.run_uid) == run.uid().as_ref()))
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

    /// What holds once everything is settled.
    fn settled_promises(&self) {
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

fn number(version: Option<String>) -> u64 {
    version.and_then(|v| v.parse().ok()).unwrap_or(0)
}

fn claims_of(topology: &TicketTopology) -> &[Claim] {
    topology
        .status
        .as_ref()
        .map(|s| s.claims.as_slice())
        .unwrap_or_default()
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

fn appended(uid: &str, journal: &[JournalEntry], now: Moment, transitions: Vec<Transition>) -> Vec<JournalEntry> {
    let mut ring = Journal::new(uid, journal, i64::MAX);
    ring.append(now, transitions);
    ring.into_entries()
}

/// How many histories are tried.
fn cases(few: u32) -> ProptestConfig {
    let full = std::env::var("METAWSM_TEST_FULL").is_ok();
    ProptestConfig {
        cases: if full { few * 50 } else { few },
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn no_history_makes_two_homes_alive_for_one_ticket(history in prop::collection::vec(happenings(), 0..120)) {
        let mut world = World::new();
        for happening in &history {
            world.happen(happening);
        }
        world.settle();
        world.settled_promises();
        // The winners go: who waited for them goes on by itself.
        let accepted: Vec<_> = world.api.now.runs.values().filter(|r| r.status.as_ref().unwrap().docs.is_some()).cloned().collect();
        for run in accepted {
            let index = run.name_any()[2..].parse().unwrap();
            world.happen(&Happening::Delete(index));
        }
        world.settle();
        world.settled_promises();
    }

    #[test]
    fn two_runs_that_name_the_tickets_in_opposite_order_never_hold_one_each(
        passes in prop::collection::vec((0usize..5, 0usize..4), 0..60),
        dying in prop::collection::vec(any::<bool>(), 60),
    ) {
        let mut world = World::new();
        world.happen(&Happening::Create { name: 0, tickets: 2, repos: 0 });
        world.happen(&Happening::Create { name: 1, tickets: 3, repos: 2 });
        world.seen_runs = 2;
        for ((what, number), dying) in passes.iter().zip(dying) {
            world.happen(&match what {
                0 | 1 if dying => Happening::DyingPass(*what, *number),
                0 | 1 => Happening::RunPass(*what),
                2 => Happening::TopologyPass(number % 2),
                _ => Happening::SeeMore(number + 1),
            });
        }
        world.settle();
        world.settled_promises();
        let accepted = world.api.now.runs.values().filter(|r| r.status.as_ref().unwrap().docs.is_some()).count();
        prop_assert_eq!(accepted, 1, "one of them works on both");
    }
}

#[test]
fn ten_runs_for_one_ticket_with_two_homes_end_with_one_home() {
    for turn in 0..10 {
        let mut world = World::new();
        for name in 0..10 {
            world.create(name, &[0], [0, 2][name % 2]).unwrap();
        }
        world.see_all();
        // All look before anybody's claim can be seen.
        for name in (0..10).cycle().skip(turn).take(10) {
            world.happen(&Happening::RunPass(name));
        }
        world.settle();
        world.settled_promises();
        let working = |world: &World| {
            let runs = world.api.now.runs.values();
            runs.filter(|r| r.status.as_ref().unwrap().docs.is_some())
                .map(|r| r.name_any())
                .collect::<Vec<_>>()
        };
        let winners = working(&world);
        assert_eq!(winners.len(), 5, "all of one home join: {winners:?}");
        for name in &winners {
            world.happen(&Happening::Delete(name[2..].parse().unwrap()));
        }
        world.settle();
        assert_eq!(working(&world).len(), 5, "the others go on by themselves");
    }
}

#[test]
fn a_canonical_topology_outlives_its_last_claim_and_keeps_other_homes_off() {
    let mut world = World::new();
    world.create(0, &[0], 0).unwrap();
    world.settle();
    world.happen(&Happening::Canonise(0));
    world.happen(&Happening::Delete(0));
    world.settle();
    let uid = world.api.now.topologies["t-0"].uid();
    world.create(1, &[0], 2).unwrap();
    world.create(2, &[0], 0).unwrap();
    world.settle();
    world.settled_promises();
    let accepted = |world: &World, run: &str| world.api.now.runs[run].status.as_ref().unwrap().docs.is_some();
    assert!(accepted(&world, "r-2"), "the same home joins");
    assert!(!accepted(&world, "r-1"), "another home is refused");
    assert_eq!(world.api.now.topologies["t-0"].uid(), uid, "it is still the same one");

    world.happen(&Happening::Delete(2));
    world.settle();
    world.happen(&Happening::MarkCanonical { ticket: 0, is: false });
    world.settle();
    world.settled_promises();
    assert!(accepted(&world, "r-1"), "taken back, it goes, and who waited goes on");
}

/// Found by the histories above: a topology that people delete while a Run uses it kept the claim of another, torn out one.
#[test]
fn the_claim_of_a_run_that_was_torn_out_goes_also_from_a_topology_that_waits_for_its_end() {
    let mut world = World::new();
    world.create(0, &[0], 1).unwrap();
    world.create(1, &[0], 1).unwrap();
    for name in [0, 1] {
        world.see_all();
        world.run_pass(&run_name(name), usize::MAX).unwrap();
    }
    world.happen(&Happening::TearOut(0));
    world.happen(&Happening::DeleteTopology(0));
    world.settle();
    world.settled_promises();
}
