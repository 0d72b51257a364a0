//! Closed threads leave the cluster after a while, archived first, also when the controller is killed in between; what is
//! left of them is readable, and a rebuild gives the same.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::forum::{policy, question, say};
use crate::harness::history::{column, metawsm, verify};
use crate::harness::people::Person;
use crate::harness::polling::eventually;
use crate::harness::stage::Stage;

#[tokio::test]
async fn a_closed_thread_is_archived_then_removed_also_when_killed_in_between() {
    let stage = Stage::new().await;
    let settings = stage.controller("a");
    let file = policy(&settings.data, "retention: {closedThreads: 1s, events: 1s}\n");
    let marker = |what: &str| settings.data.join(format!("killed-after-{what}"));
    let markers = ["archive", "remove_archived"].map(marker);
    let points = ["archive", "remove_archived"].map(|what| {
        let file = marker(what);
        format!("forum_thread.after_{what}=return(kill {})", file.display())
    });
    // What the test is run under, such as a bug that it is to find, stays.
    let around = std::env::var("FAILPOINTS").ok().into_iter();
    let armed: Vec<_> = around.chain(points).collect();
    let settings = settings
        .with("METAWSM_POLICY", file)
        .with("METAWSM_HOUSEKEEPING_INTERVAL", "1s")
        .with("FAILPOINTS", armed.join(";"));
    let mut controller = settings.lead().await;
    let database = controller.database();
    for name in ["done", "open"] {
        stage.create(&question(name, json!({}))).await;
    }
    let recorded = |t: &Value| t["status"]["postCount"] == 1;
    for name in ["done", "open"] {
        stage.until("ForumThread", name, "it is recorded", recorded).await;
    }
    let admin = Person::admin(&stage.cluster);
    let answer = json!({"id": "a1", "kind": "Answer", "body": "Left, after all.", "inReplyTo": "q1"});
    say(&admin, "done", answer, "Closed").await;
    eventually("it was archived and is gone, killed twice on the way", async || {
        if controller.has_ended() {
            controller.kill9();
            controller.restart_only();
        }
        let gone = Person::admin(&stage.cluster).get("done").await.is_err();
        (gone && markers.iter().all(|marker| marker.exists())).then_some(())
    })
    .await;
    controller.until_leading().await;
    let archived = column(&database, "SELECT object FROM forum_archive").await;
    assert_eq!(archived.len(), 1, "it was archived once");
    let kept: Value = serde_json::from_str(&archived[0]).unwrap();
    assert_eq!(
        kept["spec"]["posts"][1]["body"], "Left, after all.",
        "with what was said"
    );
    assert_eq!(stage.get("ForumThread", "open").await["spec"]["state"], "New");
    let shown = || shown(&stage, &database);
    let told = async || Some(shown().await).filter(|t| t["deleted_at"].is_string());
    let thread = eventually("its end is folded", told).await;
    assert!(thread["archived_at"].is_string());
    let folded = async || {
        let left = column(&database, "SELECT event_type FROM events WHERE subject LIKE '%/done'").await;
        (left.len() <= 1).then_some(())
    };
    eventually("its events are folded away", folded).await;
    controller.terminate().await;
    let before = shown().await;
    metawsm(&database, &["db", "rebuild"]).await;
    assert_eq!(shown().await, before);
    verify(&database).await;
}

async fn shown(stage: &Stage, database: &Path) -> Value {
    let line = ["forum", "show", "-n", stage.namespace(), "done", "-o", "json"];
    serde_json::from_str(&metawsm(database, &line).await).unwrap()
}
