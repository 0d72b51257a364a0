//! Runs, endpoints and questions are made, changed and deleted at random while the controller is killed every 100 ms to 2 s;
//! in the end nothing is stuck, nothing leaked, and the history is whole. A few seconds of it in every test run, two minutes in `make soak`;
//! `METAWSM_SOAK_SECONDS` says for how long, `METAWSM_TEST_SEED` repeats the choices.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use kube::api::{Api, DynamicObject, ListParams};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::harness::cluster::variable;
use super::harness::controller::Controller;
use super::harness::forum::policy;
use super::harness::kstatus::{self, Verdict};
use super::harness::leftovers;
use super::harness::manifests::run;
use super::harness::polling::{first, within};
use super::harness::repositories::Repository;
use super::harness::stage::Stage;
use super::soak_endpoints::{self, Endpoints};
use super::soak_questions::Questions;
use super::validator::{self, Place};

/// Most Runs at a time: enough that they meet on their tickets, few enough that two cores get through.
const MOST: usize = 6;
const TICKETS: [&str; 4] = ["A-1", "B-2", "C-3", "D-4"];
/// Questions are escalated twice and archived soon after they were closed.
const RULES: &str = "sla: {levels: [1s, 2s]}\nretention: {closedThreads: 2s}\n";
/// Seconds of a usual test run: some five kills, and every kind of change now and then.
const SHORT: u64 = 5;
/// What everything may take to settle when the killing is over.
const SETTLING: Duration = Duration::from_secs(180);
/// The controller is far below it with thousands of objects; more here is a leak.
const MEMORY_MIB: u64 = 400;
const OPEN_FILES: usize = 150;

/// What was done and seen.
#[derive(Debug, Default)]
struct Tally {
    kills: usize,
    made: usize,
    deleted: usize,
    patched: usize,
    memory_mib: u64,
    open_files: usize,
}

struct Soak {
    stage: Stage,
    controller: Controller,
    home: Repository,
    lib: Repository,
    dice: StdRng,
    tally: Tally,
    alive: BTreeMap<String, bool>,
    endpoints: Endpoints,
    questions: Questions,
}

impl Soak {
    async fn new(seed: u64) -> Self {
        let stage = Stage::new().await;
        let (home, lib) = (stage.repository("home"), stage.repository("lib"));
        for ticket in TICKETS {
            home.ticket(ticket);
        }
        home.commit("Lay out the tickets");
        let settings = stage
            .controller("one")
            .with("METAWSM_INSPECT_INTERVAL", "1s")
            .with("METAWSM_HOUSEKEEPING_INTERVAL", "1s")
            .with("METAWSM_DOCS_ALLOW_CIDR", "127.0.0.1/32")
            .with("METAWSM_LOG", "info");
        let file = policy(&settings.data, RULES);
        let controller = settings.with("METAWSM_POLICY", file).start();
        let dice = StdRng::seed_from_u64(seed);
        Self {
            endpoints: Endpoints::new(home.url(), seed),
            questions: Questions::new(&stage, seed),
            stage,
            controller,
            home,
            lib,
            dice,
            tally: Tally::default(),
            alive: BTreeMap::new(),
        }
    }

    /// One random thing.
    async fn act(&mut self) {
        match self.dice.random_range(0..3) {
            0 => self.endpoints.act(&self.stage, &TICKETS).await,
            1 => self.questions.act(&self.stage, &TICKETS).await,
            _ => self.act_on_a_run().await,
        }
    }

    async fn act_on_a_run(&mut self) {
        let names: Vec<_> = self.alive.keys().cloned().collect();
        let name = names.choose(&mut self.dice).cloned();
        match (self.dice.random_range(0..10), name) {
            (0..=3, _) if self.alive.len() < MOST => self.make().await,
            (0..=5, Some(name)) => {
                self.tally.deleted += 1;
                self.alive.remove(&name);
                self.stage.delete("Run", &name).await;
            }
            (6..=7, Some(name)) => {
                self.tally.patched += 1;
                let value = self.dice.random_range(0..1_000_000).to_string();
                self.stage.request(&name, &value).await;
            }
            (_, Some(name)) => {
                self.tally.patched += 1;
                let suspend = !self.alive[&name];
                self.alive.insert(name.clone(), suspend);
                self.stage
                    .patch("Run", &name, json!({ "spec": { "suspend": suspend } }))
                    .await;
            }
            (_, None) => {}
        }
    }

    async fn make(&mut self) {
        self.tally.made += 1;
        let name = format!("run-{}", self.tally.made);
        let tickets: Vec<_> = TICKETS.sample(&mut self.dice, 2).copied().collect();
        let repos = [("home", &self.home), ("lib", &self.lib)];
        let tickets = &tickets[..self.dice.random_range(1..=2)];
        self.stage.create(&run(&name, tickets, &repos, json!({}))).await;
        self.alive.insert(name, false);
    }

    fn kill(&mut self) {
        self.measure();
        self.controller.kill9();
        self.tally.kills += 1;
        self.controller.restart_only();
    }

    fn measure(&mut self) {
        let Some(pid) = self.controller.pid() else { return };
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let resident = status
            .lines()
            .find_map(|l| l.strip_prefix("VmRSS:"))
            .unwrap_or_default();
        let kib: u64 = resident.trim().trim_end_matches(" kB").parse().unwrap_or(0);
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        self.tally.memory_mib = self.tally.memory_mib.max(kib / 1024);
        self.tally.open_files = self.tally.open_files.max(open);
    }

