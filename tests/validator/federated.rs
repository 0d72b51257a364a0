//! What the database keeps of servers of documents, as plain values. Judges nothing.

use sqlx::{FromRow, SqliteConnection};

/// All that is kept, and what the view of all tickets makes of it.
#[derive(Clone, Debug, Default)]
pub struct Federated {
    pub sources: Vec<Source>,
    pub rows: Vec<Row>,
    pub lines: Vec<Line>,
}

/// An endpoint that said something.
#[derive(Clone, Debug, FromRow)]
pub struct Source {
    pub endpoint_uid: String,
    pub endpoint: String,
    pub kind: String,
    pub repo: String,
    pub indexed_at_ms: Option<i64>,
}

/// A ticket as an endpoint lists it.
#[derive(Clone, Debug, FromRow)]
pub struct Row {
    pub endpoint_uid: String,
    pub ticket_key: String,
    pub title: String,
    pub status: String,
    pub updated_at_ms: Option<i64>,
    pub twice: bool,
}

/// A ticket in the view of all.
#[derive(Clone, Debug, FromRow)]
pub struct Line {
    pub ticket_key: String,
    pub authority: Option<String>,
    pub endpoint: Option<String>,
    pub reason: Option<String>,
    pub copies: i64,
}

impl Federated {
    /// Reads what is kept of a namespace.
    pub async fn read(database: &mut SqliteConnection, namespace: &str) -> Self {
        Self {
            sources: of(database, "SELECT * FROM federated_sources WHERE namespace = ?1", namespace).await,
            rows: of(
                database,
                "SELECT c.* FROM federated_copies c JOIN federated_sources s USING (endpoint_uid) WHERE s.namespace = ?1",
                namespace,
            )
            .await,
            lines: of(database, "SELECT * FROM federated_tickets WHERE namespace = ?1", namespace).await,
        }
    }
}

async fn of<T>(database: &mut SqliteConnection, query: &'static str, namespace: &str) -> Vec<T>
where
    T: for<'r> FromRow<'r, sqlx::sqlite::SqliteRow> + Send + Unpin,
{
    let asked = sqlx::query_as(query).bind(namespace);
    asked.fetch_all(database).await.expect("the database answers")
}
