//! The story that crashes interrupt: two Runs, a request, a deletion, an object that vanishes, a Redis that forgets.
//! What came of it is a digest that must not depend on where it was interrupted.

use serde_json::{Value, json};

use super::crash_keeper::{Keeper, Point};
use super::crash_truth::{Told, federated, truth};
use super::harness::cluster::variable;
use super::harness::files::files_below;
use super::harness::kstatus::Verdict;
use super::harness::leftovers;
use super::harness::manifests::run;
use super::harness::repositories::Repository;
use super::harness::stage::{Stage, condition};
use super::harness::{history, polling::eventually};
use super::validator::evidence::connected;
use super::validator::{self, Place};

/// How a story ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// Which points happened.
    pub happened: Vec<bool>,
    pub digest: Vec<String>,
    pub flaws: Vec<validator::Flaw>,
    /// What is left that should not be.
    pub leaks: Vec<String>,
}

/// Facts that say when, where and for the how manieth time, and words that hold them.
const PASSING: [&str; 8] = [
    "from",
    "attempt",
    "message",
    "commit",
    "sourceCommit",
    "baseCommits",
    "homeURL",
    "kept",
];

/// Tells the story with these interruptions.
pub async fn told(points: &[Point]) -> Ending {
    let stage = Stage::new().await;
    let (home, lib) = (stage.repository("home"), stage.repository("lib"));
    for ticket in ["A-1", "B-2"] {
        home.ticket(ticket);
    }
    home.commit("Lay out the tickets");
    write_more(&home);
    let settings = stage
        .controller("one")
        .with("METAWSM_INSPECT_INTERVAL", "1s")
        .with("METAWSM_DOCS_REFRESH_INTERVAL", "1s");
    let mut keeper = Keeper::start(settings, points);

    let repos = [("home", &home), ("lib", &lib)];
    let newer = || json!({"docSeedRef": "newer"});
    keeper
        .during(stage.create(&run("alpha", &["A-1", "B-2"], &repos, newer())))
        .await;
    let alpha = keeper.during(stage.until_run_is("alpha", Verdict::Current)).await;
    keeper.during(served(&stage, "alpha")).await;
    let mut truths = vec![
        keeper
            .during(truth(&stage, ("a-1", "alpha--a-1"), &[("alpha--b-2", "OtherTicket")]))
            .await,
        keeper.during(truth(&stage, ("b-2", "alpha--b-2"), &[OTHERS])).await,
    ];
    keeper
        .during(stage.create(&run("beta", &["B-2"], &repos, newer())))
        .await;
    keeper.during(stage.until_run_is("beta", Verdict::Current)).await;
    keeper.during(served(&stage, "beta")).await;
    let several = [OTHERS, ("beta--b-2", "NotOwner")];
    truths.push(keeper.during(truth(&stage, ("b-2", "alpha--b-2"), &several)).await);
    keeper.during(refreshed(&stage)).await;
    keeper.during(stage.request("alpha", "once")).await;
    keeper
        .during(stage.until("Run", "alpha", "the request is answered", |o| {
            o["status"]["lastHandledRequest"] == "once" && o["status"]["phase"] == "Active"
        }))
        .await;
    keeper.during(inspected(&stage)).await;
    keeper.during(stage.delete("Run", "alpha")).await;
    keeper.during(stage.until_gone("Run", "alpha")).await;
    keeper.during(stage.until_gone("TicketTopology", "a-1")).await;
    truths.push(keeper.during(truth(&stage, ("b-2", "beta--b-2"), &[])).await);
    keeper.during(settled(&stage)).await;

    forced_off(&stage, &mut keeper).await;
    let place = place(&stage);
    let flaws = keeper.during(validator::flaws(&place)).await;
    let leaks = keeper.during(leaks(&stage, &alpha)).await;
    Ending {
        happened: (0..points.len()).map(|n| keeper.happened(n)).collect(),
        digest: [truths, digest(&stage).await].concat(),
        flaws,
        leaks,
    }
}

