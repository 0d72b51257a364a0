//! What the database folded from events, as rows, and what it would fold anew. Judges nothing.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection};

/// What is folded from events, each table with its order.
const FOLDED: [(&str, &str); 6] = [
    ("forum_threads", "uid"),
    ("forum_posts", "thread_uid, seq"),
    ("forum_state_transitions", "thread_uid, seq"),
    ("forum_assignments", "thread_uid, seq"),
    ("forum_priorities", "thread_uid, seq"),
    ("forum_escalations", "thread_uid, seq"),
];

/// The rows as they are, and as a rebuild in a copy of the database folds them.
pub async fn folded_and_rebuilt(database: &mut SqliteConnection) -> (Vec<String>, Vec<String>) {
    let place = tempfile::tempdir().unwrap();
    let copy = place.path().join("copy.db");
    let into = format!("VACUUM INTO '{}'", copy.display());
    sqlx::raw_sql(AssertSqlSafe(into))
        .execute(&mut *database)
        .await
        .unwrap();
    let mut as_it_was = connect(&copy).await;
    let folded = folded_rows(&mut as_it_was).await;
    as_it_was.close().await.unwrap();
    metawsm::app::rebuild(&copy).await.expect("the copy can be rebuilt");
    (folded, folded_rows(&mut connect(&copy).await).await)
}

async fn connect(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path);
    options.connect().await.expect("the copy can be opened")
}

async fn folded_rows(database: &mut SqliteConnection) -> Vec<String> {
    let mut rows = Vec::new();
    for (table, order) in FOLDED {
        let columns: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT '''' || name || ''', ' || name FROM pragma_table_info('{table}')"
        )))
        .fetch_all(&mut *database)
        .await
        .unwrap();
        let columns = columns.join(", ");
        let query = format!("SELECT json_object('table', '{table}', {columns}) FROM {table} ORDER BY {order}");
        let found: Vec<String> = sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_all(&mut *database)
            .await
            .unwrap();
        rows.extend(found);
    }
    rows
}
