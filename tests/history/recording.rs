//! Recording: once and only once, gapless, also in a crowd and beside bad records.

use std::os::unix::fs::PermissionsExt;

use futures::future::join_all;
use metawsm::adapters::sqlite::History;
use metawsm::ports::journal::{Journal, Recorded};
use metawsm::ports::outbox::Outbox;
use serde_json::json;

use super::stage::{Object, Stage};

async fn count(stage: &Stage, table: &'static str) -> i64 {
    let query = match table {
        "audit_log" => "SELECT count(*) FROM audit_log",
        "events" => "SELECT count(*) FROM events",
        _ => "SELECT count(*) FROM outbox",
    };
    sqlx::query_scalar(query)
        .fetch_one(&mut stage.raw().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn recording_again_changes_nothing() {
    let stage = Stage::new();
    let history = stage.open().await;
    let object = Object::new("one").grow(3);
    assert_eq!(
        history.record(object.record()).await.unwrap(),
        Recorded {
            fresh: 3,
            forked: vec![]
        }
    );
    let object = object.grow(1);
    assert_eq!(
        history.record(object.record()).await.unwrap(),
        Recorded {
            fresh: 1,
            forked: vec![]
        }
    );
    assert_eq!(history.record(object.record()).await.unwrap(), Recorded::default());
    for table in ["audit_log", "events", "outbox"] {
        assert_eq!(count(&stage, table).await, 4, "{table}");
    }
}

#[tokio::test]
async fn what_waits_to_be_sent_says_in_every_field_what_was_recorded() {
    let stage = Stage::new();
    let history = stage.open().await;
    let odd = |field: &str| format!("{field} \"quoted\" \\ \n\t\u{1}\u{7f} ü 🦀 \u{2028}");
    let mut full = Object::new("full").grow(1).record();
    let event = &mut full.events[0];
    event.thread_id = Some(odd("thread"));
    event.run_id = Some(odd("run"));
    event.ticket = Some(odd("ticket"));
    event.agent_name = Some(odd("agent"));
    event.actor_type = odd("type");
    event.actor_name = odd("name");
    event.actor_attested = true;
    event.correlation_id = odd("correlation");
    event.causation_id = Some(odd("causation"));
    event.subject = odd("subject");
    event.event_version = i32::MAX;
    event.data = json!({
        odd("key"): [odd("value"), "\u{0}", null, true, 0.1, 1e300, u64::MAX, i64::MIN, {}, []],
        "text": "[1, {\"a\": \"\\u0000\"}]",
    });
    let mut bare = Object::new("bare").grow(1).record();
    bare.events[0].run_id = None;
    bare.events[0].actor_attested = false;
    for record in [&full, &bare] {
        history.record(record.clone()).await.unwrap();
    }
    let rows = history.pending(None, 10).await.unwrap();
    let sent: Vec<_> = rows.iter().map(|row| &row.envelope.event).collect();
    assert_eq!(sent, [&full.events[0], &bare.events[0]]);
    let log = history.log_state().await.unwrap();
    let numbers: Vec<_> = rows
        .iter()
        .map(|row| (row.position.epoch_ms, row.position.sequence, row.envelope.log_id))
        .collect();
    assert_eq!(numbers, [1, 2].map(|n| (log.identity.epoch_ms, n, log.identity.log_id)));
    assert_eq!(history.pending(Some(rows[0].position), 1).await.unwrap(), rows[1..]);
    assert_eq!(history.pending(Some(rows[1].position), 1).await.unwrap(), []);
}

#[tokio::test]
async fn a_thousand_records_at_once_are_numbered_without_gaps() {
    let stage = Stage::new();
    let history = stage.open().await;
    let objects: Vec<_> = (0..1000).map(|i| Object::new(&format!("o-{i}")).grow(2)).collect();
    let twice = objects
        .iter()
        .chain(&objects)
        .map(|object| history.record(object.record()));
    let fresh: usize = join_all(twice)
        .await
        .into_iter()
        .map(|recorded| recorded.unwrap().fresh)
        .sum();
    assert_eq!(fresh, 2000);
    let (count, first, last): (i64, i64, i64) =
        sqlx::query_as("SELECT count(*), min(sequence), max(sequence) FROM events")
            .fetch_one(&mut stage.raw().await)
            .await
            .unwrap();
    assert_eq!((count, first, last), (2000, 1, 2000));
    let log = history.log_state().await.unwrap();
    assert_eq!((log.last_sequence, log.unsent), (2000, 2000));
    let rows = history.pending(None, 5000).await.unwrap();
    assert!(
        rows.iter()
            .zip(1..)
            .all(|(row, i)| row.position.sequence == i && row.envelope.sequence == i)
    );
}

#[tokio::test]
async fn a_fork_keeps_both_rows_and_publishes_one() {
    let stage = Stage::new();
    let history = stage.open().await;
    let object = Object::new("one").grow(2);
    history.record(object.record()).await.unwrap();
    let mut other = Object {
        subject: object.subject.clone(),
        entries: object.entries[..1].to_vec(),
    };
    other.append(json!({ "said": "otherwise" }));
    let forked = Recorded {
        fresh: 1,
        forked: vec![2],
    };
    assert_eq!(history.record(other.record()).await.unwrap(), forked);
    let again = history.record(other.record()).await.unwrap();
    assert_eq!(
        again,
        Recorded {
            fresh: 0,
            forked: vec![2]
        },
        "a fork is reported as long as it is there"
    );
    assert_eq!(
        (count(&stage, "audit_log").await, count(&stage, "events").await),
        (3, 2)
    );
}

#[tokio::test]
async fn a_bad_record_fails_alone() {
    let stage = Stage::new();
    let history = stage.open().await;
    let mut bad = Object::new("bad").grow(1);
    bad.entries[0].seq = 0;
    let mut stray = Object::new("stray").grow(1).record();
    stray.entries.clear();
    let good = (0..20).map(|i| Object::new(&format!("good-{i}")).grow(1).record());
    let records: Vec<_> = good.chain([bad.record(), stray]).collect();
    let results = join_all(records.into_iter().map(|record| history.record(record))).await;
    assert!(results[..20].iter().all(Result::is_ok));
    let why = results[20].as_ref().unwrap_err().to_string();
    assert!(why.contains("CHECK"), "{why}");
    let why = results[21].as_ref().unwrap_err().to_string();
    assert!(why.contains("has no journal entry"), "{why}");
    assert_eq!(history.log_state().await.unwrap().last_sequence, 20);
}

#[tokio::test]
async fn what_was_recorded_is_there_after_opening_again() {
    let stage = Stage::new();
    let history = stage.open().await;
    history.record(Object::new("one").grow(2).record()).await.unwrap();
    let log = history.log_state().await.unwrap();
    history.close().await.unwrap();
    assert!(
        history.record(Object::new("two").grow(1).record()).await.is_err(),
        "closed is closed"
    );
    assert_eq!(stage.open().await.log_state().await.unwrap(), log);
}

#[tokio::test]
async fn folder_and_file_are_for_the_owner_only() {
    let stage = Stage::new();
    let _history = stage.open().await;
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&stage.path()), 0o600);
    assert_eq!(mode(stage.path().parent().unwrap()), 0o700);
    assert_eq!(mode(&stage.path().with_extension("db-wal")), 0o600);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let stage = Stage::new();
    stage.open().await.close().await.unwrap();
    sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99, '', 1, x'00', 0)")
        .execute(&mut stage.raw().await)
        .await
        .unwrap();
    let why = History::open(&stage.path(), stage.clock.clone())
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(why.contains("a newer metawsm wrote it (schema version 99"), "{why}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let stage = Stage::new();
    std::fs::create_dir_all(stage.path().parent().unwrap()).unwrap();
    std::fs::write(
        stage.path(),
        "not a database, but long enough to be read as a header of one, surely so it is",
    )
    .unwrap();
    let why = History::open(&stage.path(), stage.clock.clone())
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        why.contains("history.db") && why.contains("not a SQLite database"),
        "{why}"
    );
}
