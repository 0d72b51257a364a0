//! Writes a group of records in the transaction it is given: audit rows, events with their numbers, outbox, mirror.
//! May not begin or end a transaction: who groups decides that.

use std::collections::{HashMap, HashSet};

use serde::Serializer as _;
use sqlx::SqliteConnection;

use super::batched_insert::{PIECE, insert_of};
use super::prepared::{EntryRow, EventRow, Prepared};
use crate::failpoint::sabotaged;
use crate::kernel::moment::Moment;
use crate::kernel::subject::Subject;
use crate::ports::journal::{Mirror, Recorded};

const INSERT_AUDIT: &str = "
INSERT INTO audit_log (kind, namespace, name, uid, seq, at, type, facts, actor_type, actor_name, cause,
                       prev_hash, hash, recorded_at) ";

/// The hashes of known entries, and without one the known events.
const SELECT_KNOWN: &str = "
SELECT a.uid, a.seq, a.hash
FROM json_each(?1) j JOIN audit_log a ON a.uid = j.key AND a.seq = j.value
UNION ALL
SELECT e.subject_uid, e.subject_seq, NULL
FROM json_each(?2) j JOIN events e ON e.subject_uid = j.key AND e.subject_seq = j.value
UNION ALL
SELECT f.subject_uid, j.value, NULL
FROM json_each(?2) j JOIN folded_subjects f ON f.subject_uid = j.key AND f.seq >= j.value";

const INSERT_EVENTS: &str = "
INSERT INTO events (log_id, sequence, event_id, event_type, event_version, occurred_at, thread_id, run_id, ticket,
                    agent_name, actor_type, actor_name, actor_attested, correlation_id, causation_id, subject,
                    subject_uid, subject_seq, data, content_hash, recorded_at, source) ";

/// Numbers of the current log for so many events; the last one that was given out.
const TAKE_NUMBERS: &str = "
UPDATE log SET last_sequence = last_sequence + ?1
WHERE log_id = (SELECT log_id FROM log WHERE origin = 'live' ORDER BY epoch_ms DESC LIMIT 1)
RETURNING log_id, epoch_ms, last_sequence";

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

/// What became of a group: an answer for each record, and whether anything is to be sent.
pub struct GroupOutcome {
    pub answers: Vec<Recorded>,
    pub appended: bool,
}

/// Writes the group. Known entries and events are left as they are.
///
/// # Errors
/// Whatever the database says; the caller rolls back.
pub async fn write_group(
    connection: &mut SqliteConnection,
    records: &[&Prepared],
    now: Moment,
) -> Result<GroupOutcome, sqlx::Error> {
    let known = Known::of(connection, records).await?;
    let answers = if sabotaged("sabotage.record.without_facts") {
        vec![Recorded::default(); records.len()]
    } else {
        write_audit(connection, records, known.hashes, now).await?
    };
    let appended = write_events(connection, records, known.events, now).await?;
    let mirrors: Vec<_> = records
        .iter()
        .filter_map(|r| Some((&r.subject, r.mirror.as_ref()?)))
        .collect();
    write_mirrors(connection, &mirrors, now).await?;
    Ok(GroupOutcome { answers, appended })
}

/// The hashes that are recorded of a journal number: several where there are several histories.
type Hashes = HashMap<(String, i64), Vec<String>>;

/// What is recorded already of what a group wants recorded: asked for at once, for each question is a way to the
/// database's thread and back.
#[derive(Default)]
struct Known {
    hashes: Hashes,
    events: HashSet<(String, i64)>,
}

impl Known {
    async fn of(connection: &mut SqliteConnection, records: &[&Prepared]) -> Result<Self, sqlx::Error> {
        if records.iter().all(|record| record.entries.is_empty()) {
            return Ok(Self::default());
        }
        let entries = records.iter().flat_map(|record| {
            let uid = &record.subject.uid;
            record.entries.iter().map(move |row| (uid, row.entry.seq))
        });
        let events = records.iter().flat_map(|record| &record.events);
        let events = events.map(|row| (&row.event.subject_uid, row.event.subject_seq));
        let found: Vec<(String, i64, Option<String>)> = sqlx::query_as(SELECT_KNOWN)
            .bind(numbers_by_uid(entries)?)
            .bind(numbers_by_uid(events)?)
            .fetch_all(connection)
            .await?;
        let (mut hashes, mut events) = (Hashes::new(), HashSet::new());
        for (uid, seq, hash) in found {
            match hash {
                None => {
                    events.insert((uid, seq));
                }
                Some(hash) => {
                    let hashes = hashes.entry((uid, seq)).or_default();
                    if !hashes.contains(&hash) {
                        hashes.push(hash);
                    }
                }
            }
        }
        Ok(Self { hashes, events })
    }
}

/// A JSON object of numbers by uid, a uid as often as it has numbers: its pairs are read without parsing again.
fn numbers_by_uid<'a>(pairs: impl Iterator<Item = (&'a String, i64)>) -> Result<String, sqlx::Error> {
    let mut text = Vec::new();
    let mut to = serde_json::Serializer::new(&mut text);
    to.collect_map(pairs)
        .map_err(|error| sqlx::Error::Encode(error.into()))?;
    String::from_utf8(text).map_err(|error| sqlx::Error::Encode(error.into()))
}