    async fn storm(&mut self, length: Duration) {
        let started = Instant::now();
        let mut next_kill = Instant::now();
        while started.elapsed() < length {
            if Instant::now() >= next_kill {
                self.kill();
                next_kill += Duration::from_millis(self.dice.random_range(100..2000));
            }
            self.act().await;
            let pause = self.dice.random_range(5..100);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    /// Everything that should be there is there and at rest, and nothing else.
    async fn settle(&mut self) {
        self.endpoints.calm(&self.stage).await;
        for name in self.alive.keys() {
            self.stage
                .patch("Run", name, json!({ "spec": { "suspend": false } }))
                .await;
        }
        let settled = first(SETTLING, async || {
            let unsettled = self.unsettled().await;
            unsettled.is_empty().then_some(())
        });
        let settled = settled.await;
        assert!(
            settled.is_some(),
            "stuck after {SETTLING:?}: {:#?}",
            self.unsettled().await
        );
    }

    async fn unsettled(&self) -> Vec<String> {
        let there = names(&all(&self.stage.runs()).await);
        let mut wrong: Vec<_> = there.into_iter().filter(|n| !self.alive.contains_key(n)).collect();
        for name in self.alive.keys() {
            let object = self.stage.run(name).await;
            if object["status"].is_null() || kstatus::verdict(&object) != Verdict::Current {
                wrong.push(format!("{name}: {:#}", object["status"]["conditions"]));
            }
        }
        let endpoints = all(&self.stage.endpoints()).await;
        wrong.extend(self.endpoints.unsettled(&self.stage, &endpoints).await);
        let threads = all(&self.stage.threads()).await;
        wrong.extend(self.questions.unsettled(&self.stage, &threads).await);
        wrong
    }

    async fn delete_all(&mut self) {
        for name in std::mem::take(&mut self.alive).keys() {
            self.stage.delete("Run", name).await;
        }
        self.endpoints.delete_all(&self.stage).await;
        self.questions.delete_all().await;
    }

    /// Nothing of what was there is left on the disk or in the global view, and nothing runs for it any more.
    async fn leaves_nothing(&self) {
        let data = self.controller.data();
        let running = first(SETTLING, async || leftovers::running(data).is_empty().then_some(())).await;
        assert!(running.is_some(), "steps still run: {:?}", leftovers::running(data));
        let serving = first(SETTLING, async || leftovers::serving(data).is_empty().then_some(())).await;
        assert!(
            serving.is_some(),
            "docs servers still run: {:?}",
            leftovers::serving(data)
        );
        assert_eq!(entries(&data.join("steps")), Vec::<String>::new(), "folders of steps");
        let workspaces = self.controller.workspaces();
        let ours = workspaces.join(self.stage.namespace());
        assert_eq!(entries(&ours), Vec::<String>::new(), "workspaces of gone Runs");
        let orphans = entries(&workspaces.join(".orphans"));
        assert_eq!(orphans, Vec::<String>::new(), "nothing unsaved was in them");
        let database = self.controller.database();
        within(SETTLING, "the global view is empty", async || {
            soak_endpoints::listed(&database).await.is_empty().then_some(())
        })
        .await;
    }

    fn place(&self) -> Place {
        Place {
            client: self.stage.cluster.client.clone(),
            namespace: self.stage.namespace().to_owned(),
            database: self.controller.database(),
            redis_url: variable("METAWSM_TEST_REDIS_URL"),
            redis_prefix: format!("{}:", self.stage.namespace()),
        }
    }
}

async fn all(api: &Api<DynamicObject>) -> Vec<Value> {
    let list = api.list(&ListParams::default()).await.expect("the API server answers");
    list.items.iter().map(|object| json!(object)).collect()
}

fn names(objects: &[Value]) -> Vec<String> {
    let name = |o: &Value| o["metadata"]["name"].as_str().map(str::to_owned);
    objects.iter().filter_map(name).collect()
}

/// Everything below a folder, as far as it should be empty.
fn entries(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let names = entries.filter_map(|e| e.ok()?.file_name().into_string().ok());
    names
        .filter(|n| !n.starts_with('.'))
        .map(|n| folder.join(n).display().to_string())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_leaves_nothing_stuck_and_nothing_behind() {
    let seconds = std::env::var("METAWSM_SOAK_SECONDS").map_or(SHORT, |s| s.parse().expect("a number of seconds"));
    let seed = std::env::var("METAWSM_TEST_SEED").ok().and_then(|s| s.parse().ok());
    let seed = seed.unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
    println!("soak: METAWSM_TEST_SEED={seed} METAWSM_SOAK_SECONDS={seconds}");
    let mut soak = Soak::new(seed).await;
    soak.storm(Duration::from_secs(seconds)).await;
    let others = [soak.endpoints.tally(), soak.questions.tally()];
    println!("soak: the storm is over: {:?}, {}", soak.tally, others.join(", "));
    soak.settle().await;
    assert_eq!(validator::flaws(&soak.place()).await, vec![], "after the storm");
    soak.measure();
    println!(
        "soak: {} Runs at rest, history whole: {:?}",
        soak.alive.len(),
        soak.tally
    );

    soak.delete_all().await;
    soak.settle().await;
    for (what, api) in [
        ("topology goes with its last Run", soak.stage.topologies()),
        ("endpoint goes with its Run", soak.stage.endpoints()),
    ] {
        within(SETTLING, &format!("every {what}"), async || {
            all(&api).await.is_empty().then_some(())
        })
        .await;
    }
    assert_eq!(validator::flaws(&soak.place()).await, vec![], "in the end");
    soak.leaves_nothing().await;
    soak.measure();
    println!("soak: everything is gone again: {:?}", soak.tally);
    assert!(soak.tally.memory_mib < MEMORY_MIB, "{:?}", soak.tally);
    assert!(soak.tally.open_files < OPEN_FILES, "{:?}", soak.tally);
    assert!(!soak.controller.has_ended(), "the last controller still works");
}
