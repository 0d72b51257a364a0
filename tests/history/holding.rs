//! What is held of an object tells whether its journal is recorded, and only then.

use metawsm::kernel::journal::links;
use metawsm::ports::journal::{Held, Journal, Mirror, Record};
use serde_json::json;

use super::stage::{Object, Stage};

fn seen(object: &Object, deleted: bool) -> Record {
    let mirror = Mirror {
        resource_version: "100".into(),
        generation: 1,
        created_at: "2026-11-01T10:00:00Z".into(),
        spec: "{}".into(),
        status: "{}".into(),
        deleted,
    };
    Record {
        mirror: Some(mirror),
        ..object.record()
    }
}

fn held(object: &Object) -> Held {
    Held {
        resource_version: "100".into(),
        links: links(&object.subject.uid, &object.entries),
    }
}

#[tokio::test]
async fn of_each_living_object_of_the_kind_the_links_of_its_ring_are_held() {
    let stage = Stage::new();
    let history = stage.open().await;
    let short = Object::new("short").grow(3);
    let long = Object::new("long").grow(9);
    history.record(seen(&long, false)).await.unwrap();
    let long = long.grow(9);
    history.record(seen(&long, false)).await.unwrap();
    history.record(seen(&short, false)).await.unwrap();
    history.record(seen(&Object::new("gone").grow(1), true)).await.unwrap();
    history.record(seen(&Object::new("new"), false)).await.unwrap();
    history.record(Object::new("unseen").grow(1).record()).await.unwrap();
    let all = history.held("Run").await.unwrap();
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!((&all["uid-short"], &all["uid-long"]), (&held(&short), &held(&long)));
    assert!(history.held("TicketTopology").await.unwrap().is_empty());
}

#[tokio::test]
async fn another_history_or_a_missing_row_is_not_what_the_ring_says() {
    let stage = Stage::new();
    let history = stage.open().await;
    let object = Object::new("one").grow(3);
    history.record(seen(&object, false)).await.unwrap();
    let mut longer = Object::new("one").grow(3);
    longer.append(json!({ "step": "of the first life" }));
    history.record(seen(&longer, false)).await.unwrap();
    let is_held = async |object: &Object| history.held("Run").await.unwrap()["uid-one"] == held(object);
    assert!(is_held(&longer).await);
    assert!(!is_held(&object).await, "the database knows more");
    let mut restored = Object::new("one").grow(3);
    restored.append(json!({ "step": "of the second life" }));
    assert!(!is_held(&restored).await, "the database knows another life");
    history.record(seen(&restored, false)).await.unwrap();
    assert!(
        !is_held(&restored).await,
        "there are two histories: that must not be forgotten"
    );
    let remove = "DELETE FROM audit_log WHERE seq = 2 OR facts LIKE '%first%'";
    sqlx::query(remove).execute(&mut stage.raw().await).await.unwrap();
    assert!(!is_held(&restored).await, "a row is missing");
    history.record(seen(&restored, false)).await.unwrap();
    assert!(is_held(&restored).await, "it was recorded again");
}
