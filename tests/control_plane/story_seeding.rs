//! A Run over two repositories and two tickets: from `kubectl apply` to seeded workspaces, told everywhere it is told.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::controller::Controller;
use crate::harness::files::files_below;
use crate::harness::history::{audit_of, column, verify};
use crate::harness::kstatus::Verdict;
use crate::harness::manifests::run;
use crate::harness::polling::PATIENCE;
use crate::harness::repositories::{Repository, git};
use crate::harness::stage::{Stage, condition};

const FOLDER_101: &str = "ttmp/2026/11/21/METAWSM-101--relay-operator-updates";
const FOLDER_102: &str = "ttmp/2026/11/21/METAWSM-102--forum-guidance-threads";

/// Documents at home, newer on the branch `fresh` for the first ticket only; and a second repository without any.
fn repositories(stage: &Stage) -> (Repository, Repository) {
    let (docs, api) = (stage.repository("docs"), stage.repository("api"));
    docs.example_tickets();
    docs.commit("Write the tickets");
    docs.git(&["checkout", "--quiet", "-b", "fresh"]);
    docs.write(&format!("{FOLDER_101}/reference/02-new.md"), "written after the base\n");
    std::fs::remove_file(docs.path.join(FOLDER_101).join("tasks.md")).unwrap();
    docs.commit("Go on with METAWSM-101");
    api.write("src/main.rs", "fn main() {}\n");
    api.commit("Write code");
    (docs, api)
}

async fn seeded(stage: &Stage, docs: &Repository, api: &Repository) -> (Controller, Value) {
    let controller = stage.controller("a").lead().await;
    let rest = json!({"docHomeRepo": "docs", "docSeedRef": "fresh"});
    let manifest = run(
        "relay",
        &["METAWSM-101", "METAWSM-102"],
        &[("api", api), ("docs", docs)],
        rest,
    );
    let file = docs.path.join("../run.json");
    std::fs::write(&file, manifest.to_string()).unwrap();
    let (applied, said) = stage.cluster.kubectl(&["apply", "-f", &file.to_string_lossy()]).await;
    assert!(applied, "{said}");
    let patience = format!("--timeout={}s", PATIENCE.as_secs());
    let (waited, said) = stage
        .cluster
        .kubectl(&["wait", "--for=condition=Ready", "run/relay", &patience])
        .await;
    assert!(waited, "{said}");
    let run = stage.until_run_is("relay", Verdict::Current).await;
    (controller, run)
}

#[tokio::test]
async fn a_run_over_two_repositories_and_two_tickets_is_seeded_recorded_and_told() {
    let stage = Stage::new().await;
    let (docs, api) = repositories(&stage);
    let (controller, run) = seeded(&stage, &docs, &api).await;
    workspaces_hold_the_documents(&controller, &run, &docs, &api);
    status_says_so(&run, &docs);
    topologies_are_claimed(&stage, &run, &docs).await;
    readers_of_redis_see_it_in_order(&stage).await;
    people_see_it(&stage, &controller).await;
}

fn workspaces_hold_the_documents(controller: &Controller, run: &Value, docs: &Repository, api: &Repository) {
    for (place, ticket, folder) in [(0, "METAWSM-101", FOLDER_101), (1, "METAWSM-102", FOLDER_102)] {
        let workspace = controller.workspace("relay", ticket);
        assert_eq!(
            files_below(&workspace.join("docs").join(folder)),
            files_below(&docs.path.join(folder)),
            "{ticket}"
        );
        assert_eq!(files_below(&workspace.join("api")), files_below(&api.path), "{ticket}");
        let status = &run["status"]["workspaces"][place];
        assert_eq!(PathBuf::from(status["path"].as_str().unwrap()), workspace);
        for clone in ["api", "docs"] {
            let branch = git(&workspace.join(clone), &["symbolic-ref", "--short", "HEAD"]);
            assert_eq!(status["branch"], branch, "{clone}");
            assert_eq!(
                git(&workspace.join(clone), &["status", "--porcelain"]),
                "",
                "{clone} of {ticket} is clean"
            );
        }
    }
    let base = docs.git(&["rev-parse", "main"]);
    let clone = controller.workspace("relay", "METAWSM-101").join("docs");
    assert_eq!(
        git(&clone, &["rev-parse", "HEAD^"]),
        base,
        "one commit on top of the base"
    );
    assert_eq!(
        run["status"]["workspaces"][0]["seed"]["commit"],
        git(&clone, &["rev-parse", "HEAD"])
    );
    let unchanged = controller.workspace("relay", "METAWSM-102").join("docs");
    assert_eq!(
        git(&unchanged, &["rev-parse", "HEAD"]),
        base,
        "nothing had to change, so nothing is committed"
    );
    assert!(run["status"]["workspaces"][1]["seed"]["commit"].is_null());
}

fn status_says_so(run: &Value, docs: &Repository) {
    let status = &run["status"];
    assert_eq!(status["phase"], "Active");
    assert_eq!(status["observedGeneration"], run["metadata"]["generation"]);
    assert_eq!(status["docs"]["homeRepo"], "docs");
    assert_eq!(status["docs"]["homeURL"], docs.url());
    assert_eq!(status["docs"]["seedSummary"], "2/2");
    assert!(
        status["docs"]["freshnessRevision"]
            .as_str()
            .unwrap()
            .starts_with("sha256:")
    );
    for (place, folder) in [(0, FOLDER_101), (1, FOLDER_102)] {
        let (seed, files) = (
            &status["workspaces"][place]["seed"],
            files_below(&docs.path.join(folder)),
        );
        assert_eq!(seed["state"], "Synced");
        assert_eq!(seed["attempts"], 1);
        assert_eq!(seed["sourceCommit"], docs.head(), "the tip of docSeedRef");
        assert_eq!(seed["files"], files.len());
        assert_eq!(seed["bytes"], files.values().map(|(_, text)| text.len()).sum::<usize>());
        assert!(seed["revision"].as_str().unwrap().starts_with("sha256:"));
    }
    for (kind, value) in [
        ("Ready", "True"),
        ("Reconciling", "False"),
        ("Stalled", "False"),
        ("TopologyAccepted", "True"),
        ("WorkspacesReady", "True"),
        ("DocsSeeded", "True"),
    ] {
        let found = condition(run, kind);
        assert_eq!(found["status"], value, "{kind}: {found}");
        assert_eq!(found["observedGeneration"], run["metadata"]["generation"], "{kind}");
    }
}

