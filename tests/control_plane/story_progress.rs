//! How far a long seed is, for who reads the log.

use serde_json::json;

use crate::harness::kstatus::Verdict;
use crate::harness::manifests::run;
use crate::harness::polling::eventually;
use crate::harness::stage::{Stage, condition};

#[tokio::test]
async fn a_long_seed_says_in_status_and_log_how_far_it_is() {
    // Where the machine is so busy that nobody looked while the seed went on, it takes longer.
    for seconds in [25, 100, 200] {
        if it_was_told(seconds).await {
            return;
        }
    }
    panic!("no status told how far the seed is");
}

/// A seed that takes so long, and all that is told of it; `false` where it ended before anybody looked.
async fn it_was_told(seconds: u32) -> bool {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let controller = stage
        .controller("a")
        .with("FAILPOINTS", format!("step.seed.after_copy=sleep({seconds}000)"))
        .lead()
        .await;
    stage
        .create(&run("relay", &["A-1"], &[("docs", &docs)], json!({})))
        .await;
    let words = "copied 3 of 3 files, ";
    let told = |r: &serde_json::Value| {
        condition(r, "DocsSeeded")["message"]
            .as_str()
            .is_some_and(|m| m.contains(words))
    };
    let ended = |r: &serde_json::Value| condition(r, "DocsSeeded")["status"] == "True";
    let seen = stage
        .until("Run", "relay", "the status tells how far it is", |r| {
            told(r) || ended(r)
        })
        .await;
    if !told(&seen) {
        return false;
    }
    let line = eventually("the log tells how far it is", async || {
        let log = controller.log();
        let found = log
            .lines()
            .find(|l| l.contains("a long step goes on") && l.contains(words));
        found.map(str::to_owned)
    })
    .await;
    for word in ["INFO", stage.namespace(), "relay", "A-1", "seed", " bytes"] {
        assert!(line.contains(word), "{word:?} in {line:?}");
    }
    stage.until_run_is("relay", Verdict::Current).await;
    let lines = controller.log();
    let same = lines
        .lines()
        .filter(|l| l.contains("a long step goes on") && l.contains(words));
    assert_eq!(same.count(), 1, "what did not change is not said again");
    true
}
