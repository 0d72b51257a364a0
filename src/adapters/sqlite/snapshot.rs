//! Snapshots of threads: taken before events are folded away, and where a rebuild begins. Runs in the transaction it is
//! given.

use serde::de::DeserializeOwned;
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::projection_rows::{FACT_TABLES, FactTable, THREAD_COLUMNS, as_object, parsed, write};
use crate::kernel::moment::Moment;
use crate::ports::projection::ForumRows;

/// How many snapshots are taken back at once: with bodies of the largest size, a few megabytes.
const AT_ONCE: i64 = 256;

/// Keeps the thread's rows as they are now.
///
/// # Errors
/// Whatever the database says.
pub async fn take(connection: &mut SqliteConnection, uid: &str, now: Moment) -> Result<bool, sqlx::Error> {
    let rows = ForumRows {
        threads: rows_of(connection, "forum_threads", "uid", &THREAD_COLUMNS, uid).await?,
        posts: facts_of(connection, &FACT_TABLES[0], uid).await?,
        states: facts_of(connection, &FACT_TABLES[1], uid).await?,
        assignments: facts_of(connection, &FACT_TABLES[2], uid).await?,
        priorities: facts_of(connection, &FACT_TABLES[3], uid).await?,
        escalations: facts_of(connection, &FACT_TABLES[4], uid).await?,
    };
    let Some(position) = rows.threads.first().map(|thread| thread.changed) else {
        return Ok(false);
    };
    let rows = serde_json::to_string(&rows).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    sqlx::query(
        "INSERT OR REPLACE INTO projection_snapshots (thread_uid, position, rows, taken_at) VALUES (?1, ?2, ?3, ?4)",
    )
    .bind(uid)
    .bind(position)
    .bind(rows)
    .bind(now.to_string())
    .execute(connection)
    .await?;
    Ok(true)
}

async fn facts_of<T: DeserializeOwned>(
    connection: &mut SqliteConnection,
    table: &FactTable,
    uid: &str,
) -> Result<Vec<T>, sqlx::Error> {
    rows_of(connection, table.name, "thread_uid", table.columns, uid).await
}

async fn rows_of<T: DeserializeOwned>(
    connection: &mut SqliteConnection,
    table: &str,
    key: &str,
    columns: &[&str],
    uid: &str,
) -> Result<Vec<T>, sqlx::Error> {
    let statement = format!("SELECT {} FROM {table} WHERE {key} = ?1", as_object(columns));
    let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(statement))
        .bind(uid)
        .fetch_all(connection)
        .await?;
    parsed(&rows)
}

/// Clears what was folded and takes every snapshot back.
///
/// # Errors
/// Whatever the database says, or a snapshot cannot be read.
pub async fn reset(connection: &mut SqliteConnection, now: Moment) -> Result<(), sqlx::Error> {
    let facts = FACT_TABLES.iter().map(|table| table.name);
    for table in facts.chain(["forum_threads"]) {
        sqlx::query(AssertSqlSafe(format!("DELETE FROM {table}")))
            .execute(&mut *connection)
            .await?;
    }
    let mut after = String::new();
    loop {
        let snapshots: Vec<(String, String)> = sqlx::query_as(
            "SELECT thread_uid, rows FROM projection_snapshots WHERE thread_uid > ?1 ORDER BY thread_uid LIMIT ?2",
        )
        .bind(&after)
        .bind(AT_ONCE)
        .fetch_all(&mut *connection)
        .await?;
        let Some((last, _)) = snapshots.last() else { break };
        after.clone_from(last);
        for (_, rows) in &snapshots {
            let rows: ForumRows = serde_json::from_str(rows).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            write(&mut *connection, &rows).await?;
        }
    }
    sqlx::query("UPDATE projection_cursors SET position = 0, moved_at = ?1 WHERE name = 'forum'")
        .bind(now.to_string())
        .execute(connection)
        .await
        .map(drop)
}