async fn topologies_are_claimed(stage: &Stage, run: &Value, docs: &Repository) {
    for ticket in ["METAWSM-101", "METAWSM-102"] {
        let judge =
            |t: &Value| t["status"]["owner"]["runName"] == "relay" && t["status"]["authority"]["kind"] == "Workspace";
        let topology = stage
            .until("TicketTopology", &ticket.to_lowercase(), "it is owned and heard", judge)
            .await;
        assert_eq!(
            topology["spec"],
            json!({"ticket": ticket, "docHomeRepo": "docs", "docHomeURL": docs.url(), "docsPath": "ttmp"})
        );
        assert_eq!(topology["status"]["claims"][0]["runUID"], run["metadata"]["uid"]);
        assert_eq!(topology["status"]["runs"], 1);
        let authority = &topology["status"]["authority"];
        assert_eq!(
            (&authority["kind"], &authority["reason"]),
            (&json!("Workspace"), &json!("RunActive"))
        );
        // Both workspaces are clones of the home and have both tickets: only the ticket's own can rule.
        assert_eq!(authority["endpoint"], format!("relay--{}", ticket.to_lowercase()));
    }
}

async fn readers_of_redis_see_it_in_order(stage: &Stage) {
    let subject = format!("Run/{}/relay", stage.namespace());
    let active = |events: &[metawsm::kernel::envelope::Envelope]| {
        events
            .iter()
            .any(|e| e.event.data["to"] == "Active")
            .then(|| events.to_vec())
    };
    let events = stage.streams().until("the Run became active", active).await;
    let of_run: Vec<_> = events.iter().filter(|e| e.event.subject == subject).collect();
    let told: Vec<_> = of_run.iter().map(|e| e.event.event_type.as_str()).collect();
    let first = [
        "run.phase.changed",
        "run.phase.changed",
        "run.docs.seeded",
        "run.docs.seeded",
        "run.phase.changed",
    ];
    assert_eq!(told, first);
    let phases: Vec<_> = of_run.iter().filter_map(|e| e.event.data["to"].as_str()).collect();
    assert_eq!(phases, ["Pending", "Preparing", "Active"]);
    let mut tickets: Vec<_> = of_run.iter().filter_map(|e| e.event.ticket.as_deref()).collect();
    tickets.sort_unstable();
    assert_eq!(tickets, ["METAWSM-101", "METAWSM-102"]);
    assert!(of_run.is_sorted_by_key(|e| e.event.subject_seq), "order per subject");
    let sequences: Vec<_> = events.iter().map(|e| e.sequence).collect();
    assert_eq!(
        sequences,
        (1..=i64::try_from(events.len()).unwrap()).collect::<Vec<_>>(),
        "gapless"
    );
    assert_eq!(stage.streams().of_type("run.docs.seeded").await.len(), 2);
    // From nobody to the workspaces, once their servers were heard.
    let owned = |events: &[metawsm::kernel::envelope::Envelope]| {
        let moved = events
            .iter()
            .filter(|e| e.event.event_type == "topology.authority.changed" && e.event.data["to"] == "Workspace");
        let tickets: std::collections::BTreeSet<_> = moved.filter_map(|e| e.event.ticket.as_deref()).collect();
        (tickets.len() == 2).then_some(())
    };
    stage.streams().until("both authorities moved", owned).await;
}

async fn people_see_it(stage: &Stage, controller: &Controller) {
    stage.until_told(&controller.database()).await;
    let audit = audit_of(&controller.database(), "Run", "relay").await;
    let types: Vec<_> = audit.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(types[..3], ["PhaseChanged", "Accepted", "PhaseChanged"], "{types:?}");
    for (kind, count) in [("WorkspacePrepared", 2), ("DocsSeeded", 2), ("PhaseChanged", 3)] {
        assert_eq!(
            types.iter().filter(|t| **t == kind).count(),
            count,
            "{kind} in {types:?}"
        );
    }
    verify(&controller.database()).await;
    let mirrored = column(
        &controller.database(),
        "SELECT phase || ' ' || doc_seed_summary FROM runs",
    )
    .await;
    assert_eq!(mirrored, ["Active 2/2"]);
    let notes = crate::harness::polling::eventually("Kubernetes Events are there", async || {
        let notes = stage.cluster.events_about("relay").await;
        notes
            .iter()
            .any(|(_, _, note)| note.contains("→ Active"))
            .then_some(notes)
    });
    let notes = notes.await;
    for reason in ["ClaimsHeld", "ClonesReady", "Copied"] {
        assert!(
            notes.iter().any(|(kind, r, _)| kind == "Normal" && r == reason),
            "{reason} in {notes:?}"
        );
    }
    let (_, table) = stage
        .cluster
        .kubectl(&["get", "runs,tickettopologies", "-o", "wide"])
        .await;
    for word in [
        "relay",
        "Active",
        "docs",
        "2/2",
        "metawsm-101",
        "Workspace",
        "RunActive",
    ] {
        assert!(table.contains(word), "{word} in\n{table}");
    }
}
