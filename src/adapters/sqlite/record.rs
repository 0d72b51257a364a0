//! Writes a group of records in the transaction it is given: audit rows, events with their numbers, outbox, mirror.
//! May not begin or end a transaction: who groups decides that.

use std::collections::HashSet;

use serde_json::{Value, json};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::log::current_log;
use crate::failpoint::sabotaged;
use crate::kernel::envelope::content_hash;
use crate::kernel::event::DomainEvent;
use crate::kernel::journal::JournalEntry;
use crate::kernel::moment::Moment;
use crate::kernel::subject::Subject;
use crate::ports::journal::{JournalError, Mirror, Record, Recorded};

const INSERT_AUDIT: &str = "
INSERT INTO audit_log (kind, namespace, name, uid, seq, at, type, facts, actor_type, actor_name, cause,
                       prev_hash, hash, recorded_at) ";

const SELECT_FORKED: &str = "
SELECT DISTINCT a.uid, a.seq
FROM json_each(?1) j
JOIN audit_log a ON a.uid = j.value ->> 0 AND a.seq = j.value ->> 1 AND a.hash <> j.value ->> 2";

const SELECT_KNOWN: &str = "
SELECT e.subject_uid, e.subject_seq
FROM json_each(?1) j
JOIN events e ON e.subject_uid = j.value ->> 0 AND e.subject_seq = j.value ->> 1
UNION
SELECT f.subject_uid, j.value ->> 1
FROM json_each(?1) j
JOIN folded_subjects f ON f.subject_uid = j.value ->> 0 AND f.seq >= j.value ->> 1";

const INSERT_EVENTS: &str = "
INSERT INTO events (log_id, sequence, event_id, event_type, event_version, occurred_at, thread_id, run_id, ticket,
                    agent_name, actor_type, actor_name, actor_attested, correlation_id, causation_id, subject,
                    subject_uid, subject_seq, data, content_hash, recorded_at, source) ";

const INSERT_OUTBOX: &str = "
INSERT INTO outbox (epoch_ms, sequence, position)
SELECT ?1, sequence, position FROM events WHERE log_id = ?2 AND sequence > ?3";

const INSERT_MIRROR: &str = "
INSERT INTO mirror (uid, kind, namespace, name, resource_version, generation, created_at, spec, status,
                    observed_at, deleted_at) ";

/// A `resourceVersion` is a number of any length: the longer one is greater. One that grew tells the truth about
/// deletion too; an equal one may only add it.
const OR_UPDATE: &str = "
ON CONFLICT (uid) DO UPDATE SET
    deleted_at = CASE WHEN excluded.resource_version = mirror.resource_version OR excluded.deleted_at IS NOT NULL
                      THEN coalesce(mirror.deleted_at, excluded.deleted_at) END,
    resource_version = excluded.resource_version, generation = excluded.generation,
    spec = excluded.spec, status = excluded.status, observed_at = excluded.observed_at
WHERE (length(excluded.resource_version), excluded.resource_version)
   >= (length(mirror.resource_version), mirror.resource_version)";

/// Rows of one insert. Few sizes make few statements, so each is prepared once and found again; the largest is a full
/// group of records with one row each.
const SIZES: [usize; 3] = [64, 8, 1];

/// What became of a group: an answer for each record, and whether anything is to be sent.
pub struct GroupOutcome {
    pub answers: Vec<Recorded>,
    pub appended: bool,
}

/// Whether the record makes sense in itself.
///
/// # Errors
/// An event that no entry of the record backs.
pub fn check(record: &Record) -> Result<(), JournalError> {
    let backed = |uid: &str, seq: i64| uid == record.subject.uid && record.entries.iter().any(|e| e.seq == seq);
    match record
        .events
        .iter()
        .find(|event| !backed(&event.subject_uid, event.subject_seq))
    {
        None => Ok(()),
        Some(event) => Err(JournalError(format!(
            "event '{}' ({}, {}) of '{}' has no journal entry",
            event.event_type, event.subject_uid, event.subject_seq, record.subject
        ))),
    }
}

