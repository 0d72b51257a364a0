//! Checks the whole history: chains of the audit log, numbers of the logs, what backs what. May not repair anything.

use futures::TryStreamExt;
use sqlx::{FromRow, SqliteConnection, SqlitePool};

use super::chain::ChainWalk;
use super::event_row::EventRow;
use super::read::AuditRow;
use crate::kernel::envelope::content_hash;
use crate::kernel::event::event_id;
use crate::ports::read_model::{Flaw, Verdict};

/// Positions are given out without gaps, so a hole between two of them was a row once.
const REMOVED: &str = "
SELECT position, before FROM (SELECT position, lag(position, 1, 0) OVER (ORDER BY position) AS before FROM audit_log)
WHERE position <> before + 1";

/// Live rows follow each other, from where the log was folded away; only what was read back from a trimmed stream may
/// begin after a hole.
const HOLES: &str = "
SELECT l.log_id, e.sequence, e.source, max(e.before, l.folded_sequence)
FROM (SELECT log_id, sequence, source, lag(sequence, 1, 0) OVER (PARTITION BY log_id ORDER BY sequence) AS before
      FROM events) e
JOIN log l ON l.log_id = e.log_id
WHERE e.sequence <> max(e.before, l.folded_sequence) + 1";

const MISSING_TAILS: &str = "
SELECT log_id, last_sequence, last FROM
    (SELECT l.log_id, l.last_sequence, l.origin,
            coalesce((SELECT max(e.sequence) FROM events e WHERE e.log_id = l.log_id), 0) AS last FROM log l)
WHERE origin = 'live' AND last <> last_sequence";

const EVENTS: &str = "
SELECT l.epoch_ms, e.*,
       EXISTS (SELECT 1 FROM audit_log a
               WHERE a.uid = e.subject_uid AND a.seq = e.subject_seq AND a.at = e.occurred_at
                 AND a.kind || '/' || a.namespace || '/' || a.name = e.subject) AS backed
FROM events e JOIN log l ON l.log_id = e.log_id ORDER BY e.position";

const STRAY_OUTBOX: &str = "
SELECT o.epoch_ms, o.sequence FROM outbox o
LEFT JOIN (events e JOIN log l ON l.log_id = e.log_id) ON e.position = o.position
WHERE e.position IS NULL OR e.sequence <> o.sequence OR l.epoch_ms <> o.epoch_ms";

#[derive(FromRow)]
struct CheckedEvent {
    #[sqlx(flatten)]
    row: EventRow,
    content_hash: String,
    source: String,
    backed: bool,
}

/// Every chain of the audit log, as it was at one moment.
///
/// # Errors
/// The file cannot be read.
pub async fn audit(pool: &SqlitePool) -> Result<Verdict, sqlx::Error> {
    let mut snapshot = pool.begin().await?;
    chains(&mut snapshot).await
}

/// The file's integrity, the chains, the numbers, and that each row has what it stands on.
///
/// # Errors
/// The file cannot be read.
pub async fn database(pool: &SqlitePool) -> Result<Verdict, sqlx::Error> {
    let mut snapshot = pool.begin().await?;
    let problems: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_all(&mut *snapshot)
        .await?;
    let problems = problems.into_iter().filter(|problem| problem != "ok");
    let mut verdict = chains(&mut snapshot).await?;
    verdict
        .flaws
        .extend(problems.map(|problem| flaw("file", None, problem)));
    numbers(&mut snapshot, &mut verdict).await?;
    events(&mut snapshot, &mut verdict).await?;
    let strays: Vec<(i64, i64)> = sqlx::query_as(STRAY_OUTBOX).fetch_all(&mut *snapshot).await?;
    let strays = strays.into_iter().map(|(epoch, sequence)| {
        flaw(
            &format!("outbox {epoch}-{sequence}"),
            None,
            "it names no event of that number".into(),
        )
    });
    verdict.flaws.extend(strays);
    Ok(verdict)
}

async fn chains(connection: &mut SqliteConnection) -> Result<Verdict, sqlx::Error> {
    let mut walk = ChainWalk::default();
    let mut rows =
        sqlx::query_as::<_, AuditRow>("SELECT * FROM audit_log ORDER BY uid, seq, hash").fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        walk.look(&row);
    }
    drop(rows);
    let mut verdict = walk.verdict();
    let removed: Vec<(i64, i64)> = sqlx::query_as(REMOVED).fetch_all(connection).await?;
    let removed = removed.into_iter().map(|(position, before)| {
        flaw(
            "audit log",
            None,
            format!("rows at positions {} to {} were removed", before + 1, position - 1),
        )
    });
    verdict.flaws.extend(removed);
    Ok(verdict)
}

async fn numbers(connection: &mut SqliteConnection, verdict: &mut Verdict) -> Result<(), sqlx::Error> {
    let holes: Vec<(String, i64, String, i64)> = sqlx::query_as(HOLES).fetch_all(&mut *connection).await?;
    for (log_id, sequence, source, before) in holes {
        let problem = format!("sequences {} to {} are not here", before + 1, sequence - 1);
        let found = flaw(&format!("log {log_id}"), Some(before + 1), problem);
        match source.as_str() {
            "redis" => verdict.gaps.push(found),
            _ => verdict.flaws.push(found),
        }
    }
    let tails: Vec<(String, i64, i64)> = sqlx::query_as(MISSING_TAILS).fetch_all(connection).await?;
    for (log_id, counted, last) in tails {
        let problem = format!("{counted} sequences were given out, but the last event has {last}");
        verdict.flaws.push(flaw(&format!("log {log_id}"), Some(last), problem));
    }
    Ok(())
}

async fn events(connection: &mut SqliteConnection, verdict: &mut Verdict) -> Result<(), sqlx::Error> {
    let mut rows = sqlx::query_as::<_, CheckedEvent>(EVENTS).fetch(connection);
    while let Some(CheckedEvent {
        row,
        content_hash: recorded,
        source,
        backed,
    }) = rows.try_next().await?
    {
        verdict.checked += 1;
        let place = format!("event {}-{} of {}", row.epoch_ms, row.sequence, row.subject);
        let seq = Some(row.subject_seq);
        if source == "live" && !backed {
            verdict.flaws.push(flaw(
                &place,
                seq,
                "no audit row of that uid, seq, time and name backs it".into(),
            ));
        }
        let unchanged = row.into_envelope().is_ok_and(|envelope| {
            let event = &envelope.event;
            content_hash(event) == recorded && event_id(&event.subject_uid, event.subject_seq) == event.event_id
        });
        if !unchanged {
            verdict.flaws.push(flaw(
                &place,
                seq,
                "it was changed: its content does not give its checksum".into(),
            ));
        }
    }
    Ok(())
}

fn flaw(subject: &str, seq: Option<i64>, problem: String) -> Flaw {
    Flaw {
        subject: subject.to_owned(),
        seq,
        problem,
    }
}
