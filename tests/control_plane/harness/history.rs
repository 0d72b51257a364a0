//! The history as people read it: the audit log by the CLI, the mirror by its views.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Row as _};

use super::polling::PATIENCE;

/// What `metawsm audit list -o json` prints about one object, oldest first.
pub async fn audit_of(database: &Path, kind: &str, name: &str) -> Vec<Value> {
    let line = [
        "audit", "list", "-o", "json", "--limit", "1000", "--kind", kind, "--name", name,
    ];
    let said = metawsm(database, &line).await;
    serde_json::from_str(&said).unwrap()
}

/// Fails unless `metawsm db verify` finds the whole database sound.
pub async fn verify(database: &Path) {
    metawsm(database, &["db", "verify"]).await;
    metawsm(database, &["audit", "verify"]).await;
}

/// What a command says about the database.
pub async fn metawsm(database: &Path, line: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_metawsm"));
    command.args(line).env("METAWSM_DB", database);
    let done = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(
        done.status.success(),
        "metawsm {line:?}: {said}{}",
        String::from_utf8_lossy(&done.stderr)
    );
    said
}

/// One text column of a query over the views, in its order.
pub async fn column(database: &Path, query: &str) -> Vec<String> {
    let options = SqliteConnectOptions::new().filename(database).read_only(true);
    // A controller that begins or ends holds it for a moment.
    let options = options.busy_timeout(PATIENCE);
    let mut connection = options.connect().await.expect("the database can be read");
    let rows = sqlx::query(sqlx::AssertSqlSafe(query.to_owned()))
        .fetch_all(&mut connection)
        .await
        .unwrap();
    rows.iter().map(|r| r.get::<String, _>(0)).collect()
}
