//! The statements of logs and outbox. Those that write run in the transaction they are given.

use sqlx::{FromRow, SqliteConnection, SqlitePool};
use uuid::Uuid;

use super::event_row::EventRow;
use crate::kernel::moment::Moment;
use crate::ports::outbox::{LogIdentity, LogState, StreamPosition};

/// The log that new events are numbered in.
#[derive(FromRow)]
pub struct CurrentLog {
    pub log_id: String,
    pub epoch_ms: i64,
    pub last_sequence: i64,
}

const CURRENT: &str =
    "SELECT log_id, epoch_ms, last_sequence FROM log WHERE origin = 'live' ORDER BY epoch_ms DESC LIMIT 1";

/// The newest event of each log before a position, newest log first.
const LAST_BEFORE: &str = "
SELECT l.epoch_ms, (SELECT max(e.sequence) FROM events e WHERE e.log_id = l.log_id
                    AND e.sequence < iif(l.epoch_ms < ?1, 9223372036854775807, ?2)) AS sequence
FROM log l WHERE l.epoch_ms <= ?1 ORDER BY l.epoch_ms DESC";

const RENUMBER_EVENTS: &str = "
UPDATE events SET log_id = ?1, sequence = numbered.sequence
FROM (SELECT position, row_number() OVER (ORDER BY epoch_ms, sequence) AS sequence FROM outbox) AS numbered
WHERE events.position = numbered.position";

const RENUMBER_OUTBOX: &str = "
UPDATE outbox SET epoch_ms = ?1, sequence = (SELECT e.sequence FROM events e WHERE e.position = outbox.position)";

const RECOUNT: &str = "
UPDATE log SET last_sequence = coalesce((SELECT max(sequence) FROM events e WHERE e.log_id = log.log_id), 0)";

/// A whole batch in one value, each event in the order of [`EventRow`]'s fields: sqlx hands rows over one by one from the
/// database's thread, and waking the other side for each took several times as long as reading it.
const PENDING: &str = "
SELECT json_group_array(json_array(
    epoch_ms, log_id, sequence, event_id, event_type, event_version, occurred_at, thread_id, run_id, ticket,
    agent_name, actor_type, actor_name, json(iif(actor_attested, 'true', 'false')), correlation_id, causation_id,
    subject, subject_uid, subject_seq, data, recorded_at) ORDER BY epoch_ms, sequence)
FROM (SELECT o.epoch_ms, e.* FROM outbox o JOIN events e ON e.position = o.position
      WHERE (o.epoch_ms, o.sequence) > (?1, ?2) ORDER BY o.epoch_ms, o.sequence LIMIT ?3)";

/// Before every position that there is.
const BEFORE_ALL: StreamPosition = StreamPosition {
    epoch_ms: i64::MIN,
    sequence: 0,
};

const REWIND: &str = "
INSERT OR IGNORE INTO outbox (epoch_ms, sequence, position)
SELECT l.epoch_ms, e.sequence, e.position FROM events e JOIN log l ON l.log_id = e.log_id
WHERE (l.epoch_ms, e.sequence) > (?1, ?2)";

/// The current log of an opened database.
///
/// # Errors
/// Whatever the database says.
pub async fn current_log(connection: &mut SqliteConnection) -> Result<CurrentLog, sqlx::Error> {
    sqlx::query_as(CURRENT).fetch_one(connection).await
}

/// Begins the first log of a new database.
///
/// # Errors
/// Whatever the database says.
pub async fn begin_first_log(pool: &SqlitePool, now: Moment) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    let logs: i64 = sqlx::query_scalar("SELECT count(*) FROM log WHERE origin = 'live'")
        .fetch_one(&mut *transaction)
        .await?;
    if logs == 0 {
        begin_log(&mut transaction, 0, now).await?;
    }
    transaction.commit().await
}

