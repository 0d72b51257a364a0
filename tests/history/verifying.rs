//! Verification: a sound history is sound, a tampered one shows, a lost one is told apart.

use metawsm::ports::journal::Journal;
use metawsm::ports::read_model::{AuditFilter, ReadModel, Verdict};
use serde_json::json;
use sqlx::AssertSqlSafe;

use super::stage::{Object, Stage};

/// Two objects of five transitions each, then one statement of a tamperer.
async fn tampered(statement: &str) -> (Verdict, Verdict) {
    let stage = Stage::new();
    let history = stage.open().await;
    for name in ["one", "two"] {
        history.record(Object::new(name).grow(5).record()).await.unwrap();
    }
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(&mut stage.raw().await)
        .await
        .unwrap();
    (
        history.verify_audit().await.unwrap(),
        history.verify_database().await.unwrap(),
    )
}

#[tokio::test]
async fn an_untouched_history_is_sound() {
    let (audit, database) = tampered("SELECT 1").await;
    assert_eq!(
        audit,
        Verdict {
            checked: 10,
            ..Verdict::default()
        }
    );
    assert_eq!(
        database,
        Verdict {
            checked: 20,
            ..Verdict::default()
        }
    );
}

#[tokio::test]
async fn a_rewritten_audit_row_shows() {
    for change in [
        "facts = '{\"step\":7}'",
        "at = '2020-01-01T00:00:00Z'",
        "actor_name = 'eve'",
        "type = 'X'",
    ] {
        let (audit, _) = tampered(&format!(
            "UPDATE audit_log SET {change} WHERE uid = 'uid-one' AND seq = 3"
        ))
        .await;
        assert_eq!(audit.flaws.len(), 1, "{change}: {audit:?}");
        assert_eq!(
            (audit.flaws[0].subject.as_str(), audit.flaws[0].seq),
            ("Run/team-a/one", Some(3))
        );
        assert!(audit.flaws[0].problem.contains("rewritten"));
    }
}

#[tokio::test]
async fn a_row_rewritten_together_with_its_hash_breaks_the_next_link() {
    let (audit, _) = tampered("UPDATE audit_log SET hash = 'sha256:0' WHERE uid = 'uid-one' AND seq = 3").await;
    let problems: Vec<_> = audit.flaws.iter().map(|flaw| flaw.seq).collect();
    assert_eq!(problems, [Some(3), Some(4)]);
}

#[tokio::test]
async fn a_removed_middle_row_shows_as_gap_and_as_removed() {
    let (audit, database) = tampered("DELETE FROM audit_log WHERE uid = 'uid-one' AND seq = 3").await;
    assert_eq!((audit.gaps.len(), audit.gaps[0].seq), (1, Some(3)));
    assert_eq!(audit.flaws.len(), 1);
    assert!(
        audit.flaws[0].problem.contains("positions 3 to 3 were removed"),
        "{audit:?}"
    );
    assert!(
        database.flaws.iter().any(|flaw| flaw.problem.contains("no audit row")),
        "{database:?}"
    );
}

#[tokio::test]
async fn a_changed_or_removed_event_shows() {
    for (statement, problem) in [
        ("UPDATE events SET data = '{}' WHERE sequence = 4", "changed"),
        ("UPDATE events SET actor_name = 'eve' WHERE sequence = 4", "changed"),
        ("UPDATE events SET occurred_at = 'never' WHERE sequence = 4", "changed"),
        (
            "DELETE FROM outbox WHERE sequence = 4; DELETE FROM events WHERE sequence = 4",
            "sequences 4 to 4",
        ),
        (
            "DELETE FROM outbox WHERE sequence = 10; DELETE FROM events WHERE sequence = 10",
            "the last event has 9",
        ),
        ("DELETE FROM events WHERE sequence = 10", "names no event"),
    ] {
        let (_, database) = tampered(statement).await;
        assert!(
            database.flaws.iter().any(|flaw| flaw.problem.contains(problem)),
            "{statement}: {database:?}"
        );
    }
}

#[tokio::test]
async fn a_history_that_begins_late_has_gaps_but_no_flaws() {
    let stage = Stage::new();
    let history = stage.open().await;
    let mut object = Object::new("one").grow(20);
    history.record(object.record()).await.unwrap();
    object = object.grow(20);
    history.record(object.record()).await.unwrap();
    let verdict = history.verify_database().await.unwrap();
    assert_eq!(verdict.flaws, []);
    let gaps: Vec<_> = verdict.gaps.iter().map(|gap| gap.problem.as_str()).collect();
    assert_eq!(gaps, ["seq 1 to 4 are not here", "seq 21 to 24 are not here"]);
}

#[tokio::test]
async fn a_fork_is_no_flaw() {
    let stage = Stage::new();
    let history = stage.open().await;
    let object = Object::new("one").grow(3);
    history.record(object.record()).await.unwrap();
    let mut other = Object {
        subject: object.subject.clone(),
        entries: object.entries[..1].to_vec(),
    };
    other.append(json!({ "said": "otherwise" }));
    history.record(other.grow(2).record()).await.unwrap();
    let verdict = history.verify_database().await.unwrap();
    assert_eq!((verdict.flaws, verdict.gaps), (vec![], vec![]));
}

#[tokio::test]
async fn audit_lines_come_in_order_and_filtered() {
    let stage = Stage::new();
    let history = stage.open().await;
    for name in ["one", "two"] {
        history.record(Object::new(name).grow(5).record()).await.unwrap();
    }
    let filter = AuditFilter {
        limit: 3,
        ..AuditFilter::default()
    };
    let positions: Vec<_> = history
        .audit(&filter)
        .await
        .unwrap()
        .iter()
        .map(|line| line.position)
        .collect();
    assert_eq!(positions, [8, 9, 10]);
    let filter = AuditFilter {
        name: Some("one".into()),
        kind: Some("Run".into()),
        limit: 100,
        ..filter
    };
    let lines = history.audit(&filter).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let filter = AuditFilter {
        namespace: Some("team-b".into()),
        ..filter
    };
    assert!(history.audit(&filter).await.unwrap().is_empty());
}