/// Somebody forces the other Run off, and Redis forgets everything, while nobody watches.
async fn forced_off(stage: &Stage, keeper: &mut Keeper) {
    keeper.down();
    stage
        .patch("Run", "beta", json!({ "metadata": { "finalizers": null } }))
        .await;
    stage.delete("Run", "beta").await;
    stage.until_gone("Run", "beta").await;
    forget_streams(stage).await;
    keeper.up();
    keeper.during(stage.until_gone("TicketTopology", "b-2")).await;
    keeper.during(stage.until_gone("DocEndpoint", "beta--b-2")).await;
}

/// The workspace of alpha's other ticket is a clone of the same home, and lists both tickets.
const OTHERS: (&str, &str) = ("alpha--a-1", "OtherTicket");

/// More of both tickets, on a branch of its own.
fn write_more(home: &Repository) {
    home.git(&["branch", "newer"]);
    home.git(&["checkout", "--quiet", "newer"]);
    home.write("ttmp/2026/11/21/A-1--made-up/more.md", "more of A-1\n");
    home.write("ttmp/2026/11/21/B-2--made-up/more.md", "more of B-2\n");
    home.commit("Write more");
    home.git(&["checkout", "--quiet", "main"]);
}

/// The Run's documents can be read.
async fn served(stage: &Stage, run: &str) {
    let judge = |o: &Value| condition(o, "DocsServed")["status"] == "True";
    stage.until("Run", run, "its documents are served", judge).await;
}

/// The indexes of both workspaces of a ticket are built anew because somebody asked its topology for it.
async fn refreshed(stage: &Stage) {
    let ask = json!({ "metadata": { "annotations": { "metawsm.dev/requestedAt": "anew" } } });
    stage.patch("TicketTopology", "b-2", ask).await;
    let judge = |o: &Value| o["status"]["lastHandledRequest"] == "anew";
    for (kind, name) in [
        ("DocEndpoint", "alpha--b-2"),
        ("DocEndpoint", "beta--b-2"),
        ("TicketTopology", "b-2"),
    ] {
        stage.until(kind, name, "the index is built anew", judge).await;
    }
}

/// The clones of both Runs were looked at again, so that this is part of every story.
async fn inspected(stage: &Stage) {
    let looked = stage.controller("one").data.join("steps");
    eventually("a look at the clones was forgotten and made again", async || {
        let folders = glob(&looked, 3).into_iter().filter(|p| p.ends_with("inspect-1"));
        let old = std::time::Duration::from_millis(1500);
        let ages = folders.filter_map(|p| p.join("outcome.json").metadata().ok()?.modified().ok()?.elapsed().ok());
        ages.into_iter().any(|age| age < old).then_some(())
    })
    .await;
}

fn glob(folder: &std::path::Path, levels: usize) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|e| Some(e.ok()?.path()));
    match levels {
        1 => entries.collect(),
        _ => entries.flat_map(|p| glob(&p, levels - 1)).collect(),
    }
}

/// Nothing is on its way any more: the next part of the story begins on the same ground everywhere.
pub async fn settled(stage: &Stage) {
    let flaws = validator::flaws(&place(stage)).await;
    assert!(flaws.is_empty(), "in the middle of the story: {flaws:#?}");
}

/// Where the stores of the story are.
pub fn place(stage: &Stage) -> Place {
    Place {
        client: stage.cluster.client.clone(),
        namespace: stage.namespace().to_owned(),
        database: stage.controller("one").data.join("metawsm.db"),
        redis_url: variable("METAWSM_TEST_REDIS_URL"),
        redis_prefix: format!("{}:", stage.namespace()),
    }
}

