//! How long a Run takes from its creation until it is Ready beside what that cannot do without, done bare: the requests
//! that the controller made for it (by the API server's audit log), one after the other, then clone, branch, copy, sync
//! and commit of the same documents by `git` and `cp`. In turn, medians. Goal: at most 3 times as long.
//!
//! `BENCH_ROUNDS` sets the rounds, `BENCH_FILES` the documents of a ticket. Needs the control plane of
//! `tests/control-plane/with`.

#[expect(dead_code, reason = "the tests use the rest of it")]
#[path = "../tests/control_plane/harness/mod.rs"]
mod harness;
mod shared {
    pub mod comparison;
    pub mod opening;
    pub mod scratch;
    pub mod timing;
}

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use harness::cluster::Cluster;
use harness::manifests::run;
use harness::repositories::{Repository, git};
use harness::requests::Requests;
use harness::stage::{Stage, condition};
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::wait::await_condition;
use kube::{CustomResourceExt as _, ResourceExt as _};
use metawsm::run::crd::Run;
use metawsm::ticket_topology::crd::TicketTopology;
use serde_json::{Value, json};
use shared::comparison::{median, ratio};
use shared::opening::{header, number};
use shared::scratch::scratch;
use shared::timing::timed;

#[tokio::main]
async fn main() {
    let (rounds, files) = (number("BENCH_ROUNDS", 9), number("BENCH_FILES", 133));
    header(
        "a Run from its creation to Ready against its requests and copies",
        rounds,
    );
    let (stage, bare) = (Stage::new().await, Cluster::new().await);
    let home = stage.repository("home");
    let controller = stage.controller("bench").with("METAWSM_LOG", "info").lead().await;
    let scratch = scratch();
    let (mut ours, mut requests, mut copies, mut count) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for round in 0..=rounds {
        let ticket = format!("T-{round}");
        let documents = home.ticket(&ticket);
        home.many_documents(&documents, files - 3);
        let log = Requests::from_now(stage.namespace()).expect("the audit log can be read");
        let our = ready(&stage, &home, &format!("run-{round}"), &ticket).await;
        let asked = of(&log.on_our_group(), &[&format!("run-{round}"), &ticket.to_lowercase()]);
        let request = replay(&stage, &bare, &asked).await;
        let copy = timed(|| copy(&home, &documents, &scratch.path().join(&ticket)));
        // The first round fills the cache of the repository.
        if round > 0 {
            ours.push(our);
            requests.push(request);
            copies.push(copy);
            count = asked.len();
        }
    }
    drop(controller);
    let (our, request, copy) = (median(&mut ours), median(&mut requests), median(&mut copies));
    println!(
        "{:>8}  {:>10} {:>10} {:>16} {:>10} {:>8}",
        "files", "Ready", "requests", "requests bare", "copy bare", "ratio"
    );
    println!(
        "{files:>8}  {our:>10.1?} {count:>10} {request:>16.1?} {copy:>10.1?} {:>8}",
        ratio(our, request + copy)
    );
}

/// Creates the Run and waits for its Ready on a watch.
async fn ready(stage: &Stage, home: &Repository, name: &str, ticket: &str) -> Duration {
    let rest = json!({"docSeedFrom": "WorkingTree"});
    let manifest = run(name, &[ticket], &[("home", home)], rest);
    let begun = Instant::now();
    stage.create(&manifest).await;
    let is_ready = |run: Option<&DynamicObject>| {
        run.is_some_and(|run| condition(&serde_json::to_value(run).unwrap(), "Ready")["status"] == "True")
    };
    let waiting = await_condition(stage.runs(), name, is_ready);
    let done = tokio::time::timeout(Duration::from_secs(300), waiting).await;
    done.expect("it becomes ready in time").expect("the watch works");
    begun.elapsed()
}

