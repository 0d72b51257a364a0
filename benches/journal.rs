//! How many rows per second the journal records (audit, event, outbox and mirror, as passes hand them over) beside a raw
//! batched insert of the same rows: same schema, same pragmas, same client, one transaction per batch. In turn, medians.
//! Goal: at least 0.6 of the raw rate.
//!
//! `BENCH_ROUNDS` sets the rounds, `BENCH_RECORDS` the records of each, `BENCH_DIR` the folder.

mod shared {
    pub mod comparison;
    pub mod opening;
    pub mod rate;
    pub mod records;
    pub mod scratch;
}

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metawsm::adapters::sqlite::History;
use metawsm::adapters::system_clock::SystemClock;
use metawsm::kernel::envelope::content_hash;
use metawsm::ports::journal::Record;
use shared::comparison::{median, ratio};
use shared::opening::{header, number};
use shared::rate::rate;
use shared::records;
use shared::scratch::scratch;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, QueryBuilder, Sqlite, SqliteConnection};

/// Rows of one record: audit, event, outbox, mirror.
const ROWS: usize = 4;

#[tokio::main]
async fn main() {
    let (rounds, count) = (number("BENCH_ROUNDS", 7), number("BENCH_RECORDS", 4096));
    header("journal against a raw batched insert", rounds);
    println!(
        "{:>8} {:>8}  {:>12} {:>12} {:>10}",
        "records", "at once", "journal", "raw", "rate/raw"
    );
    // The usual concurrency of one kind's driver, and what one transaction takes at most.
    for at_once in [16, 64] {
        let (mut ours, mut raws) = (Vec::new(), Vec::new());
        for round in 0..=rounds {
            let scratch = scratch();
            let all: Vec<_> = (0..count).map(records::record).collect();
            let raw = raw(scratch.path(), &all, at_once).await;
            let our = journal(scratch.path(), all, at_once).await;
            // The first round only warms the disk up.
            if round > 0 {
                ours.push(our);
                raws.push(raw);
            }
        }
        let (our, raw) = (median(&mut ours), median(&mut raws));
        println!(
            "{count:>8} {at_once:>8}  {:>12} {:>12} {:>10}",
            rate(count * ROWS, our),
            rate(count * ROWS, raw),
            ratio(raw, our)
        );
    }
}

async fn journal(root: &Path, all: Vec<Record>, at_once: usize) -> Duration {
    let history = History::open(&root.join("ours/metawsm.db"), Arc::new(SystemClock)).await;
    let history = Arc::new(history.expect("it opens"));
    let begun = Instant::now();
    records::record_all(&history, all, at_once).await;
    let took = begun.elapsed();
    history.close().await.unwrap();
    took
}

/// The same rows, their hashes and texts made beforehand.
async fn raw(root: &Path, all: &[Record], batch: usize) -> Duration {
    let file = root.join("raw/metawsm.db");
    let made = History::open(&file, Arc::new(SystemClock)).await.unwrap();
    made.close().await.unwrap();
    let options = SqliteConnectOptions::new()
        .filename(&file)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("trusted_schema", "OFF")
        .pragma("mmap_size", "0")
        .pragma("journal_size_limit", "67108864");
    let mut connection = options.connect().await.unwrap();
    let log: (String, i64) = sqlx::query_as("SELECT log_id, epoch_ms FROM log")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let rows: Vec<_> = all.iter().enumerate().map(|(at, record)| Row::of(at, record)).collect();
    let begun = Instant::now();
    for rows in rows.chunks(batch) {
        insert(&mut connection, rows, &log).await.unwrap();
    }
    let took = begun.elapsed();
    connection.close().await.unwrap();
    took
}

/// What the four rows of a record consist of, as text.
struct Row<'a> {
    position: i64,
    record: &'a Record,
    facts: String,
    hash: String,
    data: String,
    content: String,
    event_id: String,
    at: String,
}

