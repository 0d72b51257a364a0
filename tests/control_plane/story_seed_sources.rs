//! The other ways to begin: what is on disk, nothing at all, and a brief.

use serde_json::{Value, json};

use crate::harness::files::files_below;
use crate::harness::kstatus::Verdict;
use crate::harness::manifests::run;
use crate::harness::repositories::git;
use crate::harness::stage::{Stage, condition};

#[tokio::test]
async fn a_working_tree_is_copied_with_what_was_never_committed() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let folder = docs.ticket("A-1");
    docs.write(&format!("{folder}/tasks.md"), "- [x] edited and not committed\n");
    docs.write(&format!("{folder}/draft.md"), "never added\n");
    std::fs::remove_file(docs.path.join(&folder).join("design/01-plan.md")).unwrap();
    let before = docs.git(&["status", "--porcelain"]);

    let controller = stage.controller("a").lead().await;
    stage
        .create(&run(
            "relay",
            &["A-1"],
            &[("docs", &docs)],
            json!({"docSeedFrom": "WorkingTree"}),
        ))
        .await;
    let seeded = stage.until_run_is("relay", Verdict::Current).await;

    let clone = controller.workspace("relay", "A-1").join("docs");
    assert_eq!(files_below(&clone.join(&folder)), files_below(&docs.path.join(&folder)));
    assert_eq!(
        git(&clone, &["status", "--porcelain"]),
        "",
        "all of it is committed on the workspace's branch"
    );
    assert_eq!(seeded["status"]["workspaces"][0]["seed"]["sourceCommit"], docs.head());
    assert_eq!(
        docs.git(&["status", "--porcelain"]),
        before,
        "the home is left as it was"
    );
}

#[tokio::test]
async fn without_seeding_the_clones_are_made_and_the_run_is_ready() {
    let stage = Stage::new().await;
    let code = stage.repository("code");
    let controller = stage.controller("a").lead().await;
    stage
        .create(&run(
            "relay",
            &["A-1"],
            &[("code", &code)],
            json!({"docSeedMode": "None"}),
        ))
        .await;
    let ready = stage.until_run_is("relay", Verdict::Current).await;
    assert_eq!(ready["status"]["workspaces"][0]["seed"]["state"], "Skipped");
    assert_eq!(ready["status"]["docs"]["seedSummary"], "skipped");
    assert!(ready["status"]["docs"]["freshnessRevision"].is_null());
    assert_eq!(condition(&ready, "DocsSeeded")["reason"], "SeedSkipped");
    let clone = controller.workspace("relay", "A-1").join("code");
    assert_eq!(git(&clone, &["rev-parse", "HEAD"]), code.head());
}

#[tokio::test]
async fn a_bootstrap_run_makes_the_tickets_first_documents_from_its_brief() {
    let stage = Stage::new().await;
    let docs = stage.repository("docs");
    let controller = stage.controller("a").lead().await;
    let brief = json!({
        "goal": "Reach the lighthouse", "scope": "The tower:\n- lamp", "doneCriteria": "It shines", "constraints": "No smoke",
        "mergeIntent": "Into main",
    });
    stage
        .create(&run(
            "relay",
            &["NEW-1"],
            &[("docs", &docs)],
            json!({"mode": "Bootstrap", "brief": brief}),
        ))
        .await;
    let seeded = stage.until_run_is("relay", Verdict::Current).await;

    let clone = controller.workspace("relay", "NEW-1").join("docs");
    let made = files_below(&clone.join("ttmp"));
    let index = made
        .iter()
        .find(|(path, _)| path.ends_with("index.md"))
        .map(|(_, (_, text))| text.as_str());
    let index = index.unwrap_or_else(|| panic!("no index.md among {:?}", made.keys()));
    assert!(index.contains("NEW-1") && index.contains("DocType: index"), "{index}");
    let all: String = made.values().map(|(_, text)| text.as_str()).collect();
    for words in brief.as_object().unwrap().values().filter_map(Value::as_str) {
        assert!(words.lines().all(|line| all.contains(line)), "{words:?} in {all}");
    }
    assert_eq!(
        seeded["status"]["workspaces"][0]["seed"]["commit"],
        git(&clone, &["rev-parse", "HEAD"])
    );
    let told = stage.streams().first("run.docs.seeded").await;
    assert_eq!(told.event.data["bootstrapped"], true);
}

#[tokio::test]
async fn a_bootstrap_run_keeps_documents_that_are_there_already() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let controller = stage.controller("a").lead().await;
    let brief = json!({"goal": "Reach it", "scope": "All", "doneCriteria": "It works"});
    stage
        .create(&run(
            "relay",
            &["A-1"],
            &[("docs", &docs)],
            json!({"mode": "Bootstrap", "brief": brief}),
        ))
        .await;
    let seeded = stage.until_run_is("relay", Verdict::Current).await;
    assert!(
        seeded["status"]["workspaces"][0]["seed"]["commit"].is_null(),
        "nothing had to change"
    );
    let clone = controller.workspace("relay", "A-1").join("docs");
    assert_eq!(files_below(&clone), files_below(&docs.path));
}