/// The requests on these objects: verb, resource, name and subresource.
fn of(log: &[String], names: &[&str]) -> Vec<[String; 4]> {
    let parsed = log.iter().filter_map(|line| {
        let mut words = line.splitn(3, ' ');
        let (verb, (resource, name)) = (words.next()?, words.next()?.split_once('/')?);
        let subresource = words.next()?.split(' ').next()?;
        let single = !["list", "watch"].contains(&verb);
        // A creation is logged without the name.
        let ours = names.contains(&name) || (verb == "create" && name.is_empty());
        (single && ours).then(|| [verb, resource, name, subresource].map(str::to_owned))
    });
    parsed.collect()
}

/// Asks the same of objects that no controller looks after, with the content that the real ones ended with.
async fn replay(stage: &Stage, bare: &Cluster, asked: &[[String; 4]]) -> Duration {
    let mut real = Vec::new();
    for [_, resource, name, _] in asked.iter().filter(|[_, _, name, _]| !name.is_empty()) {
        if !real
            .iter()
            .any(|(r, n, _): &(String, String, Value)| (r, n) == (resource, name))
        {
            let kind = if resource == "runs" { "Run" } else { "TicketTopology" };
            real.push((resource.clone(), name.clone(), stage.get(kind, name).await));
        }
    }
    let begun = Instant::now();
    for (turn, [verb, resource, name, subresource]) in asked.iter().enumerate() {
        let of_resource = |(r, n, _): &&(String, String, Value)| r == resource && (name.is_empty() || n == name);
        let (_, _, object) = real.iter().find(of_resource).expect("it was there");
        ask(bare, verb, object, subresource == "status", turn).await;
    }
    begun.elapsed()
}

async fn ask(bare: &Cluster, verb: &str, object: &Value, of_status: bool, turn: usize) {
    let resource = match object["kind"].as_str() {
        Some("Run") => Run::api_resource(),
        _ => TicketTopology::api_resource(),
    };
    let api = Api::<DynamicObject>::namespaced_with(bare.client.clone(), &bare.namespace, &resource);
    let name = object["metadata"]["name"].as_str().unwrap();
    let params = PatchParams::apply("bench").force();
    match (verb, of_status) {
        ("create", _) => {
            let fresh = json!({
                "apiVersion": object["apiVersion"], "kind": object["kind"], "spec": object["spec"],
                "metadata": {"name": name, "labels": object["metadata"]["labels"]},
            });
            let fresh = serde_json::from_value(fresh).unwrap();
            let made = api.create(&PostParams::default(), &fresh).await;
            assert_eq!(made.expect("it can be made").name_any(), name);
        }
        ("get", _) => drop(api.get(name).await.expect("it is there")),
        (_, true) => {
            // Another content each time, or nothing would be written.
            let mut status = object["status"].clone();
            status["observedGeneration"] = json!(turn + 100);
            let whole =
                json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": {}, "status": status});
            let written = api.patch_status(name, &params, &Patch::Apply(whole)).await;
            written.expect("the status can be written");
        }
        (_, false) => {
            let note = json!({"metadata": {"annotations": {"bench": turn.to_string()}}});
            let written = api.patch(name, &PatchParams::default(), &Patch::Merge(note)).await;
            written.expect("it can be written");
        }
    }
}

/// What a person would do by hand, all of it safe on disk as the seed leaves it.
fn copy(home: &Repository, documents: &str, to: &Path) {
    git(&home.path, &["clone", "--quiet", "--local", ".", to.to_str().unwrap()]);
    git(to, &["switch", "--quiet", "--create", "task/bench"]);
    let target = to.join(documents);
    std::fs::create_dir_all(target.parent().unwrap()).unwrap();
    let from = home.path.join(documents);
    for words in [
        vec!["cp", "-r", from.to_str().unwrap(), target.to_str().unwrap()],
        vec!["sync", "-f", target.to_str().unwrap()],
    ] {
        assert!(Command::new(words[0]).args(&words[1..]).status().unwrap().success());
    }
    git(to, &["add", "--all"]);
    git(to, &["commit", "--quiet", "--message", "Copy the documents"]);
}
