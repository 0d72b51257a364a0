//! Writes a group of records in the transaction it is given: audit rows, events with their numbers, outbox, mirror.
//! May not begin or end a transaction: who groups decides that.

use std::collections::HashSet;

use serde_json::{Value, json};
use sqlx::SqliteConnection;

use super::event_row::columns_of;
use super::log::current_log;
use crate::kernel::moment::Moment;
use crate::ports::journal::{JournalError, Record, Recorded};

const INSERT_AUDIT: &str = "
INSERT INTO audit_log (kind, namespace, name, uid, seq, at, type, facts, actor_type, actor_name, cause,
                       prev_hash, hash, recorded_at)
SELECT value ->> 'kind', value ->> 'namespace', value ->> 'name', value ->> 'uid', value ->> 'seq', value ->> 'at',
       value ->> 'type', value ->> 'facts', value ->> 'actor_type', value ->> 'actor_name', value ->> 'cause',
       value ->> 'prev_hash', value ->> 'hash', ?2
FROM json_each(?1) WHERE true
ON CONFLICT (uid, seq, hash) DO NOTHING
RETURNING uid, seq, hash";

const SELECT_FORKED: &str = "
SELECT DISTINCT a.uid, a.seq
FROM json_each(?1) j
JOIN audit_log a ON a.uid = j.value ->> 'uid' AND a.seq = j.value ->> 'seq' AND a.hash <> j.value ->> 'hash'";

const INSERT_EVENTS: &str = "
INSERT INTO events (log_id, sequence, event_id, event_type, event_version, occurred_at, thread_id, run_id, ticket,
                    agent_name, actor_type, actor_name, actor_attested, correlation_id, causation_id, subject,
                    subject_uid, subject_seq, data, content_hash, recorded_at, source)
SELECT ?2, ?3 + row_number() OVER (ORDER BY j.key), value ->> 'event_id', value ->> 'event_type',
       value ->> 'event_version', value ->> 'occurred_at', value ->> 'thread_id', value ->> 'run_id',
       value ->> 'ticket', value ->> 'agent_name', value ->> 'actor_type', value ->> 'actor_name',
       value ->> 'actor_attested', value ->> 'correlation_id', value ->> 'causation_id', value ->> 'subject',
       value ->> 'subject_uid', value ->> 'subject_seq', value ->> 'data', value ->> 'content_hash', ?4, 'live'
FROM json_each(?1) j
WHERE NOT EXISTS (SELECT 1 FROM events e
                  WHERE e.subject_uid = value ->> 'subject_uid' AND e.subject_seq = value ->> 'subject_seq')
  AND NOT EXISTS (SELECT 1 FROM folded_subjects f
                  WHERE f.subject_uid = value ->> 'subject_uid' AND f.seq >= value ->> 'subject_seq')
ORDER BY j.key";

const INSERT_OUTBOX: &str = "
INSERT INTO outbox (epoch_ms, sequence, position)
SELECT ?1, sequence, position FROM events WHERE log_id = ?2 AND sequence > ?3";

/// A `resourceVersion` is a number of any length: the longer one is greater. One that grew tells the truth about
/// deletion too; an equal one may only add it.
const UPSERT_MIRROR: &str = "
INSERT INTO mirror (uid, kind, namespace, name, resource_version, generation, created_at, spec, status,
                    observed_at, deleted_at)
SELECT value ->> 'uid', value ->> 'kind', value ->> 'namespace', value ->> 'name', value ->> 'resource_version',
       value ->> 'generation', value ->> 'created_at', value ->> 'spec', value ->> 'status', ?2,
       CASE WHEN value ->> 'deleted' THEN ?2 END
FROM json_each(?1) WHERE true
ON CONFLICT (uid) DO UPDATE SET
    deleted_at = CASE WHEN excluded.resource_version = mirror.resource_version OR excluded.deleted_at IS NOT NULL
                      THEN coalesce(mirror.deleted_at, excluded.deleted_at) END,
    resource_version = excluded.resource_version, generation = excluded.generation,
    spec = excluded.spec, status = excluded.status, observed_at = excluded.observed_at
WHERE (length(excluded.resource_version), excluded.resource_version)
   >= (length(mirror.resource_version), mirror.resource_version)";

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
    let answers = write_audit(connection, records, now).await?;
    let appended = write_events(connection, records, now).await?;
    let mirrors: Vec<Value> = records.iter().filter_map(|record| mirror_columns(record)).collect();
    if !mirrors.is_empty() {
        sqlx::query(UPSERT_MIRROR)
            .bind(as_text(mirrors))
            .bind(now.to_string())
            .execute(connection)
            .await?;
    }
    Ok(GroupOutcome { answers, appended })
}

