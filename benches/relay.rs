//! How many events per second the relay carries from the outbox to Redis (read, send, mark as sent; each event to the
//! ordered stream and to the stream of its type) beside pipelined XADDs of the same entries to as many streams. In turn,
//! medians. Goal: at least 0.6 of the pipelined rate.
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

use std::sync::Arc;
use std::time::{Duration, Instant};

use metawsm::adapters::redis::streams::StreamNames;
use metawsm::adapters::redis::{RedisSettings, RedisSink};
use metawsm::adapters::sqlite::History;
use metawsm::ports::outbox::Outbox as _;
use metawsm::relay::Relay;
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamId, StreamRangeReply};
use shared::comparison::{median, ratio};
use shared::opening::{header, number};
use shared::rate::rate;
use shared::scratch::scratch;
use shared::stores;
use tokio_util::sync::CancellationToken;

/// What the controller keeps of each stream unless told otherwise.
const LENGTH: u64 = 100_000;
/// Events sent in one go on both sides.
const BATCH: usize = 256;

#[tokio::main]
async fn main() {
    let (rounds, count) = (number("BENCH_ROUNDS", 7), number("BENCH_EVENTS", 20_000));
    header("relay against pipelined XADD", rounds);
    let scratch = scratch();
    let history = stores::history_of(scratch.path(), count).await;
    let mut connection = stores::connected().await;
    let prefix = format!("bench-{}:", uuid::Uuid::new_v4().simple());
    let (mut ours, mut raws) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let our = relay(&history, &prefix, count).await;
        let entries: StreamRangeReply = connection
            .xrange_all(StreamNames::new(&prefix).ordered())
            .await
            .unwrap();
        assert_eq!(entries.ids.len(), count, "every event arrived");
        stores::clear(&mut connection, &prefix).await;
        let raw = pipelined(&mut connection, &prefix, &entries.ids).await;
        stores::clear(&mut connection, &prefix).await;
        // The first round only warms up.
        if round > 0 {
            ours.push(our);
            raws.push(raw);
        }
    }
    let (our, raw) = (median(&mut ours), median(&mut raws));
    println!("{:>8}  {:>12} {:>12} {:>10}", "events", "relay", "XADD", "rate/XADD");
    println!(
        "{count:>8}  {:>12} {:>12} {:>10}",
        rate(count, our),
        rate(count, raw),
        ratio(raw, our)
    );
}

/// From the relay's first look until it has marked everything as sent.
async fn relay(history: &Arc<History>, prefix: &str, count: usize) -> Duration {
    let settings = RedisSettings {
        url: stores::redis_url(),
        prefix: prefix.to_owned(),
        ordered_length: LENGTH,
        typed_length: LENGTH,
        ..RedisSettings::default()
    };
    let unsent = history.rewind(None).await.unwrap();
    assert_eq!(usize::try_from(unsent), Ok(count), "all is to be sent again");
    let sink = RedisSink::new(&settings).unwrap();
    let relay = Relay::new(history.clone(), Arc::new(sink), None);
    let (mut status, stop) = (relay.status(), CancellationToken::new());
    let last = i64::try_from(count).unwrap();
    let begun = Instant::now();
    let working = tokio::spawn(relay.work(stop.clone()));
    let sent = status.wait_for(|s| s.unsent == 0 && s.mark.is_some_and(|mark| mark.sequence == last));
    sent.await.expect("the relay works");
    let took = begun.elapsed();
    stop.cancel();
    working.await.unwrap();
    assert_eq!(history.log_state().await.unwrap().unsent, 0);
    took
}

async fn pipelined(connection: &mut MultiplexedConnection, prefix: &str, entries: &[StreamId]) -> Duration {
    let names = StreamNames::new(prefix);
    let (ordered, typed) = (names.ordered(), names.of_type("run.docs.seeded"));
    let fields = ["_watermill_message_uuid", "metadata", "payload"];
    let value = |entry: &StreamId, field: &str| entry.get::<Vec<u8>>(field).expect("the field is there");
    let entries: Vec<_> = entries
        .iter()
        .map(|e| (e.id.clone(), fields.map(|field| value(e, field))))
        .collect();
    let begun = Instant::now();
    for batch in entries.chunks(BATCH) {
        let mut pipeline = redis::pipe();
        for (id, values) in batch {
            for stream in [&ordered, &typed] {
                pipeline
                    .cmd("XADD")
                    .arg(stream)
                    .arg("MAXLEN")
                    .arg("~")
                    .arg(LENGTH)
                    .arg(id);
                for (field, value) in fields.iter().zip(values) {
                    pipeline.arg(field).arg(value);
                }
                pipeline.ignore();
            }
        }
        pipeline.query_async::<()>(connection).await.unwrap();
    }
    begun.elapsed()
}
