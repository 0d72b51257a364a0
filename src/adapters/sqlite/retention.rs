//! Lets go of old events, and keeps closed threads that leave the cluster. Runs in the transaction it is given.
//!
//! An event may go once it is folded, sent, and older than asked for; of each log the oldest go first, so that what is
//! left has no holes, and the newest stays. Of their subjects it is noted up to where they went: what is recorded again
//! of them is nothing new.

use sqlx::SqliteConnection;

use super::snapshot;
use crate::kernel::moment::Moment;
use crate::ports::projection::FoldedAway;
use crate::ports::questions::Archived;

/// The first sequence of a log that has to stay: of the newest event, of one that is not folded, not sent or too young.
/// Times are compared as instants: they are written with as many digits as they need.
const FIRST_TO_STAY: &str = "
SELECT sequence FROM events
WHERE log_id = ?1 AND (sequence = (SELECT max(sequence) FROM events WHERE log_id = ?1)
                       OR position > (SELECT position FROM projection_cursors WHERE name = 'forum')
                       OR position = (SELECT max(position) FROM events)
                       OR unixepoch(recorded_at, 'subsec') >= ?2
                       OR position IN (SELECT position FROM outbox))
ORDER BY sequence LIMIT 1";

const GOING: &str = "SELECT sequence FROM events WHERE log_id = ?1 AND sequence < ?2 ORDER BY sequence LIMIT ?3";

const THREADS: &str = "
SELECT DISTINCT subject_uid FROM events WHERE log_id = ?1 AND sequence <= ?2 AND event_type GLOB 'forum.*'";

const NOTE_SUBJECTS: &str = "
INSERT INTO folded_subjects (subject_uid, seq)
SELECT subject_uid, max(subject_seq) FROM events WHERE log_id = ?1 AND sequence <= ?2 GROUP BY subject_uid
ON CONFLICT (subject_uid) DO UPDATE SET seq = max(seq, excluded.seq)";

const ARCHIVE: &str = "
INSERT INTO forum_archive (uid, namespace, name, resource_version, object, archived_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (uid) DO UPDATE SET
    resource_version = excluded.resource_version, object = excluded.object, archived_at = excluded.archived_at";

/// Folds old events of each log away.
///
/// # Errors
/// Whatever the database says.
pub async fn fold_away(
    connection: &mut SqliteConnection,
    before: Moment,
    limit: u32,
    now: Moment,
) -> Result<FoldedAway, sqlx::Error> {
    let logs: Vec<String> = sqlx::query_scalar("SELECT log_id FROM log")
        .fetch_all(&mut *connection)
        .await?;
    let mut gone = FoldedAway::default();
    for log in logs {
        let Some(last) = last_to_go(connection, &log, before, limit).await? else {
            continue;
        };
        let threads: Vec<String> = sqlx::query_scalar(THREADS)
            .bind(&log)
            .bind(last)
            .fetch_all(&mut *connection)
            .await?;
        for uid in threads {
            gone.threads += u64::from(snapshot::take(connection, &uid, now).await?);
        }
        sqlx::query(NOTE_SUBJECTS)
            .bind(&log)
            .bind(last)
            .execute(&mut *connection)
            .await?;
        gone.events += sqlx::query("DELETE FROM events WHERE log_id = ?1 AND sequence <= ?2")
            .bind(&log)
            .bind(last)
            .execute(&mut *connection)
            .await?
            .rows_affected();
        sqlx::query("UPDATE log SET folded_sequence = max(folded_sequence, ?2) WHERE log_id = ?1")
            .bind(&log)
            .bind(last)
            .execute(&mut *connection)
            .await?;
    }
    Ok(gone)
}

async fn last_to_go(
    connection: &mut SqliteConnection,
    log: &str,
    before: Moment,
    limit: u32,
) -> Result<Option<i64>, sqlx::Error> {
    let stays: Option<i64> = sqlx::query_scalar(FIRST_TO_STAY)
        .bind(log)
        .bind(seconds(before))
        .fetch_optional(&mut *connection)
        .await?;
    let Some(stays) = stays else { return Ok(None) };
    let going: Vec<i64> = sqlx::query_scalar(GOING)
        .bind(log)
        .bind(stays)
        .bind(limit)
        .fetch_all(connection)
        .await?;
    Ok(going.last().copied())
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of any year we meet fit")]
fn seconds(at: Moment) -> f64 {
    at.as_millis() as f64 / 1000.0
}

/// Keeps a closed thread as it is; again, where it was kept before.
///
/// # Errors
/// Whatever the database says.
pub async fn archive(connection: &mut SqliteConnection, archived: &Archived, now: Moment) -> Result<(), sqlx::Error> {
    sqlx::query(ARCHIVE)
        .bind(&archived.uid)
        .bind(&archived.namespace)
        .bind(&archived.name)
        .bind(&archived.resource_version)
        .bind(archived.object.to_string())
        .bind(now.to_string())
        .execute(connection)
        .await
        .map(drop)
}
