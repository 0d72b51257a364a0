//! Settled questions cost nothing: neither a restart nor a list read anew writes or tells anything, and their bodies are
//! not in memory.
//!
//! `METAWSM_TEST_FULL=1` takes the 10,000 of the promise, `METAWSM_TEST_QUIET` any other number; a few show that it works.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::fault_road::over;
use crate::harness::cluster::variable;
use crate::harness::controller::Controller;
use crate::harness::forum::question;
use crate::harness::history::column;
use crate::harness::people::Person;
use crate::harness::polling::{never_within, within};
use crate::harness::requests::Requests;
use crate::harness::stage::Stage;
use crate::road::script::Trick;
use crate::road::{Road, Script};

/// What many questions may take beside an empty controller (issue 7), in KiB.
const MOST: u64 = 64 * 1024;
/// How many that is promised for.
const MANY: u64 = 10_000;
/// A machine that is busy with ten thousand questions may leave the controller without a processor for longer than the usual.
const LEASE: &str = "120s";
/// How long nothing may be written after everything was looked at.
const STILL: Duration = Duration::from_secs(8);

#[tokio::test]
async fn settled_questions_cause_no_write_across_a_restart_and_a_new_list_and_their_bodies_are_not_kept() {
    let stage = Stage::new().await;
    if Requests::from_now(stage.namespace()).is_none() {
        eprintln!("not tried: this cluster's audit log cannot be read");
        return;
    }
    let given = std::env::var("METAWSM_TEST_QUIET").ok().and_then(|n| n.parse().ok());
    let full = std::env::var_os("METAWSM_TEST_FULL").is_some();
    let many: u64 = given.unwrap_or(if full { MANY } else { 40 });
    let patience = Duration::from_secs(120 + many / 4);
    let road = Road::to(&variable("KUBECONFIG"), Script::clean()).await;
    let settings = over(&road, &stage).with("METAWSM_API_TIMEOUT", "30s");
    let mut controller = settings.with("METAWSM_LEASE_DURATION", LEASE).lead().await;
    never_within(STILL, "an empty controller ends", async || {
        controller.has_ended().then(String::new)
    })
    .await;
    let empty = resident(&controller);
    let began = Instant::now();
    asked(&stage, many).await;
    all_recorded(&controller, many, patience).await;
    let recorded = began.elapsed();
    let busy = resident(&controller);

    let requests = Requests::from_now(stage.namespace()).unwrap();
    controller.kill9();
    controller.restart().await;
    let started = Instant::now();
    passed(&controller, many, patience).await;
    let passed_in = started.elapsed();
    quiet(&requests, "after a restart").await;
    let settled = resident(&controller);

    // One event, of which the API server then says that the watch is too old: everything is listed and looked at again.
    let before = passes(&controller);
    road.change(|terms| terms.script.tricks = vec![(Trick::Gone, 1000)]);
    stage.create(&question("nudge", json!({}))).await;
    let gone = async || road.done().contains_key("Gone").then_some(());
    within(patience, "the watch was too old", gone).await;
    road.mend();
    passed(&controller, before + many, patience).await;
    let nudged = |t: &Value| t["status"]["postCount"] == 1;
    stage.until("ForumThread", "nudge", "it is recorded", nudged).await;
    quiet(&requests, "after a new list").await;
    let again = resident(&controller);
    all_recorded(&controller, many, patience).await;
    println!(
        "{many} questions of three posts of 1 KiB: recorded in {recorded:.1?}; resident: {} empty, {} after recording, {} \
         after a restart (all looked at after {passed_in:.1?}), {} after a new list",
        mib(empty),
        mib(busy),
        mib(settled),
        mib(again)
    );
    for (when, resident) in [("a restart", settled), ("a new list", again)] {
        let more = resident.saturating_sub(empty);
        assert!(more <= MOST, "{} more after {when}", mib(more));
    }
    controller.terminate().await;
}

/// Questions with three posts of 1 KiB each, 16 at a time.
async fn asked(stage: &Stage, many: u64) {
    let admin = &Person::admin(&stage.cluster);
    let body = &"Some words of a post. ".repeat(47)[..1024];
    let post = |id: &str, kind: &str| json!({"id": id, "kind": kind, "body": body});
    let posts = &json!([post("1", "Question"), post("2", "Comment"), post("3", "Comment")]);
    let all = futures::stream::iter(0..many).map(async |n| {
        let more = json!({"state": "WaitingOperator", "ticket": format!("A-{n}"), "posts": posts});
        admin
            .create(&question(&format!("q{n}"), more))
            .await
            .expect("it is accepted");
    });
    all.buffer_unordered(16).collect::<Vec<()>>().await;
}

/// Each was told of once as opened and three times as said, and of nothing else.
async fn all_recorded(controller: &Controller, many: u64, patience: Duration) {
    let query =
        "SELECT CAST(count(*) AS TEXT) FROM events WHERE event_type GLOB 'forum.*' AND subject GLOB 'ForumThread/*/q*'";
    let database = controller.database();
    let told = async || (column(&database, query).await == [(4 * many).to_string()]).then_some(());
    within(patience, "all is recorded", told).await;
}

/// How many passes there were over threads.
fn passes(controller: &Controller) -> u64 {
    let page = controller.get("/metrics").map(|(_, page)| page).unwrap_or_default();
    let lines = page.lines().filter(|line| {
        line.starts_with("controller_runtime_reconcile_total{") && line.contains("controller=\"ForumThread\"")
    });
    let counts = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    counts.sum()
}

async fn passed(controller: &Controller, many: u64, patience: Duration) {
    let all = async || (passes(controller) >= many).then_some(());
    within(patience, "every question was looked at", all).await;
}

/// Nothing was written on a question since, but on the one that was asked to make a noise, and nothing read one by one.
async fn quiet(requests: &Requests, when: &str) {
    let noise = async || {
        let asked = requests.on_our_group().into_iter();
        let of_settled = |r: &String| r.contains("forumthreads/q");
        let found: Vec<_> = asked.filter(of_settled).collect();
        (!found.is_empty()).then(|| found.join("\n"))
    };
    never_within(STILL, &format!("a request about a settled question {when}"), noise).await;
}

/// KiB that the process holds.
fn resident(controller: &Controller) -> u64 {
    let pid = controller.pid().expect("it runs");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.expect("the process has a resident set")
}

fn mib(kib: u64) -> String {
    format!("{}.{} MiB", kib / 1024, kib % 1024 * 10 / 1024)
}
