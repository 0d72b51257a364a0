//! Reads what is to be folded: recorded events after the cursor, and the threads they are about. May not write.

use async_trait::async_trait;
use serde_json::Value;
use sqlx::{AssertSqlSafe, FromRow, SqliteConnection, SqlitePool};

use super::History;
use super::change::Change;
use super::event_row::EventRow;
use super::failure::words;
use super::projection_rows::{THREAD_COLUMNS, as_object, parsed};
use crate::kernel::moment::Moment;
use crate::ports::journal::JournalError;
use crate::ports::projection::{Batch, EventAt, Folded, FoldedAway, Lag, Projections, ThreadRow};

const CURSOR: &str = "SELECT position FROM projection_cursors WHERE name = 'forum'";

const AFTER: &str = "
SELECT l.epoch_ms, e.* FROM events e JOIN log l ON l.log_id = e.log_id
WHERE e.position > ?1 AND e.position <= ?2 AND e.event_type GLOB 'forum.*' ORDER BY e.position";

/// The place where a batch ends: so many events further, or the last one.
const END: &str = "
SELECT max(position) FROM (SELECT position FROM events WHERE position > ?1 ORDER BY position LIMIT ?2)";

/// Positions have no gaps after the cursor, for only what is folded is ever folded away: so nothing is counted, which after
/// each batch would take as long as all that is left. A rebuild begins before such gaps, and is told as further behind.
const BEHIND: &str = "
SELECT max(0, coalesce(max(position), 0) - ?1),
       (SELECT recorded_at FROM events WHERE position > ?1 ORDER BY position LIMIT 1)
FROM events";

#[derive(FromRow)]
struct PlacedEvent {
    position: i64,
    #[sqlx(flatten)]
    row: EventRow,
}

#[async_trait]
impl Projections for History {
    async fn batch(&self, limit: u32) -> Result<Batch, JournalError> {
        batch(&self.readers.pool, limit).await.map_err(|error| words(&error))
    }

    async fn fold_in(&self, folded: Folded) -> Result<bool, JournalError> {
        self.change(|answer| Change::FoldIn(Box::new(folded), answer)).await
    }

    async fn lag(&self) -> Result<Lag, JournalError> {
        lag(&self.readers.pool).await.map_err(|error| words(&error))
    }

    async fn reset(&self) -> Result<(), JournalError> {
        self.change(Change::Reset).await
    }

    async fn fold_away(&self, before: Moment, limit: u32) -> Result<FoldedAway, JournalError> {
        self.change(|answer| Change::FoldAway(before, limit, answer)).await
    }

    async fn recorded(&self) {
        self.recorded.notified().await;
    }
}

async fn batch(pool: &SqlitePool, limit: u32) -> Result<Batch, sqlx::Error> {
    let mut snapshot = pool.begin().await?;
    let after: i64 = sqlx::query_scalar(CURSOR).fetch_one(&mut *snapshot).await?;
    let end: Option<i64> = sqlx::query_scalar(END)
        .bind(after)
        .bind(limit)
        .fetch_one(&mut *snapshot)
        .await?;
    let mut batch = Batch {
        after,
        last: end.unwrap_or(after),
        ..Batch::default()
    };
    let rows: Vec<PlacedEvent> = sqlx::query_as(AFTER)
        .bind(after)
        .bind(batch.last)
        .fetch_all(&mut *snapshot)
        .await?;
    for PlacedEvent { position, row } in rows {
        match row.into_envelope() {
            Ok(envelope) => batch.events.push(EventAt { position, envelope }),
            Err(_) => batch.unreadable.push(position),
        }
    }
    batch.threads = threads(&mut snapshot, &batch.events).await?;
    Ok(batch)
}

async fn threads(connection: &mut SqliteConnection, events: &[EventAt]) -> Result<Vec<ThreadRow>, sqlx::Error> {
    let mut uids: Vec<_> = events.iter().map(|e| e.envelope.event.subject_uid.as_str()).collect();
    uids.sort_unstable();
    uids.dedup();
    let statement = format!(
        "SELECT {} FROM forum_threads WHERE uid IN (SELECT value FROM json_each(?1))",
        as_object(&THREAD_COLUMNS)
    );
    let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(statement))
        .bind(Value::from(uids).to_string())
        .fetch_all(connection)
        .await?;
    parsed(&rows)
}

async fn lag(pool: &SqlitePool) -> Result<Lag, sqlx::Error> {
    let mut snapshot = pool.begin().await?;
    let after: i64 = sqlx::query_scalar(CURSOR).fetch_one(&mut *snapshot).await?;
    let (events, oldest): (i64, Option<String>) = sqlx::query_as(BEHIND).bind(after).fetch_one(&mut *snapshot).await?;
    Ok(Lag {
        events,
        oldest: oldest.and_then(|at| at.parse().ok()),
    })
}
