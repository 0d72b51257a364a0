//! The mirror and the views over it.

use std::collections::HashSet;

use metawsm::ports::journal::{Journal, Mirror, Record};
use serde_json::{Value, json};
use sqlx::Row;

use super::stage::{Object, Stage};

fn mirror(resource_version: &str, spec: &Value, status: &Value) -> Mirror {
    Mirror {
        resource_version: resource_version.into(),
        generation: 1,
        created_at: "2026-11-01T10:00:00Z".into(),
        spec: spec.to_string(),
        status: status.to_string(),
        deleted: false,
    }
}

fn with_mirror(object: &Object, mirror: Mirror) -> Record {
    Record {
        mirror: Some(mirror),
        ..object.record()
    }
}

async fn phase(stage: &Stage) -> (String, bool) {
    sqlx::query_as("SELECT phase, deleted_at IS NOT NULL FROM runs")
        .fetch_one(&mut stage.raw().await)
        .await
        .unwrap()
}

/// ticket, state, files, attempts, reason
type SeedRow = (String, String, Option<i64>, i64, Option<String>);

#[tokio::test]
async fn a_mirror_never_goes_backwards() {
    let stage = Stage::new();
    let history = stage.open().await;
    let object = Object::new("one").grow(1);
    let at = |version: &str, phase: &str| mirror(version, &json!({}), &json!({ "phase": phase }));
    for (version, phase_given, expected) in [
        ("99", "Pending", "Pending"),
        ("100", "Active", "Active"),
        ("99", "Pending", "Active"),
    ] {
        history
            .record(with_mirror(&object, at(version, phase_given)))
            .await
            .unwrap();
        assert_eq!(phase(&stage).await, (expected.to_owned(), false), "{version}");
    }
    let gone = Mirror {
        deleted: true,
        ..at("100", "Closed")
    };
    history.record(with_mirror(&object, gone)).await.unwrap();
    history.record(with_mirror(&object, at("100", "Active"))).await.unwrap();
    assert!(phase(&stage).await.1, "the same version does not bring it back to life");
}

#[tokio::test]
async fn what_vanished_is_told_until_its_deletion_is_recorded() {
    let stage = Stage::new();
    let history = stage.open().await;
    let (kept, gone) = (Object::new("kept").grow(1), Object::new("gone").grow(2));
    for object in [&kept, &gone] {
        history
            .record(with_mirror(object, mirror("5", &json!({ "a": 1 }), &json!({}))))
            .await
            .unwrap();
    }
    let alive = HashSet::from([kept.subject.uid.clone()]);
    let vanished = history.vanished("Run", &[], &alive).await.unwrap();
    assert_eq!(vanished.len(), 1);
    assert_eq!(vanished[0].subject, gone.subject);
    assert_eq!(vanished[0].last.as_ref(), gone.entries.last());
    assert_eq!(vanished[0].mirror.spec, r#"{"a":1}"#);
    assert!(
        history
            .vanished("Run", &["team-b".into()], &alive)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        history.vanished("Run", &["team-a".into()], &alive).await.unwrap().len(),
        1
    );
    assert!(
        history
            .vanished("TicketTopology", &[], &alive)
            .await
            .unwrap()
            .is_empty()
    );
    let deleted = Mirror {
        deleted: true,
        ..vanished[0].mirror.clone()
    };
    history.record(with_mirror(&gone.grow(1), deleted)).await.unwrap();
    assert!(history.vanished("Run", &[], &alive).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_views_of_a_run_show_its_workspaces_seeds_and_brief() {
    let stage = Stage::new();
    let history = stage.open().await;
    let spec = json!({
        "tickets": ["A-1", "A-2"], "mode": "Bootstrap",
        "brief": { "goal": "g", "scope": "s", "doneCriteria": "d", "constraints": "c", "mergeIntent": "m" },
    });
    let seed = json!({ "state": "Synced", "revision": "sha256:1", "sourceCommit": "abc", "files": 3, "bytes": 70,
                       "at": "2026-11-01T10:00:00Z", "attempts": 1 });
    let failed = json!({ "state": "Failed", "attempts": 2, "reason": "TicketDocsNotFound", "message": "none" });
    let status = json!({
        "phase": "Active", "docs": { "homeRepo": "docs", "seedSummary": "1/2", "freshnessRevision": "sha256:2" },
        "workspaces": [
            { "ticket": "A-1", "name": "r-a-1", "path": "/w/1", "branch": "task/r-a-1", "repos": [], "seed": seed },
            { "ticket": "A-2", "name": "r-a-2", "path": "/w/2", "branch": "task/r-a-2", "repos": [], "seed": failed },
        ],
    });
    history
        .record(with_mirror(&Object::new("r").grow(1), mirror("5", &spec, &status)))
        .await
        .unwrap();
    let mut raw = stage.raw().await;
    let run = sqlx::query("SELECT * FROM runs").fetch_one(&mut raw).await.unwrap();
    assert_eq!(run.get::<String, _>("doc_home_repo"), "docs");
    assert_eq!(run.get::<String, _>("tickets"), r#"["A-1","A-2"]"#);
    let seeds: Vec<SeedRow> =
        sqlx::query_as("SELECT ticket, state, files, attempts, reason FROM doc_sync_states ORDER BY ticket")
            .fetch_all(&mut raw)
            .await
            .unwrap();
    assert_eq!(seeds[0], ("A-1".into(), "Synced".into(), Some(3), 1, None));
    assert_eq!(
        seeds[1],
        (
            "A-2".into(),
            "Failed".into(),
            None,
            2,
            Some("TicketDocsNotFound".into())
        )
    );
    let paths: Vec<String> = sqlx::query_scalar("SELECT path FROM run_workspaces ORDER BY ticket")
        .fetch_all(&mut raw)
        .await
        .unwrap();
    assert_eq!(paths, ["/w/1", "/w/2"]);
    let done: String = sqlx::query_scalar("SELECT done_criteria FROM run_briefs")
        .fetch_one(&mut raw)
        .await
        .unwrap();
    assert_eq!(done, "d");
}

#[tokio::test]
async fn the_view_of_a_topology_shows_home_authority_and_claims() {
    let stage = Stage::new();
    let history = stage.open().await;
    let mut object = Object::new("a-1").grow(1);
    object.subject.kind = "TicketTopology".into();
    let spec = json!({ "ticket": "A-1", "docHomeRepo": "docs", "docHomeURL": "https://x/docs", "docsPath": "ttmp" });
    let status = json!({ "authority": { "kind": "Workspace" }, "claims": [{ "runUID": "u", "runName": "r" }] });
    history
        .record(with_mirror(&object, mirror("5", &spec, &status)))
        .await
        .unwrap();
    let row: (String, String, String, i64) =
        sqlx::query_as("SELECT ticket, doc_home_url, authority, runs FROM ticket_topologies")
            .fetch_one(&mut stage.raw().await)
            .await
            .unwrap();
    assert_eq!(row, ("A-1".into(), "https://x/docs".into(), "Workspace".into(), 1));
}