/// Begins a log after `after_ms` and after every known one; what is unsent moves into it.
///
/// # Errors
/// Whatever the database says.
pub async fn begin_log(
    connection: &mut SqliteConnection,
    after_ms: i64,
    now: Moment,
) -> Result<LogIdentity, sqlx::Error> {
    let known: Option<i64> = sqlx::query_scalar("SELECT max(epoch_ms) FROM log")
        .fetch_one(&mut *connection)
        .await?;
    let after = after_ms.max(known.unwrap_or(0));
    let identity = LogIdentity {
        log_id: Uuid::new_v4(),
        epoch_ms: now.as_millis().max(after.saturating_add(1)),
    };
    sqlx::query("INSERT INTO log (log_id, epoch_ms, begun_at, origin) VALUES (?1, ?2, ?3, 'live')")
        .bind(identity.log_id.to_string())
        .bind(identity.epoch_ms)
        .bind(now.to_string())
        .execute(&mut *connection)
        .await?;
    sqlx::query(RENUMBER_EVENTS)
        .bind(identity.log_id.to_string())
        .execute(&mut *connection)
        .await?;
    sqlx::query(RENUMBER_OUTBOX)
        .bind(identity.epoch_ms)
        .execute(&mut *connection)
        .await?;
    sqlx::query(RECOUNT).execute(&mut *connection).await?;
    Ok(identity)
}

/// Takes everything up to `last` out of the outbox.
///
/// # Errors
/// Whatever the database says.
pub async fn mark_sent(connection: &mut SqliteConnection, last: StreamPosition) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM outbox WHERE (epoch_ms, sequence) <= (?1, ?2)")
        .bind(last.epoch_ms)
        .bind(last.sequence)
        .execute(connection)
        .await
        .map(drop)
}

/// Puts every event after `after` back into the outbox; how many are unsent now.
///
/// # Errors
/// Whatever the database says.
pub async fn rewind(connection: &mut SqliteConnection, after: Option<StreamPosition>) -> Result<i64, sqlx::Error> {
    let after = after.unwrap_or(BEFORE_ALL);
    sqlx::query(REWIND)
        .bind(after.epoch_ms)
        .bind(after.sequence)
        .execute(&mut *connection)
        .await?;
    sqlx::query_scalar("SELECT count(*) FROM outbox")
        .fetch_one(connection)
        .await
}

/// The oldest unsent events after `after`.
///
/// # Errors
/// Whatever the database says.
pub async fn pending(
    pool: &SqlitePool,
    after: Option<StreamPosition>,
    limit: u32,
) -> Result<Vec<EventRow>, sqlx::Error> {
    let after = after.unwrap_or(BEFORE_ALL);
    let batch: String = sqlx::query_scalar(PENDING)
        .bind(after.epoch_ms)
        .bind(after.sequence)
        .bind(limit)
        .fetch_one(pool)
        .await?;
    serde_json::from_str(&batch).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// How far the current log has come, seen at one moment.
///
/// # Errors
/// Whatever the database says.
pub async fn state(pool: &SqlitePool) -> Result<LogState, sqlx::Error> {
    let mut snapshot = pool.begin().await?;
    let log: CurrentLog = current_log(&mut snapshot).await?;
    let unsent: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox")
        .fetch_one(&mut *snapshot)
        .await?;
    let oldest: Option<(i64, i64, String)> = sqlx::query_as(
        "SELECT o.epoch_ms, o.sequence, e.recorded_at FROM outbox o JOIN events e ON e.position = o.position
         ORDER BY o.epoch_ms, o.sequence LIMIT 1",
    )
    .fetch_optional(&mut *snapshot)
    .await?;
    let (epoch_ms, sequence) = oldest.as_ref().map_or((i64::MAX, i64::MAX), |(e, s, _)| (*e, *s));
    let before: Vec<(i64, Option<i64>)> = sqlx::query_as(LAST_BEFORE)
        .bind(epoch_ms)
        .bind(sequence)
        .fetch_all(&mut *snapshot)
        .await?;
    let sent = before
        .into_iter()
        .find_map(|(epoch_ms, s)| s.map(|sequence| StreamPosition { epoch_ms, sequence }));
    let log_id = log
        .log_id
        .parse()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(LogState {
        identity: LogIdentity {
            log_id,
            epoch_ms: log.epoch_ms,
        },
        last_sequence: log.last_sequence,
        sent,
        unsent,
        oldest_unsent: oldest.and_then(|(_, _, at)| at.parse().ok()),
    })
}