impl<'a> Row<'a> {
    fn of(index: usize, record: &'a Record) -> Self {
        let (entry, event) = (&record.entries[0], &record.events[0]);
        Self {
            position: i64::try_from(index).unwrap() + 1,
            record,
            facts: serde_json::to_string(&entry.facts).unwrap(),
            hash: entry.hash(&record.subject.uid),
            data: event.data.to_string(),
            content: content_hash(event),
            event_id: event.event_id.to_string(),
            at: entry.at.to_string(),
        }
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    rows: &[Row<'_>],
    (log_id, epoch_ms): &(String, i64),
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut audit = QueryBuilder::<Sqlite>::new(
        "INSERT INTO audit_log (kind, namespace, name, uid, seq, at, type, facts, actor_type, actor_name, cause,
         prev_hash, hash, recorded_at) ",
    );
    audit.push_values(rows, |mut row, r| {
        let (subject, entry) = (&r.record.subject, &r.record.entries[0]);
        row.push_bind(&subject.kind).push_bind(&subject.namespace);
        row.push_bind(&subject.name).push_bind(&subject.uid);
        row.push_bind(entry.seq).push_bind(&r.at).push_bind(&entry.kind);
        row.push_bind(&r.facts).push_bind(entry.actor.kind.as_str());
        row.push_bind(&entry.actor.name).push_bind(&entry.cause);
        row.push_bind(&entry.prev_hash).push_bind(&r.hash).push_bind(&r.at);
    });
    audit.build().execute(&mut *transaction).await?;
    insert_events(&mut transaction, rows, log_id).await?;
    let mut outbox = QueryBuilder::<Sqlite>::new("INSERT INTO outbox (epoch_ms, sequence, position) ");
    outbox.push_values(rows, |mut row, r| {
        row.push_bind(epoch_ms).push_bind(r.position).push_bind(r.position);
    });
    outbox.build().execute(&mut *transaction).await?;
    let mut mirror = QueryBuilder::<Sqlite>::new(
        "INSERT INTO mirror (uid, kind, namespace, name, resource_version, generation, created_at, spec, status,
         observed_at) ",
    );
    mirror.push_values(rows, |mut row, r| {
        let (subject, mirror) = (&r.record.subject, r.record.mirror.as_ref().unwrap());
        row.push_bind(&subject.uid).push_bind(&subject.kind);
        row.push_bind(&subject.namespace).push_bind(&subject.name);
        row.push_bind(&mirror.resource_version).push_bind(mirror.generation);
        row.push_bind(&mirror.created_at).push_bind(&mirror.spec);
        row.push_bind(&mirror.status).push_bind(&r.at);
    });
    mirror.build().execute(&mut *transaction).await?;
    transaction.commit().await
}

async fn insert_events(connection: &mut SqliteConnection, rows: &[Row<'_>], log_id: &str) -> Result<(), sqlx::Error> {
    let mut events = QueryBuilder::<Sqlite>::new(
        "INSERT INTO events (position, log_id, sequence, event_id, event_type, event_version, occurred_at, thread_id,
         run_id, ticket, agent_name, actor_type, actor_name, actor_attested, correlation_id, causation_id, subject,
         subject_uid, subject_seq, data, content_hash, recorded_at, source) ",
    );
    events.push_values(rows, |mut row, r| {
        let event = &r.record.events[0];
        row.push_bind(r.position).push_bind(log_id).push_bind(r.position);
        row.push_bind(&r.event_id).push_bind(&event.event_type);
        row.push_bind(event.event_version).push_bind(&r.at);
        row.push_bind(&event.thread_id).push_bind(&event.run_id);
        row.push_bind(&event.ticket).push_bind(&event.agent_name);
        row.push_bind(&event.actor_type).push_bind(&event.actor_name);
        row.push_bind(event.actor_attested).push_bind(&event.correlation_id);
        row.push_bind(&event.causation_id).push_bind(&event.subject);
        row.push_bind(&event.subject_uid).push_bind(event.subject_seq);
        row.push_bind(&r.data).push_bind(&r.content);
        row.push_bind(&r.at).push_bind("live");
    });
    events.build().execute(connection).await.map(drop)
}
