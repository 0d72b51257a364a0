//! Stories over a faulty road to the API server end as over a clean one, and nobody writes more than a few times as much.
//! `METAWSM_TEST_SEED` runs one seed again; `METAWSM_TEST_FULL=1` runs many.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::cluster::variable;
use crate::harness::controller::{Controller, Settings};
use crate::harness::history::{audit_of, verify};
use crate::harness::kstatus::Verdict;
use crate::harness::manifests::run;
use crate::harness::polling::{PATIENCE, within};
use crate::harness::requests::Requests;
use crate::harness::stage::{Stage, condition};
use crate::road::{Road, Script, script};

/// Shorter than any hanging of the road, longer than any delay.
const API_TIMEOUT: &str = "2s";
/// What one step of the story may take over a bad road: kube's watches back off up to half a minute.
pub const LONG: Duration = PATIENCE;
/// So many times the writes of the clean road, and so many more: every write may be refused, lost or repeated now and
/// then, and nothing may make a storm of it.
const WRITES: (usize, usize) = (3, 20);

/// Words of what may be told once more or less often.
const PASSING: [&str; 9] = [
    "Pending",
    "DocsServing",
    "DocsServerFailed",
    // Who owns a ticket whose Run goes depends on which list is read.
    "OwnerChanged",
    "AuthorityChanged",
    "SeveralWorkspaces",
    "topology.authority.changed",
    "docs.endpoint.",
    "docs.index.",
];

/// What must be the same over any road.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// Kind and name to what was recorded, in order.
    audit: BTreeMap<String, Vec<String>>,
    /// Subject to what was told in Redis, in order.
    events: BTreeMap<String, Vec<String>>,
    /// Phases and conditions of what is left.
    states: BTreeMap<String, String>,
}

/// A controller that takes the road.
pub fn over(road: &Road, stage: &Stage) -> Settings {
    stage
        .controller("a")
        .with("KUBECONFIG", road.kubeconfig("any"))
        .with("METAWSM_API_TIMEOUT", API_TIMEOUT)
}

async fn until(stage: &Stage, name: &str, what: &str, judge: impl Fn(&Value) -> bool) {
    within(LONG, &format!("{name} {what}"), async || {
        judge(&stage.run(name).await).then_some(())
    })
    .await;
}

fn is(verdict: Verdict) -> impl Fn(&Value) -> bool {
    move |o| !o["status"].is_null() && crate::harness::kstatus::verdict(o) == verdict
}

/// Two Runs, a conflict, a request, a deletion: the outcome and the number of writes.
async fn story(stage: &Stage, controller: &Controller) -> (Outcome, usize) {
    let requests = Requests::from_now(stage.namespace());
    let (docs, wiki) = (stage.repository("docs"), stage.repository("wiki"));
    for (repository, tickets) in [(&docs, vec!["A-1", "B-1", "C-1"]), (&wiki, vec!["A-1"])] {
        for ticket in tickets {
            repository.ticket(ticket);
        }
        repository.commit("Write");
    }
    let (one, two) = (
        run("one", &["A-1", "B-1"], &[("docs", &docs)], json!({})),
        run("two", &["C-1"], &[("docs", &docs)], json!({})),
    );
    stage.create(&one).await;
    stage.create(&two).await;
    until(stage, "one", "is ready", is(Verdict::Current)).await;
    until(stage, "two", "is ready", is(Verdict::Current)).await;
    stage
        .create(&run("rival", &["A-1"], &[("wiki", &wiki)], json!({})))
        .await;
    until(stage, "rival", "is refused", |r| {
        condition(r, "TopologyAccepted")["reason"] == "DocHomeConflict"
    })
    .await;
    stage.request("one", "now").await;
    until(stage, "one", "answers", |r| r["status"]["lastHandledRequest"] == "now").await;
    stage.delete("Run", "two").await;
    within(LONG, "two is gone", async || {
        stage.run("two").await.is_null().then_some(())
    })
    .await;
    stage.delete("Run", "rival").await;
    within(LONG, "rival is gone", async || {
        stage.run("rival").await.is_null().then_some(())
    })
    .await;
    within(LONG, "c-1 is gone", async || {
        stage.topology("c-1").await.is_null().then_some(())
    })
    .await;
    until(stage, "one", "is ready", is(Verdict::Current)).await;
    until(stage, "one", "is served", |r| {
        condition(r, "DocsServed")["status"] == "True"
    })
    .await;
    // Who owned a ticket in between may differ; who owns it in the end may not.
    for ticket in ["a-1", "b-1"] {
        within(LONG, &format!("{ticket} is one's alone"), async || {
            let status = stage.topology(ticket).await["status"].clone();
            let alone = status["owner"]["runName"] == "one" && status["runs"] == 1;
            (alone && status["authority"]["kind"] == "Workspace").then_some(())
        })
        .await;
    }
    let writes = requests.map_or(0, |r| r.writes().len());
    (outcome(stage, controller).await, writes)
}

