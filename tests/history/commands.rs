//! The commands, run as a user runs them.

use std::path::Path;
use std::process::{Command, Output};

use metawsm::ports::journal::Journal;
use serde_json::Value;

use super::stage::{Object, Stage};

pub fn metawsm(database: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_metawsm"))
        .args(arguments)
        .env("METAWSM_DB", database)
        .output()
        .unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn the_audit_log_is_listed_beside_a_running_controller() {
    let stage = Stage::new();
    let history = stage.open().await;
    history.record(Object::new("one").grow(3).record()).await.unwrap();
    let output = metawsm(
        &stage.path(),
        &["audit", "list", "-n", "team-a", "--kind", "Run", "--limit", "2"],
    );
    let table = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(
        table.contains("Run/team-a/one") && table.contains("step=3") && !table.contains('\u{1b}'),
        "{table}"
    );
    let output = metawsm(&stage.path(), &["audit", "list", "-o", "json"]);
    let lines: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(lines[2]["facts"]["step"], 3);
}

#[tokio::test]
async fn verification_ends_with_0_or_1_also_when_no_controller_runs() {
    let stage = Stage::new();
    let history = stage.open().await;
    history.record(Object::new("one").grow(3).record()).await.unwrap();
    history.close().await.unwrap();
    assert!(
        !stage.path().with_extension("db-wal").exists(),
        "a closed database is one file"
    );
    for arguments in [["audit", "verify"], ["db", "verify"]] {
        let output = metawsm(&stage.path(), &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(text(&output.stdout).starts_with("sound: "), "{}", text(&output.stdout));
    }
    sqlx::query("UPDATE audit_log SET actor_name = 'eve' WHERE seq = 2")
        .execute(&mut stage.raw().await)
        .await
        .unwrap();
    let output = metawsm(&stage.path(), &["audit", "verify"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).contains("NOT SOUND: 3 rows checked, 1 flaws"),
        "{}",
        text(&output.stdout)
    );
    let output = metawsm(&stage.path(), &["db", "verify", "-o", "json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["flaws"][0]["seq"],
        2
    );
}

#[test]
fn a_missing_database_is_named_and_not_made() {
    let stage = Stage::new();
    let output = metawsm(&stage.path(), &["audit", "list"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("there is no database at"),
        "{}",
        text(&output.stderr)
    );
    assert!(!stage.path().exists() && !stage.path().parent().unwrap().exists());
}

#[test]
fn wrong_usage_ends_with_2() {
    let output = metawsm(Path::new("x.db"), &["audit", "frobnicate"]);
    assert_eq!(output.status.code(), Some(2));
}
