//! Takes events back into the history that only the stream still had. Runs in the transaction it is given.

use serde_json::Value;
use sqlx::SqliteConnection;

use super::event_row::columns_of;
use crate::kernel::moment::Moment;
use crate::ports::outbox::WindowEvent;

const INSERT_LOGS: &str = "
INSERT OR IGNORE INTO log (log_id, epoch_ms, begun_at, origin)
SELECT DISTINCT value ->> 'log_id', value ->> 'epoch_ms', ?2, 'redis' FROM json_each(?1)";

const INSERT_EVENTS: &str = "
INSERT OR IGNORE INTO events
      (log_id, sequence, event_id, event_type, event_version, occurred_at, thread_id, run_id, ticket, agent_name,
       actor_type, actor_name, actor_attested, correlation_id, causation_id, subject, subject_uid, subject_seq,
       data, content_hash, recorded_at, source)
SELECT l.log_id, value ->> 'sequence', value ->> 'event_id', value ->> 'event_type', value ->> 'event_version',
       value ->> 'occurred_at', value ->> 'thread_id', value ->> 'run_id', value ->> 'ticket',
       value ->> 'agent_name', value ->> 'actor_type', value ->> 'actor_name', value ->> 'actor_attested',
       value ->> 'correlation_id', value ->> 'causation_id', value ->> 'subject', value ->> 'subject_uid',
       value ->> 'subject_seq', value ->> 'data', value ->> 'content_hash', value ->> 'recorded_at', 'redis'
FROM json_each(?1) j
JOIN log l ON l.log_id = value ->> 'log_id' AND l.epoch_ms = value ->> 'epoch_ms'
WHERE NOT EXISTS (SELECT 1 FROM folded_subjects f
                  WHERE f.subject_uid = value ->> 'subject_uid' AND f.seq >= value ->> 'subject_seq')
ORDER BY j.key";

const COUNT_AS_SENT: &str = "
DELETE FROM outbox WHERE position IN
    (SELECT e.position FROM json_each(?1) j JOIN events e ON e.event_id = value ->> 'event_id')";

const RAISE_LAST: &str = "
UPDATE log SET last_sequence = max(last_sequence,
    coalesce((SELECT max(e.sequence) FROM events e WHERE e.log_id = log.log_id), 0))";

/// Adopts the events; how many were new.
///
/// # Errors
/// Whatever the database says.
pub async fn adopt(connection: &mut SqliteConnection, events: &[WindowEvent], now: Moment) -> Result<u64, sqlx::Error> {
    let rows = Value::Array(events.iter().map(columns).collect()).to_string();
    sqlx::query(INSERT_LOGS)
        .bind(&rows)
        .bind(now.to_string())
        .execute(&mut *connection)
        .await?;
    let fresh = sqlx::query(INSERT_EVENTS)
        .bind(&rows)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    sqlx::query(COUNT_AS_SENT).bind(&rows).execute(&mut *connection).await?;
    sqlx::query(RAISE_LAST).execute(&mut *connection).await?;
    Ok(fresh)
}

fn columns(event: &WindowEvent) -> Value {
    let mut row = columns_of(&event.envelope.event);
    row["log_id"] = Value::from(event.envelope.log_id.to_string());
    row["epoch_ms"] = Value::from(event.position.epoch_ms);
    row["sequence"] = Value::from(event.position.sequence);
    row["recorded_at"] = Value::from(event.envelope.recorded_at.to_string());
    row
}