async fn outcome(stage: &Stage, controller: &Controller) -> Outcome {
    stage.until_told(&controller.database()).await;
    let mut audit = BTreeMap::new();
    let objects = [
        "Run/one",
        "Run/two",
        "Run/rival",
        "TicketTopology/a-1",
        "TicketTopology/b-1",
        "TicketTopology/c-1",
    ];
    let mut facts = 0;
    for object in objects {
        let (kind, name) = object.split_once('/').unwrap();
        let rows = audit_of(&controller.database(), kind, name).await;
        let seqs: Vec<_> = rows.iter().filter_map(|r| r["seq"].as_i64()).collect();
        assert_eq!(
            seqs,
            (1..).take(seqs.len()).collect::<Vec<_>>(),
            "{object}: no fact twice, none missing"
        );
        facts += rows.len();
        audit.insert(
            object.to_owned(),
            told(rows.iter().map(|r| format!("{} {}", r["type"], r["facts"]["to"]))),
        );
    }
    assert!(facts > 0);
    verify(&controller.database()).await;
    let events = events(stage).await;
    let mut states = BTreeMap::new();
    for name in ["one"] {
        let rests = |r: &Value| is(Verdict::Current)(r) && condition(r, "DocsServed")["status"] == "True";
        let run = stage.until("Run", name, "it rests", rests).await;
        let conditions = run["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let mut lines: Vec<_> = conditions
            .iter()
            .map(|c| format!("{}={}", c["type"], c["status"]))
            .collect();
        lines.sort();
        states.insert(
            name.to_owned(),
            format!("{} {}", run["status"]["phase"], lines.join(" ")),
        );
    }
    Outcome { audit, events, states }
}

/// What was told in Redis: once, without a gap, by subject.
async fn events(stage: &Stage) -> BTreeMap<String, Vec<String>> {
    let streams = stage.streams();
    let ends = |events: &[metawsm::kernel::envelope::Envelope]| {
        let count = |t: &str| events.iter().filter(|e| e.event.event_type == t).count();
        (count("run.deleted") >= 2 && count("topology.deleted") >= 1).then_some(())
    };
    streams.until("all deletions", ends).await;
    let all = streams.all().await;
    let mut ids: Vec<_> = all.iter().map(|(_, e)| e.event.event_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all.len(), "no event twice");
    let numbers: Vec<_> = all.iter().map(|(_, e)| e.sequence).collect();
    assert_eq!(
        numbers,
        (1..).take(numbers.len()).collect::<Vec<_>>(),
        "no number missing"
    );
    let mut events: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, envelope) in &all {
        let subject = envelope.event.subject.replace(stage.namespace(), "namespace");
        let line = format!("{} {}", envelope.event.event_type, envelope.event.data["to"]);
        events.entry(subject).or_default().push(line);
    }
    events
        .into_iter()
        .map(|(subject, lines)| (subject, told(lines.into_iter())))
        .filter(|(_, lines)| !lines.is_empty())
        .collect()
}

/// Two workspaces race for who is first; that is no order. Whether a Run has to wait for the cache of topologies before
/// it prepares (`Pending`) is no difference either, nor what a docs server says: that depends on when it is asked.
fn told(lines: impl Iterator<Item = String>) -> Vec<String> {
    let is_passing = |line: &String| PASSING.iter().any(|word| line.contains(word));
    let mut lines: Vec<_> = lines.filter(|l| !is_passing(l)).collect();
    lines.sort();
    lines
}

async fn travel(script: Script) -> (Outcome, usize) {
    let stage = Stage::new().await;
    let road = Road::to(&variable("KUBECONFIG"), script.clone()).await;
    let controller = over(&road, &stage).start();
    let leading = async || controller.leads().then_some(());
    within(LONG, "the controller leads", leading).await;
    let (outcome, writes) = story(&stage, &controller).await;
    tell(&road, &script, writes);
    (outcome, writes)
}

/// Tells what went wrong, so that a failure can be run again. Something must have.
pub fn tell(road: &Road, script: &Script, writes: usize) {
    let broken: u32 = road.done().values().sum();
    println!(
        "road '{}' seed {}: {broken} faults, {writes} writes: {:?}",
        script.name,
        script.seed,
        road.done()
    );
    assert!(broken > 0 || script.name == "clean", "nothing went wrong on this road");
}

fn seeds() -> Vec<u64> {
    match std::env::var("METAWSM_TEST_SEED").ok().and_then(|s| s.parse().ok()) {
        Some(seed) => vec![seed],
        None if std::env::var_os("METAWSM_TEST_FULL").is_some() => (1..=5).collect(),
        None => vec![1],
    }
}

/// A story comes to the same end over these roads as over a clean one, without a storm of writes.
pub async fn compare<T: PartialEq + Debug>(make: fn(u64) -> Script, travel: impl AsyncFn(Script) -> (T, usize)) {
    let (clean, writes) = travel(Script::clean()).await;
    for seed in seeds() {
        let script = make(seed);
        let road = script.name;
        let (outcome, written) = travel(script).await;
        assert_eq!(outcome, clean, "the road '{road}', seed {seed}");
        let most = writes * WRITES.0 + WRITES.1;
        assert!(
            written <= most,
            "the road '{road}', seed {seed}: {written} writes, where the clean road takes {writes}"
        );
    }
}

#[tokio::test]
async fn a_road_where_everything_goes_wrong_leads_to_the_same_end() {
    compare(script::everything, travel).await;
}

#[tokio::test]
async fn watches_that_end_lose_repeat_and_mix_events_lead_to_the_same_end() {
    compare(script::watches, travel).await;
}

#[tokio::test]
async fn refused_hanging_and_lost_requests_lead_to_the_same_end() {
    compare(script::requests, travel).await;
}

#[tokio::test]
async fn old_lists_lead_to_the_same_end() {
    compare(script::staleness, travel).await;
}
