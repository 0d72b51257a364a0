//! Questions over a faulty road to the API server: as over a clean one each is recorded, escalated, archived and told once,
//! in order, whatever lists are old, watches too old, and events lost, repeated or mixed. Seeds as in `fault_road`.

use serde_json::{Value, json};

use crate::fault_road::{LONG, compare, over, tell};
use crate::forum_life::{a_whole_life, digest, escalated};
use crate::harness::cluster::variable;
use crate::harness::forum::{policy, question, say};
use crate::harness::manifests::run;
use crate::harness::people::Person;
use crate::harness::polling::within;
use crate::harness::requests::Requests;
use crate::harness::stage::Stage;
use crate::road::{Road, Script, script};
use crate::sabotage::place;
use crate::validator;

/// Questions asked at once.
const ASKED: usize = 6;

/// What came of the questions, and the number of writes.
async fn travel(script: Script) -> (Vec<String>, usize) {
    let stage = Stage::new().await;
    let code = stage.repository("code");
    let road = Road::to(&variable("KUBECONFIG"), script.clone()).await;
    let settings = over(&road, &stage).with("METAWSM_HOUSEKEEPING_INTERVAL", "1s");
    let rules = "sla: {levels: [1s]}\nretention: {closedThreads: 1s}\n";
    let file = policy(&settings.data, rules);
    let controller = settings.with("METAWSM_POLICY", file).start();
    let leading = async || controller.leads().then_some(());
    within(LONG, "the controller leads", leading).await;
    let requests = Requests::from_now(stage.namespace());
    let waits = run("r", &["A-1"], &[("code", &code)], json!({"suspend": true}));
    stage.create(&waits).await;
    a_whole_life(&stage).await;
    many_at_once(&stage).await;
    stage.delete("ForumThread", "q0").await;
    stage.until_gone("ForumThread", "q0").await;
    let left = json!({"open": ASKED - 1, "waitingHuman": 0, "escalated": 0});
    let counted = |r: &Value| r["status"]["forum"] == left;
    stage.until("Run", "r", "its questions are counted", counted).await;
    let flaws = validator::flaws(&place(&stage, controller.database())).await;
    assert_eq!(flaws, [], "the road '{}'", script.name);
    let names: Vec<_> = (1..ASKED).map(|n| format!("q{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let told = digest(&stage, "a", &names).await;
    let writes = requests.map_or(0, |r| r.writes().len());
    tell(&road, &script, writes);
    (told, writes)
}

/// Several questions side by side, each escalated, then changed three times by two people without a pause.
async fn many_at_once(stage: &Stage) {
    let each = (0..ASKED).map(async |n| {
        let name = format!("q{n}");
        stage.create(&question(&name, json!({"runRef": {"name": "r"}}))).await;
        escalated(stage, &name, "New").await;
        let admin = Person::admin(&stage.cluster);
        let comment = json!({"id": "c1", "kind": "Comment", "body": "Still there?"});
        say(&admin, &name, comment, "Triaged").await;
        let on = json!({"spec": {"state": "WaitingOperator", "priority": "High"}});
        admin.merge(&name, on).await.expect("it may be changed");
        let all = |t: &Value| t["status"]["changeCount"] == 3 && t["status"]["postCount"] == 2;
        stage.until("ForumThread", &name, "everything is recorded", all).await;
    });
    futures::future::join_all(each).await;
}

#[tokio::test]
async fn questions_on_a_road_where_everything_goes_wrong_come_to_the_same_end() {
    compare(script::everything, travel).await;
}

#[tokio::test]
async fn questions_whose_watches_end_lose_repeat_and_mix_events_come_to_the_same_end() {
    compare(script::watches, travel).await;
}

#[tokio::test]
async fn questions_on_old_lists_and_watches_too_old_come_to_the_same_end() {
    compare(script::staleness, travel).await;
}