/// Redis loses what it held of this namespace.
pub async fn forget_streams(stage: &Stage) {
    let mut connection = connected(&variable("METAWSM_TEST_REDIS_URL")).await;
    let pattern = format!("{}:*", stage.namespace());
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg(pattern)
        .query_async(&mut connection)
        .await
        .unwrap();
    assert!(!keys.is_empty(), "there was something to forget");
    redis::cmd("DEL")
        .arg(keys)
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
}

/// Processes and folders that should be gone. The workspace of the Run that was forced off stays: nobody may touch it
/// without its Run.
async fn leaks(stage: &Stage, alpha: &Value) -> Vec<String> {
    let data = stage.controller("one").data;
    let uid = alpha["metadata"]["uid"].as_str().unwrap();
    let look = || {
        let mut found: Vec<_> = leftovers::running(&data)
            .iter()
            .map(|p| format!("a step still runs: {p:?}"))
            .collect();
        let serving = leftovers::serving(&data);
        found.extend(serving.iter().map(|p| format!("a docs server still runs: {p:?}")));
        let folders = [
            data.join("steps").join(uid),
            data.join("services").join(uid),
            data.join("workspaces").join(stage.namespace()).join("alpha"),
        ];
        found.extend(
            folders
                .iter()
                .filter(|f| f.exists())
                .map(|f| format!("{} is still there", f.display())),
        );
        found
    };
    let gone = super::harness::polling::first(super::harness::polling::PATIENCE, async || {
        look().is_empty().then_some(())
    });
    if gone.await.is_some() { vec![] } else { look() }
}

/// What was recorded, told and left on disk, without what may differ between two undisturbed stories. Steps that were
/// killed are tried again, so their failures are left out; so are the phases that a Run only passes through, which a
/// crash may let it step over.
async fn digest(stage: &Stage) -> Vec<String> {
    let data = stage.controller("one").data;
    let query = |row: &str, table: &str| format!("SELECT json_object({row}) FROM {table}");
    let audit = "'what', 'fact', 'kind', kind, 'name', name, 'type', type, 'cause', cause, 'facts', json(facts)";
    let events = "'what', 'event', 'kind', subject_uid, 'name', substr(subject, instr(subject, '/')), 'type', event_type, \
                  'cause', causation_id, 'run', coalesce(run_id, '') <> '', 'ticket', ticket, 'facts', json(data)";
    let mut lines = Vec::new();
    for query in [query(audit, "audit_log"), query(events, "events")] {
        for row in history::column(&data.join("metawsm.db"), &query).await {
            lines.extend(line(&row, stage.namespace()));
        }
    }
    for (path, (executable, content)) in files_below(&data.join("workspaces").join(stage.namespace())) {
        if !path.contains("/.metawsm/") {
            lines.push(format!("file {path} {executable} {content:?}"));
        }
    }
    lines.sort();
    lines.dedup_by(|a, b| a == b && a.starts_with(SET));
    lines
}

/// Begins a line that counts once, however often it was told.
pub const SET: &str = "at least once: ";

fn line(row: &str, namespace: &str) -> Option<String> {
    let mut row: Value = serde_json::from_str(row).unwrap();
    if row["what"] == "event" {
        row["kind"] = Value::Null;
    }
    let tried_again = ["Killed", "StartFailed"].iter().any(|c| row["cause"] == *c);
    let passing = ["Pending", "Preparing"].iter().any(|p| row["facts"]["to"] == *p);
    // Servers that are killed come again: how often is told, and differs.
    let served = ["DocsServing", "DocsServerFailed"].iter().any(|t| row["type"] == *t);
    if tried_again || passing || served {
        return None;
    }
    match federated(&row) {
        Told::Elsewhere => {}
        Told::Passing => return None,
        Told::Line(line) => return Some(line.replace(namespace, "NAMESPACE")),
    }
    let facts = row["facts"].as_object_mut().unwrap();
    facts.retain(|name, _| !PASSING.contains(&name.as_str()));
    Some(row.to_string().replace(namespace, "NAMESPACE"))
}