/// Writes the group. Known entries and events are left as they are.
///
/// # Errors
/// Whatever the database says; the caller rolls back.
pub async fn write_group(
    connection: &mut SqliteConnection,
    records: &[&Record],
    now: Moment,
) -> Result<GroupOutcome, sqlx::Error> {
    let answers = if sabotaged("sabotage.record.without_facts") {
        vec![Recorded::default(); records.len()]
    } else {
        write_audit(connection, records, now).await?
    };
    let appended = write_events(connection, records, now).await?;
    let mirrors: Vec<_> = records
        .iter()
        .filter_map(|r| Some((&r.subject, r.mirror.as_ref()?)))
        .collect();
    write_mirrors(connection, &mirrors, now).await?;
    Ok(GroupOutcome { answers, appended })
}

/// An entry of a record, and what of it is written as text.
struct AuditRow<'a> {
    subject: &'a Subject,
    entry: &'a JournalEntry,
    hash: String,
}

async fn write_audit(
    connection: &mut SqliteConnection,
    records: &[&Record],
    now: Moment,
) -> Result<Vec<Recorded>, sqlx::Error> {
    let rows: Vec<AuditRow<'_>> = records.iter().flat_map(|record| audit_rows(record)).collect();
    if rows.is_empty() {
        return Ok(vec![Recorded::default(); records.len()]);
    }
    let (mut fresh, recorded_at) = (HashSet::new(), now.to_string());
    for rows in in_sizes(&rows) {
        let mut insert = QueryBuilder::<Sqlite>::new(INSERT_AUDIT);
        insert.push_values(rows, |mut row, AuditRow { subject, entry, hash }| {
            row.push_bind(&subject.kind).push_bind(&subject.namespace);
            row.push_bind(&subject.name).push_bind(&subject.uid);
            row.push_bind(entry.seq).push_bind(entry.at.to_string());
            row.push_bind(&entry.kind);
            row.push_bind(serde_json::to_string(&entry.facts).unwrap_or_default());
            row.push_bind(entry.actor.kind.as_str()).push_bind(&entry.actor.name);
            row.push_bind(&entry.cause).push_bind(&entry.prev_hash);
            row.push_bind(hash).push_bind(&recorded_at);
        });
        insert.push(" ON CONFLICT (uid, seq, hash) DO NOTHING RETURNING uid, seq, hash");
        let inserted: Vec<(String, i64, String)> = insert.build_query_as().fetch_all(&mut *connection).await?;
        fresh.extend(inserted);
    }
    let keys = rows.iter().map(|row| json!([row.subject.uid, row.entry.seq, row.hash]));
    let forked: Vec<(String, i64)> = sqlx::query_as(SELECT_FORKED)
        .bind(keys.collect::<Value>().to_string())
        .fetch_all(&mut *connection)
        .await?;
    let forked: HashSet<_> = forked.into_iter().collect();
    let mut rest = rows.as_slice();
    let answers = records.iter().map(|record| {
        let (own, others) = rest.split_at(record.entries.len());
        rest = others;
        answer(own, &mut fresh, &forked)
    });
    Ok(answers.collect())
}

fn audit_rows(record: &Record) -> impl Iterator<Item = AuditRow<'_>> {
    let subject = &record.subject;
    record.entries.iter().map(move |entry| AuditRow {
        subject,
        entry,
        hash: entry.hash(&subject.uid),
    })
}

