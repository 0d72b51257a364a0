//! The statements of what servers of documents say. Those that write run in the transaction they are given.

use std::collections::HashMap;

use serde_json::{Value, json};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _, SqliteConnection, SqlitePool};

use super::failure::words;
use crate::kernel::moment::Moment;
use crate::ports::federated::{FederatedChange, FederatedSource};
use crate::ports::journal::JournalError;
use crate::ports::read_model::{TicketCopy, TicketFilter, TicketLine};

const SOURCE: &str = "
INSERT INTO federated_sources (endpoint_uid, namespace, endpoint, kind, repo, home_url, run_uid, indexed_at_ms,
    content_hash, mirrored_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT (endpoint_uid) DO UPDATE SET
    namespace = excluded.namespace, endpoint = excluded.endpoint, kind = excluded.kind, repo = excluded.repo,
    home_url = excluded.home_url, run_uid = excluded.run_uid, indexed_at_ms = excluded.indexed_at_ms,
    content_hash = excluded.content_hash, mirrored_at = excluded.mirrored_at";

const LEFT_OUT: &str = "
DELETE FROM federated_copies
WHERE endpoint_uid = ?1 AND ticket_key NOT IN (SELECT value ->> '$.ticket_key' FROM json_each(?2))";

const COPIES: &str = "
INSERT INTO federated_copies (endpoint_uid, ticket_key, ticket, title, status, topics, updated_at_ms, twice)
SELECT ?1, value ->> '$.ticket_key', value ->> '$.ticket', value ->> '$.title', value ->> '$.status', value -> '$.topics',
       value ->> '$.updated_at_ms', value ->> '$.twice'
FROM json_each(?2) WHERE true
ON CONFLICT (endpoint_uid, ticket_key) DO UPDATE SET
    ticket = excluded.ticket, title = excluded.title, status = excluded.status, topics = excluded.topics,
    updated_at_ms = excluded.updated_at_ms, twice = excluded.twice
WHERE (ticket, title, status, topics, updated_at_ms, twice)
    IS NOT (excluded.ticket, excluded.title, excluded.status, excluded.topics, excluded.updated_at_ms, excluded.twice)";

const TICKETS: &str = "
SELECT namespace, ticket, authority, endpoint, reason, repo, title, status, stale, web_url, updated_at_ms, indexed_at_ms,
       copies, runs
FROM federated_tickets
WHERE (?1 IS NULL OR namespace = ?1) AND (?2 IS NULL OR ticket_key = ?2)
ORDER BY namespace, ticket_key LIMIT ?3";

const TICKET_COPIES: &str = "
SELECT namespace, ticket, endpoint, kind, repo, title, status, updated_at_ms, indexed_at_ms, twice, reachable, fresh
FROM federated_ticket_copies
WHERE ticket_key = ?1 AND (?2 IS NULL OR namespace = ?2)
ORDER BY namespace, kind DESC, endpoint";

impl FromRow<'_, SqliteRow> for TicketLine {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            namespace: row.try_get("namespace")?,
            ticket: row.try_get("ticket")?,
            authority: row.try_get("authority")?,
            endpoint: row.try_get("endpoint")?,
            reason: row.try_get("reason")?,
            repo: row.try_get("repo")?,
            title: row.try_get("title")?,
            status: row.try_get("status")?,
            stale: row.try_get("stale")?,
            web_url: row.try_get("web_url")?,
            updated_at_ms: row.try_get("updated_at_ms")?,
            indexed_at_ms: row.try_get("indexed_at_ms")?,
            copies: row.try_get("copies")?,
            runs: row.try_get("runs")?,
        })
    }
}

impl FromRow<'_, SqliteRow> for TicketCopy {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            namespace: row.try_get("namespace")?,
            ticket: row.try_get("ticket")?,
            endpoint: row.try_get("endpoint")?,
            kind: row.try_get("kind")?,
            repo: row.try_get("repo")?,
            title: row.try_get("title")?,
            status: row.try_get("status")?,
            updated_at_ms: row.try_get("updated_at_ms")?,
            indexed_at_ms: row.try_get("indexed_at_ms")?,
            twice: row.try_get("twice")?,
            reachable: row.try_get("reachable")?,
            fresh: row.try_get("fresh")?,
        })
    }
}

/// The hash of what is kept, by uid of the endpoint.
pub async fn kept(pool: &SqlitePool) -> Result<HashMap<String, String>, JournalError> {
    let rows: Vec<(String, String)> = sqlx::query_as("SELECT endpoint_uid, content_hash FROM federated_sources")
        .fetch_all(pool)
        .await
        .map_err(|error| words(&error))?;
    Ok(rows.into_iter().collect())
}

/// Keeps the changes.
pub async fn keep(
    connection: &mut SqliteConnection,
    changes: &[FederatedChange],
    now: Moment,
) -> Result<(), sqlx::Error> {
    for change in changes {
        match change {
            FederatedChange::Said { source, hash } => said(connection, source, hash, now).await?,
            FederatedChange::Gone { endpoint_uid } => {
                for statement in [
                    "DELETE FROM federated_copies WHERE endpoint_uid = ?1",
                    "DELETE FROM federated_sources WHERE endpoint_uid = ?1",
                ] {
                    sqlx::query(statement)
                        .bind(endpoint_uid)
                        .execute(&mut *connection)
                        .await?;
                }
            }
        }
    }
    Ok(())
}

async fn said(
    connection: &mut SqliteConnection,
    source: &FederatedSource,
    hash: &str,
    now: Moment,
) -> Result<(), sqlx::Error> {
    sqlx::query(SOURCE)
        .bind(&source.endpoint_uid)
        .bind(&source.namespace)
        .bind(&source.endpoint)
        .bind(source.kind)
        .bind(&source.repo)
        .bind(&source.home_url)
        .bind(&source.run_uid)
        .bind(source.indexed_at_ms)
        .bind(hash)
        .bind(now.to_string())
        .execute(&mut *connection)
        .await?;
    let rows = |row: &crate::ports::federated::FederatedRow| -> Value {
        let mut row = json!(row);
        // SQLite has no booleans: JSON's would come out as text.
        row["twice"] = json!(i64::from(row["twice"] == true));
        row
    };
    let rows = Value::from(source.rows.iter().map(rows).collect::<Vec<_>>()).to_string();
    for statement in [LEFT_OUT, COPIES] {
        sqlx::query(statement)
            .bind(&source.endpoint_uid)
            .bind(&rows)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Tickets, each once.
pub async fn tickets(pool: &SqlitePool, filter: &TicketFilter) -> Result<Vec<TicketLine>, JournalError> {
    sqlx::query_as(TICKETS)
        .bind(&filter.namespace)
        .bind(filter.ticket.as_ref().map(|t| t.to_ascii_lowercase()))
        .bind(filter.limit)
        .fetch_all(pool)
        .await
        .map_err(|error| words(&error))
}

/// Every copy of a ticket.
pub async fn copies(pool: &SqlitePool, namespace: Option<&str>, ticket: &str) -> Result<Vec<TicketCopy>, JournalError> {
    sqlx::query_as(TICKET_COPIES)
        .bind(ticket.to_ascii_lowercase())
        .bind(namespace)
        .fetch_all(pool)
        .await
        .map_err(|error| words(&error))
}
