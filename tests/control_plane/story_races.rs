//! Many Runs at once for the same tickets: one home wins, the others say why, and whoever waits goes on by itself.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::harness::kstatus::Verdict;
use crate::harness::manifests::run;
use crate::harness::polling::eventually;
use crate::harness::stage::{Stage, condition};

/// The Runs that work, and of the others whether all say why not.
async fn split(stage: &Stage, names: &[String]) -> (Vec<String>, bool) {
    let (mut winners, mut told) = (Vec::new(), true);
    for name in names {
        let run = stage.run(name).await;
        if run["status"]["docs"]["homeURL"].is_string() {
            winners.push(name.clone());
        } else {
            let accepted = condition(&run, "TopologyAccepted");
            told &= accepted["status"] == "False" && accepted["reason"] == "DocHomeConflict";
        }
    }
    (winners, told)
}

#[tokio::test]
async fn of_ten_runs_at_once_with_two_homes_one_home_wins_and_the_others_follow_when_it_is_free() {
    let stage = Stage::new().await;
    let (one, other) = (stage.home_of("one", &["A-1"]), stage.home_of("other", &["A-1"]));
    let controller = stage.controller("a").lead().await;
    let names: Vec<_> = (0..10).map(|n| format!("run-{n}")).collect();
    let manifests: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(n, name)| match n % 2 {
            0 => run(name, &["A-1"], &[("docs", &one)], json!({})),
            _ => run(name, &["A-1"], &[("wiki", &other)], json!({})),
        })
        .collect();
    join_all(manifests.iter().map(|m| stage.create(m))).await;

    let winners = eventually("one home has its five Runs, the others say why they wait", async || {
        let (winners, told) = split(&stage, &names).await;
        (winners.len() == 5 && told).then_some(winners)
    })
    .await;
    let mut homes = BTreeSet::new();
    for name in &winners {
        let seeded = stage.until_run_is(name, Verdict::Current).await;
        homes.insert(seeded["status"]["docs"]["homeURL"].as_str().unwrap().to_owned());
    }
    assert_eq!(homes.len(), 1, "one home: {homes:?}");
    let losers: Vec<_> = names.iter().filter(|n| !winners.contains(n)).cloned().collect();
    for name in &losers {
        let folder = controller.workspaces().join(stage.namespace()).join(name);
        assert!(!folder.exists(), "{name} has a workspace");
    }

    join_all(winners.iter().map(|name| stage.delete("Run", name))).await;
    for name in &winners {
        stage.until_gone("Run", name).await;
    }
    for name in &losers {
        let seeded = stage.until_run_is(name, Verdict::Current).await;
        let home = seeded["status"]["docs"]["homeURL"].as_str().unwrap();
        assert!(!homes.contains(home), "{name} has the other home now");
    }
}

#[tokio::test]
async fn two_runs_that_name_two_tickets_in_opposite_order_never_hold_one_each() {
    let stage = Stage::new().await;
    let tickets = ["A-1", "B-1"];
    let (one, other) = (stage.home_of("one", &tickets), stage.home_of("other", &tickets));
    let _controller = stage.controller("a").lead().await;
    let manifests = [
        run("forth", &["A-1", "B-1"], &[("docs", &one)], json!({})),
        run("back", &["B-1", "A-1"], &[("wiki", &other)], json!({})),
    ];
    join_all(manifests.iter().map(|m| stage.create(m))).await;
    let names = ["forth".to_owned(), "back".to_owned()];
    let winners = eventually("one works and the other says why not", async || {
        let (winners, told) = split(&stage, &names).await;
        (winners.len() == 1 && told).then_some(winners)
    })
    .await;
    stage.until_run_is(&winners[0], Verdict::Current).await;
    for name in ["a-1", "b-1"] {
        let claims = stage.topology(name).await["status"]["claims"].clone();
        assert_eq!(claims.as_array().map(Vec::len), Some(1), "{name}: {claims}");
        assert_eq!(claims[0]["runName"], winners[0]);
    }
}

#[tokio::test]
async fn one_name_for_two_urls_is_refused_and_two_names_for_one_url_join() {
    let stage = Stage::new().await;
    let (one, other) = (stage.home_of("one", &["A-1"]), stage.home_of("other", &["A-1"]));
    let _controller = stage.controller("a").lead().await;
    stage.ready_run("first", &["A-1"], &[("docs", &one)]).await;

    stage
        .create(&run("namesake", &["A-1"], &[("docs", &other)], json!({})))
        .await;
    let refused = stage.until_run_is("namesake", Verdict::Failed).await;
    assert_eq!(condition(&refused, "TopologyAccepted")["reason"], "RepoNameConflict");
    let message = condition(&refused, "Ready")["message"].as_str().unwrap();
    for words in ["docs", &one.url(), &other.url(), "first", "rename"] {
        assert!(message.contains(words), "{words:?} in {message:?}");
    }

    let joined = stage.ready_run("alias", &["A-1"], &[("handbook", &one)]).await;
    assert_eq!(joined["status"]["docs"]["homeRepo"], "handbook");
    let judge = |t: &Value| t["status"]["runs"] == 2;
    stage.until("TicketTopology", "a-1", "both work on it", judge).await;
}