fn answer(
    rows: &[AuditRow<'_>],
    fresh: &mut HashSet<(String, i64, String)>,
    forked: &HashSet<(String, i64)>,
) -> Recorded {
    let mut answer = Recorded::default();
    for AuditRow { subject, entry, hash } in rows {
        let (uid, seq) = (subject.uid.clone(), entry.seq);
        if forked.contains(&(uid.clone(), seq)) {
            answer.forked.push(seq);
        }
        answer.fresh += usize::from(fresh.remove(&(uid, seq, hash.clone())));
    }
    answer
}

async fn write_events(
    connection: &mut SqliteConnection,
    records: &[&Record],
    now: Moment,
) -> Result<bool, sqlx::Error> {
    let events = records.iter().flat_map(|record| &record.events);
    let mut events: Vec<&DomainEvent> = events.collect();
    if events.is_empty() {
        return Ok(false);
    }
    let keys = events.iter().map(|event| json!([event.subject_uid, event.subject_seq]));
    let known: Vec<(String, i64)> = sqlx::query_as(SELECT_KNOWN)
        .bind(keys.collect::<Value>().to_string())
        .fetch_all(&mut *connection)
        .await?;
    let mut known: HashSet<_> = known.into_iter().collect();
    events.retain(|event| known.insert((event.subject_uid.clone(), event.subject_seq)));
    if events.is_empty() {
        return Ok(false);
    }
    let log = current_log(connection).await?;
    let numbered: Vec<_> = (log.last_sequence + 1..).zip(events).collect();
    insert_events(connection, &log.log_id, &numbered, now).await?;
    sqlx::query(INSERT_OUTBOX)
        .bind(log.epoch_ms)
        .bind(&log.log_id)
        .bind(log.last_sequence)
        .execute(&mut *connection)
        .await?;
    let skipped = i64::from(sabotaged("sabotage.record.skips_a_number"));
    sqlx::query("UPDATE log SET last_sequence = last_sequence + ?2 WHERE log_id = ?1")
        .bind(&log.log_id)
        .bind(i64::try_from(numbered.len()).unwrap_or(i64::MAX) + skipped)
        .execute(&mut *connection)
        .await?;
    Ok(true)
}

async fn insert_events(
    connection: &mut SqliteConnection,
    log_id: &str,
    numbered: &[(i64, &DomainEvent)],
    now: Moment,
) -> Result<(), sqlx::Error> {
    let recorded_at = now.to_string();
    for rows in in_sizes(numbered) {
        let mut insert = QueryBuilder::<Sqlite>::new(INSERT_EVENTS);
        insert.push_values(rows, |mut row, (sequence, event)| {
            row.push_bind(log_id).push_bind(sequence);
            row.push_bind(event.event_id.to_string()).push_bind(&event.event_type);
            row.push_bind(event.event_version)
                .push_bind(event.occurred_at.to_string());
            row.push_bind(&event.thread_id).push_bind(&event.run_id);
            row.push_bind(&event.ticket).push_bind(&event.agent_name);
            row.push_bind(&event.actor_type).push_bind(&event.actor_name);
            row.push_bind(event.actor_attested).push_bind(&event.correlation_id);
            row.push_bind(&event.causation_id).push_bind(&event.subject);
            row.push_bind(&event.subject_uid).push_bind(event.subject_seq);
            row.push_bind(event.data.to_string()).push_bind(content_hash(event));
            row.push_bind(&recorded_at).push_bind("live");
        });
        insert.build().execute(&mut *connection).await?;
    }
    Ok(())
}

async fn write_mirrors(
    connection: &mut SqliteConnection,
    mirrors: &[(&Subject, &Mirror)],
    now: Moment,
) -> Result<(), sqlx::Error> {
    let observed_at = now.to_string();
    for rows in in_sizes(mirrors) {
        let mut insert = QueryBuilder::<Sqlite>::new(INSERT_MIRROR);
        insert.push_values(rows, |mut row, (subject, mirror)| {
            row.push_bind(&subject.uid).push_bind(&subject.kind);
            row.push_bind(&subject.namespace).push_bind(&subject.name);
            row.push_bind(&mirror.resource_version).push_bind(mirror.generation);
            row.push_bind(&mirror.created_at).push_bind(mirror.spec.to_string());
            row.push_bind(mirror.status.to_string()).push_bind(&observed_at);
            row.push_bind(mirror.deleted.then_some(&observed_at));
        });
        insert.push(OR_UPDATE);
        insert.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// The rows in their order, cut into pieces of [`SIZES`].
fn in_sizes<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rows.len())?;
        let (piece, rest) = rows.split_at(size);
        rows = rest;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_have_few_sizes_and_hold_every_row_once_in_order() {
        for count in [0, 1, 7, 8, 63, 64, 65, 200] {
            let rows: Vec<_> = (0..count).collect();
            let pieces: Vec<_> = in_sizes(&rows).collect();
            assert!(pieces.iter().all(|piece| SIZES.contains(&piece.len())), "{count}");
            assert_eq!(pieces.concat(), rows);
        }
    }
}