async fn write_audit(
    connection: &mut SqliteConnection,
    records: &[&Record],
    now: Moment,
) -> Result<Vec<Recorded>, sqlx::Error> {
    let rows: Vec<Vec<Value>> = records.iter().map(|record| audit_columns(record)).collect();
    let all = as_text(rows.iter().flatten().cloned().collect());
    if all == "[]" {
        return Ok(vec![Recorded::default(); records.len()]);
    }
    let fresh: Vec<(String, i64, String)> = sqlx::query_as(INSERT_AUDIT)
        .bind(&all)
        .bind(now.to_string())
        .fetch_all(&mut *connection)
        .await?;
    let mut fresh: HashSet<_> = fresh.into_iter().collect();
    let forked: Vec<(String, i64)> = sqlx::query_as(SELECT_FORKED)
        .bind(&all)
        .fetch_all(&mut *connection)
        .await?;
    let forked: HashSet<_> = forked.into_iter().collect();
    Ok(records
        .iter()
        .zip(rows)
        .map(|(record, rows)| answer(record, &rows, &mut fresh, &forked))
        .collect())
}

fn answer(
    record: &Record,
    rows: &[Value],
    fresh: &mut HashSet<(String, i64, String)>,
    forked: &HashSet<(String, i64)>,
) -> Recorded {
    let uid = &record.subject.uid;
    let mut answer = Recorded::default();
    for (entry, row) in record.entries.iter().zip(rows) {
        let hash = row["hash"].as_str().unwrap_or_default().to_owned();
        answer.fresh += usize::from(fresh.remove(&(uid.clone(), entry.seq, hash)));
        if forked.contains(&(uid.clone(), entry.seq)) {
            answer.forked.push(entry.seq);
        }
    }
    answer
}

async fn write_events(
    connection: &mut SqliteConnection,
    records: &[&Record],
    now: Moment,
) -> Result<bool, sqlx::Error> {
    let mut seen = HashSet::new();
    let events = records.iter().flat_map(|record| &record.events);
    let events: Vec<Value> = events
        .filter(|e| seen.insert((&e.subject_uid, e.subject_seq)))
        .map(columns_of)
        .collect();
    if events.is_empty() {
        return Ok(false);
    }
    let log = current_log(connection).await?;
    let inserted = sqlx::query(INSERT_EVENTS)
        .bind(as_text(events))
        .bind(&log.log_id)
        .bind(log.last_sequence)
        .bind(now.to_string())
        .execute(&mut *connection)
        .await?
        .rows_affected();
    if inserted == 0 {
        return Ok(false);
    }
    sqlx::query(INSERT_OUTBOX)
        .bind(log.epoch_ms)
        .bind(&log.log_id)
        .bind(log.last_sequence)
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE log SET last_sequence = last_sequence + ?2 WHERE log_id = ?1")
        .bind(&log.log_id)
        .bind(i64::try_from(inserted).unwrap_or(i64::MAX))
        .execute(&mut *connection)
        .await?;
    Ok(true)
}

fn audit_columns(record: &Record) -> Vec<Value> {
    let subject = &record.subject;
    let columns = |entry: &crate::kernel::journal::JournalEntry| {
        json!({
            "kind": subject.kind, "namespace": subject.namespace, "name": subject.name, "uid": subject.uid,
            "seq": entry.seq, "at": entry.at, "type": entry.kind,
            "facts": Value::Object(entry.facts.clone()).to_string(),
            "actor_type": entry.actor.kind.as_str(), "actor_name": entry.actor.name, "cause": entry.cause,
            "prev_hash": entry.prev_hash, "hash": entry.hash(&subject.uid),
        })
    };
    record.entries.iter().map(columns).collect()
}

fn mirror_columns(record: &Record) -> Option<Value> {
    let (subject, mirror) = (&record.subject, record.mirror.as_ref()?);
    Some(json!({
        "uid": subject.uid, "kind": subject.kind, "namespace": subject.namespace, "name": subject.name,
        "resource_version": mirror.resource_version, "generation": mirror.generation,
        "created_at": mirror.created_at, "spec": mirror.spec.to_string(), "status": mirror.status.to_string(),
        "deleted": mirror.deleted,
    }))
}

fn as_text(rows: Vec<Value>) -> String {
    Value::Array(rows).to_string()
}
