//! Writes folded rows in the transaction it is given. Which columns a row has stands here alone. May not read events.

use serde::Serialize;
use sqlx::{AssertSqlSafe, SqliteConnection};

use crate::kernel::moment::Moment;
use crate::ports::projection::{Folded, ForumRows};

/// The columns of `forum_threads` that are folded.
pub const THREAD_COLUMNS: [&str; 40] = [
    "id",
    "uid",
    "namespace",
    "name",
    "ticket",
    "run_id",
    "agent_name",
    "title",
    "choices",
    "continued_from",
    "docs_sync",
    "first_seq",
    "opened_at",
    "opened_ms",
    "opened_by_type",
    "opened_by",
    "state",
    "state_since",
    "state_seq",
    "waiting_on",
    "priority",
    "priority_seq",
    "assignee_type",
    "assignee",
    "assigned_seq",
    "last_post_seq",
    "last_post_at",
    "last_post_kind",
    "last_post_by",
    "escalated_seq",
    "escalated_at",
    "escalated_level",
    "closed_at",
    "closed_by",
    "deleted_at",
    "deleted_by",
    "deleted_inferred",
    "last_seq",
    "changed_at",
    "changed",
];

/// A table whose rows are facts: written once, never changed.
pub struct FactTable {
    pub name: &'static str,
    pub columns: &'static [&'static str],
}

/// Every such table: posts, states, assignments, priorities, escalations.
pub const FACT_TABLES: [FactTable; 5] = [
    FactTable {
        name: "forum_posts",
        columns: &[
            "id",
            "thread_uid",
            "seq",
            "post_id",
            "kind",
            "author_type",
            "author",
            "attested",
            "via",
            "body",
            "in_reply_to",
            "choice",
            "at",
        ],
    },
    FactTable {
        name: "forum_state_transitions",
        columns: &[
            "thread_uid",
            "seq",
            "from_state",
            "to_state",
            "since",
            "num",
            "actor_type",
            "actor",
            "attested",
            "cause",
            "at",
        ],
    },
    FactTable {
        name: "forum_assignments",
        columns: &[
            "thread_uid",
            "seq",
            "from_type",
            "from_name",
            "to_type",
            "to_name",
            "num",
            "actor_type",
            "actor",
            "attested",
            "cause",
            "at",
        ],
    },
    FactTable {
        name: "forum_priorities",
        columns: &[
            "thread_uid",
            "seq",
            "from_priority",
            "to_priority",
            "num",
            "actor_type",
            "actor",
            "attested",
            "cause",
            "at",
        ],
    },
    FactTable {
        name: "forum_escalations",
        columns: &[
            "thread_uid",
            "seq",
            "event_id",
            "state",
            "state_since",
            "level",
            "deadline",
            "late",
            "late_by_seconds",
            "at",
        ],
    },
];

/// Writes the rows and moves the cursor; `false` where it stood elsewhere.
///
/// # Errors
/// Whatever the database says.
pub async fn fold_in(connection: &mut SqliteConnection, folded: &Folded, now: Moment) -> Result<bool, sqlx::Error> {
    let moved = sqlx::query(
        "UPDATE projection_cursors SET position = ?2, moved_at = ?3 WHERE name = 'forum' AND position = ?1",
    )
    .bind(folded.after)
    .bind(folded.last)
    .bind(now.to_string())
    .execute(&mut *connection)
    .await?
    .rows_affected()
        == 1;
    if moved {
        write(connection, &folded.rows).await?;
    }
    Ok(moved)
}

/// Writes the rows, facts first: what is counted of a thread is counted from them.
///
/// # Errors
/// Whatever the database says.
pub async fn write(connection: &mut SqliteConnection, rows: &ForumRows) -> Result<(), sqlx::Error> {
    insert(connection, &FACT_TABLES[0], &rows.posts).await?;
    insert(connection, &FACT_TABLES[1], &rows.states).await?;
    insert(connection, &FACT_TABLES[2], &rows.assignments).await?;
    insert(connection, &FACT_TABLES[3], &rows.priorities).await?;
    insert(connection, &FACT_TABLES[4], &rows.escalations).await?;
    if rows.threads.is_empty() {
        return Ok(());
    }
    sqlx::query(AssertSqlSafe(upsert_threads()))
        .bind(text(&rows.threads)?)
        .execute(connection)
        .await
        .map(drop)
}

async fn insert<T: Serialize>(
    connection: &mut SqliteConnection,
    table: &FactTable,
    rows: &[T],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let statement = format!(
        "INSERT INTO {} ({}) SELECT {} FROM json_each(?1) WHERE true ON CONFLICT (thread_uid, seq) DO NOTHING",
        table.name,
        table.columns.join(", "),
        values(table.columns),
    );
    sqlx::query(AssertSqlSafe(statement))
        .bind(text(rows)?)
        .execute(connection)
        .await
        .map(drop)
}

fn upsert_threads() -> String {
    let replaced: Vec<_> = THREAD_COLUMNS
        .iter()
        .chain(&["post_count", "escalation_count"])
        .filter(|column| !matches!(**column, "id" | "uid"))
        .map(|column| format!("{column} = excluded.{column}"))
        .collect();
    format!(
        "INSERT INTO forum_threads ({}, post_count, escalation_count)
         SELECT {}, (SELECT count(*) FROM forum_posts p WHERE p.thread_uid = value ->> 'uid'),
                (SELECT count(*) FROM forum_escalations x WHERE x.thread_uid = value ->> 'uid')
         FROM json_each(?1) WHERE true ON CONFLICT (uid) DO UPDATE SET {}",
        THREAD_COLUMNS.join(", "),
        values(&THREAD_COLUMNS),
        replaced.join(", "),
    )
}

fn values(columns: &[&str]) -> String {
    let each: Vec<_> = columns.iter().map(|column| format!("value ->> '{column}'")).collect();
    each.join(", ")
}

fn text(rows: &(impl Serialize + ?Sized)) -> Result<String, sqlx::Error> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

/// An SQL expression for a row as JSON.
pub fn as_object(columns: &[&str]) -> String {
    let pairs: Vec<_> = columns.iter().map(|column| format!("'{column}', {column}")).collect();
    format!("json_object({})", pairs.join(", "))
}

/// Rows that were selected as JSON.
///
/// # Errors
/// One is not of that form.
pub fn parsed<T: serde::de::DeserializeOwned>(rows: &[String]) -> Result<Vec<T>, sqlx::Error> {
    let parse = |row: &String| serde_json::from_str(row).map_err(|error| sqlx::Error::Decode(Box::new(error)));
    rows.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::projection::ThreadRow;
    use serde_json::Value;

    #[test]
    fn every_field_of_a_thread_has_its_column() {
        let mut columns = THREAD_COLUMNS.map(str::to_owned).to_vec();
        let Value::Object(row) = serde_json::to_value(ThreadRow::default()).unwrap() else {
            panic!("a row is an object")
        };
        let mut fields: Vec<_> = row.keys().cloned().collect();
        columns.sort();
        fields.sort();
        assert_eq!(columns, fields);
    }
}
