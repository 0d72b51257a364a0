//! How many events per second are read from `metawsm.events` and decoded to envelopes beside a bare XREADGROUP drain that
//! looks at nothing: once through a consumer group, each batch acknowledged, and once the way a lost history is read back.
//! In turn, medians. Goal: at least 0.6 of the bare rate.
//!
//! `BENCH_ROUNDS` sets the rounds, `BENCH_EVENTS` the events of each, `BENCH_REDIS_URL` another Redis.

mod shared {
    pub mod comparison;
    pub mod opening;
    pub mod rate;
    pub mod records;
    pub mod scratch;
    pub mod stores;
}

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metawsm::adapters::redis::streams::StreamNames;
use metawsm::adapters::redis::{RedisSettings, RedisSink};
use metawsm::kernel::envelope::Envelope;
use metawsm::ports::event_sink::EventSink as _;
use metawsm::ports::outbox::Outbox as _;
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamId, StreamReadReply};
use shared::comparison::{median, ratio};
use shared::opening::{header, number};
use shared::rate::rate;
use shared::scratch::scratch;
use shared::stores;

/// Entries read at once, by everybody.
const PAGE: u32 = 512;

#[tokio::main]
async fn main() {
    let (rounds, count) = (number("BENCH_ROUNDS", 7), number("BENCH_EVENTS", 20_000));
    header("reading metawsm.events against a bare XREADGROUP drain", rounds);
    let mut connection = stores::connected().await;
    let settings = RedisSettings {
        url: stores::redis_url(),
        prefix: format!("bench-{}:", uuid::Uuid::new_v4().simple()),
        ..RedisSettings::default()
    };
    let sink = RedisSink::new(&settings).unwrap();
    fill(&sink, count).await;
    let stream = StreamNames::new(&settings.prefix).ordered();
    let (mut decoded, mut windows, mut bares) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=rounds {
        let bare = drain(&mut connection, &stream, count, <[StreamId]>::len).await;
        let group = drain(&mut connection, &stream, count, decode).await;
        let window = read_back(&sink, count).await;
        // The first round only warms up.
        if round > 0 {
            bares.push(bare);
            decoded.push(group);
            windows.push(window);
        }
    }
    stores::clear(&mut connection, &settings.prefix).await;
    let bare = median(&mut bares);
    println!(
        "{:>8}  {:>24} {:>12} {:>12} {:>10}",
        "events", "", "decoded", "bare", "rate/bare"
    );
    for (what, times) in [
        ("consumer group", &mut decoded),
        ("reading a history back", &mut windows),
    ] {
        let took = median(times);
        println!(
            "{count:>8}  {what:>24} {:>12} {:>12} {:>10}",
            rate(count, took),
            rate(count, bare),
            ratio(bare, took)
        );
    }
}

/// Real entries, as the relay publishes them.
async fn fill(sink: &RedisSink, count: usize) {
    let scratch = scratch();
    let history = stores::history_of(scratch.path(), count).await;
    let mut end = None;
    loop {
        let rows = history.pending(None, PAGE).await.unwrap();
        let Some(last) = rows.last().map(|row| row.position) else {
            break;
        };
        sink.publish(end, &rows).await.unwrap();
        history.mark_sent(last).await.unwrap();
        end = Some(last);
    }
    Arc::into_inner(history)
        .expect("nobody else has it")
        .close()
        .await
        .unwrap();
}

/// Reads the whole stream through a new group; every batch is acknowledged once `look` has seen it.
async fn drain(
    connection: &mut MultiplexedConnection,
    stream: &str,
    count: usize,
    look: impl Fn(&[StreamId]) -> usize,
) -> Duration {
    let group = uuid::Uuid::new_v4().to_string();
    connection
        .xgroup_create::<_, _, _, ()>(stream, &group, "0")
        .await
        .unwrap();
    let mut read = redis::cmd("XREADGROUP");
    read.arg("GROUP").arg(&group).arg("bench").arg("COUNT").arg(PAGE);
    read.arg("STREAMS").arg(stream).arg(">");
    let (begun, mut seen) = (Instant::now(), 0);
    while seen < count {
        let mut reply: StreamReadReply = read.query_async(connection).await.unwrap();
        let entries = reply.keys.remove(0).ids;
        seen += look(&entries);
        let ids: Vec<_> = entries.iter().map(|e| e.id.as_str()).collect();
        connection.xack::<_, _, _, ()>(stream, &group, &ids).await.unwrap();
    }
    let took = begun.elapsed();
    assert_eq!(seen, count);
    connection.xgroup_destroy::<_, _, ()>(stream, &group).await.unwrap();
    took
}

/// What a consumer reads of an entry: metadata to route by, and the envelope.
fn decode(entries: &[StreamId]) -> usize {
    let read = |entry: &StreamId| {
        let metadata: BTreeMap<String, String> = rmp_serde::from_slice(&entry.get::<Vec<u8>>("metadata")?).ok()?;
        let envelope: Envelope = serde_json::from_str(&entry.get::<String>("payload")?).ok()?;
        (metadata["event_type"] == envelope.event.event_type).then_some(envelope)
    };
    let envelopes: Vec<_> = entries.iter().filter_map(read).collect();
    envelopes.len()
}

async fn read_back(sink: &RedisSink, count: usize) -> Duration {
    let (begun, mut seen, mut after) = (Instant::now(), 0, None);
    loop {
        let page = sink.read_window(after, PAGE).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.position);
        let envelopes = page.iter().filter_map(|e| e.envelope.as_deref());
        seen += envelopes
            .map(|text| serde_json::from_str::<Envelope>(text).expect("it is an envelope"))
            .filter(|envelope| envelope.sequence > 0)
            .count();
    }
    assert_eq!(seen, count);
    begun.elapsed()
}