async fn write_audit(
    connection: &mut SqliteConnection,
    records: &[&Prepared],
    mut known: Hashes,
    now: Moment,
) -> Result<Vec<Recorded>, sqlx::Error> {
    let rows: Vec<_> = records
        .iter()
        .flat_map(|r| r.entries.iter().map(|e| (&r.subject, e)))
        .collect();
    if rows.is_empty() {
        return Ok(vec![Recorded::default(); records.len()]);
    }
    let mut fresh = Vec::with_capacity(rows.len());
    let is_fresh: Vec<bool> = rows
        .iter()
        .map(|(subject, row)| {
            let hashes = known.entry((subject.uid.clone(), row.entry.seq)).or_default();
            let is_fresh = !hashes.contains(&row.hash);
            if is_fresh {
                hashes.push(row.hash.clone());
                fresh.push((*subject, *row));
            }
            is_fresh
        })
        .collect();
    insert_audit(connection, &fresh, now).await?;
    let mut rest = is_fresh.as_slice();
    let answers = records.iter().map(|record| {
        let (own, others) = rest.split_at(record.entries.len());
        rest = others;
        answer(record, own, &known)
    });
    Ok(answers.collect())
}

async fn insert_audit(
    connection: &mut SqliteConnection,
    rows: &[(&Subject, &EntryRow)],
    now: Moment,
) -> Result<(), sqlx::Error> {
    let recorded_at = now.to_string();
    for rows in rows.chunks(PIECE) {
        let mut insert = insert_of(
            INSERT_AUDIT,
            rows,
            |row, (subject, EntryRow { entry, hash, at, facts })| {
                row.push_bind(&subject.kind).push_bind(&subject.namespace);
                row.push_bind(&subject.name).push_bind(&subject.uid);
                row.push_bind(entry.seq).push_bind(at).push_bind(&entry.kind);
                row.push_bind(facts);
                row.push_bind(entry.actor.kind.as_str()).push_bind(&entry.actor.name);
                row.push_bind(&entry.cause).push_bind(&entry.prev_hash);
                row.push_bind(hash).push_bind(&recorded_at);
            },
        );
        insert.build().execute(&mut *connection).await?;
    }
    Ok(())
}

fn answer(record: &Prepared, is_fresh: &[bool], known: &Hashes) -> Recorded {
    let several = |seq: i64| {
        known
            .get(&(record.subject.uid.clone(), seq))
            .is_some_and(|h| h.len() > 1)
    };
    let seqs = record.entries.iter().map(|row| row.entry.seq);
    Recorded {
        fresh: is_fresh.iter().filter(|fresh| **fresh).count(),
        forked: seqs.filter(|seq| several(*seq)).collect(),
    }
}

async fn write_events(
    connection: &mut SqliteConnection,
    records: &[&Prepared],
    mut known: HashSet<(String, i64)>,
    now: Moment,
) -> Result<bool, sqlx::Error> {
    let events = records.iter().flat_map(|record| &record.events);
    let mut events: Vec<&EventRow> = events.collect();
    events.retain(|row| known.insert((row.event.subject_uid.clone(), row.event.subject_seq)));
    if events.is_empty() {
        return Ok(false);
    }
    let count =
        i64::try_from(events.len()).unwrap_or(i64::MAX) + i64::from(sabotaged("sabotage.record.skips_a_number"));
    let (log_id, epoch_ms, last): (String, i64, i64) = sqlx::query_as(TAKE_NUMBERS)
        .bind(count)
        .fetch_one(&mut *connection)
        .await?;
    let before = last - count;
    let numbered: Vec<_> = (before + 1..).zip(events).collect();
    insert_events(connection, &log_id, &numbered, now).await?;
    sqlx::query(INSERT_OUTBOX)
        .bind(epoch_ms)
        .bind(&log_id)
        .bind(before)
        .execute(&mut *connection)
        .await?;
    Ok(true)
}

async fn insert_events(
    connection: &mut SqliteConnection,
    log_id: &str,
    numbered: &[(i64, &EventRow)],
    now: Moment,
) -> Result<(), sqlx::Error> {
    let recorded_at = now.to_string();
    for rows in numbered.chunks(PIECE) {
        let mut insert = insert_of(INSERT_EVENTS, rows, |row, (sequence, texts)| {
            let event = &texts.event;
            row.push_bind(log_id).push_bind(sequence);
            row.push_bind(&texts.event_id).push_bind(&event.event_type);
            row.push_bind(event.event_version).push_bind(&texts.occurred_at);
            row.push_bind(&event.thread_id).push_bind(&event.run_id);
            row.push_bind(&event.ticket).push_bind(&event.agent_name);
            row.push_bind(&event.actor_type).push_bind(&event.actor_name);
            row.push_bind(event.actor_attested).push_bind(&event.correlation_id);
            row.push_bind(&event.causation_id).push_bind(&event.subject);
            row.push_bind(&event.subject_uid).push_bind(event.subject_seq);
            row.push_bind(&texts.data).push_bind(&texts.content_hash);
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
    for rows in mirrors.chunks(PIECE) {
        let mut insert = insert_of(INSERT_MIRROR, rows, |row, (subject, mirror)| {
            row.push_bind(&subject.uid).push_bind(&subject.kind);
            row.push_bind(&subject.namespace).push_bind(&subject.name);
            row.push_bind(&mirror.resource_version).push_bind(mirror.generation);
            row.push_bind(&mirror.created_at).push_bind(&mirror.spec);
            row.push_bind(&mirror.status).push_bind(&observed_at);
            row.push_bind(mirror.deleted.then_some(&observed_at));
        });
        insert.push(OR_UPDATE);
        insert.build().execute(&mut *connection).await?;
    }
    Ok(())
}
