//! The relay: in order, never twice, through outages of Redis and the loss of its data.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use metawsm::adapters::redis::RedisSink;
use metawsm::adapters::sqlite::History;
use metawsm::ports::journal::Journal;
use metawsm::ports::outbox::Outbox;
use metawsm::relay::{Relay, RelayStatus};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::redis_server::{Read, RedisServer};
use super::stage::{Object, Stage, eventually, record_objects};

pub const ORDERED: &str = "metawsm.events";

pub struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
    pub status: watch::Receiver<RelayStatus>,
}

impl Running {
    pub fn start(history: &Arc<History>, sink: RedisSink) -> Self {
        let relay = Relay::new(history.clone(), Arc::new(sink), None);
        let (stop, status) = (CancellationToken::new(), relay.status());
        Self {
            task: tokio::spawn(relay.work(stop.clone())),
            stop,
            status,
        }
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// Until everything that was recorded so far is sent.
    pub async fn until_sent(&self, history: &History) {
        eventually("everything is sent", || async {
            (history.log_state().await.unwrap().unsent == 0).then_some(())
        })
        .await;
    }

    pub async fn until(&self, what: &str, holds: impl Fn(&RelayStatus) -> bool) {
        eventually(what, || async { holds(&self.status.borrow()).then_some(()) }).await;
    }
}

pub fn ids(entries: &[Read]) -> Vec<String> {
    entries.iter().map(|entry| entry.id.clone()).collect()
}

#[tokio::test]
async fn events_arrive_in_order_and_on_the_stream_of_their_type() {
    let (stage, redis) = (Stage::new(), RedisServer::started().await);
    let history = stage.open().await;
    let relay = Running::start(&history, redis.sink());
    history.record(Object::new("one").grow(5).record()).await.unwrap();
    let all = redis.read_full(ORDERED, 5).await;
    let epoch = history.log_state().await.unwrap().identity.epoch_ms;
    assert_eq!(ids(&all), (1..=5).map(|i| format!("{epoch}-{i}")).collect::<Vec<_>>());
    let seqs = |entries: &[Read]| entries.iter().map(|e| e.envelope.event.subject_seq).collect::<Vec<_>>();
    assert_eq!(seqs(&redis.read("run.events.phase.changed").await), [1, 3, 5]);
    assert_eq!(seqs(&redis.read("run.events.docs.seeded").await), [2, 4]);
    relay
        .until("the outbox is empty", |status| status.connected && status.unsent == 0)
        .await;
    let mark = relay.status.borrow().mark.unwrap();
    assert_eq!((mark.epoch_ms, mark.sequence), (epoch, 5));
    relay.stop().await;
}

#[tokio::test]
async fn entries_have_the_fields_of_watermill() {
    let (stage, redis) = (Stage::new(), RedisServer::started().await);
    let history = stage.open().await;
    let relay = Running::start(&history, redis.sink());
    history.record(Object::new("one").grow(1).record()).await.unwrap();
    let entry = redis.read_full(ORDERED, 1).await.remove(0);
    let event = &entry.envelope.event;
    assert_eq!(entry.message_uuid, event.event_id.to_string());
    let metadata: BTreeMap<String, String> = rmp_serde::from_slice(&entry.metadata).unwrap();
    assert_eq!(metadata["correlation_id"], "uid-one");
    assert_eq!(metadata["event_type"], "run.phase.changed");
    assert_eq!(
        (metadata["event_version"].as_str(), metadata["sequence"].as_str()),
        ("1", "1")
    );
    assert_eq!(event.run_id.as_deref(), Some("team-a/one"));
    relay.stop().await;
}

#[tokio::test]
async fn what_is_recorded_while_redis_is_down_arrives_once_it_is_up() {
    let (stage, mut redis) = (Stage::new(), RedisServer::reserved());
    let history = stage.open().await;
    let relay = Running::start(&history, redis.sink());
    record_objects(&history, "early", 600).await;
    relay
        .until("the failure shows", |status| {
            !status.connected && status.last_error.is_some()
        })
        .await;
    relay
        .until("the waiting ones show", |status| {
            status.unsent == 600 && status.oldest_unsent.is_some()
        })
        .await;
    redis.start().await;
    redis.read_full(ORDERED, 600).await;
    relay
        .until("it is well again", |status| {
            status.connected && status.last_error.is_none()
        })
        .await;
    redis.stop();
    record_objects(&history, "late", 3).await;
    redis.start().await;
    let all = redis.read_full(ORDERED, 603).await;
    let sequences: Vec<_> = all.iter().map(|entry| entry.envelope.sequence).collect();
    assert_eq!(
        sequences,
        (1..=603).collect::<Vec<_>>(),
        "a Redis without its data gets everything again, in order"
    );
    relay.stop().await;
}

#[tokio::test]
async fn after_a_flush_all_events_come_again_in_order() {
    let (stage, redis) = (Stage::new(), RedisServer::started().await);
    let history = stage.open().await;
    let relay = Running::start(&history, redis.sink());
    record_objects(&history, "before", 300).await;
    let before = redis.read_full(ORDERED, 300).await;
    redis.flush().await;
    let after = redis.read_full(ORDERED, 300).await;
    assert_eq!(ids(&after), ids(&before), "also while nothing new is recorded");
    relay.stop().await;
}

#[tokio::test]
async fn a_flush_in_the_middle_of_traffic_loses_nothing() {
    let (stage, redis) = (Stage::new(), RedisServer::started().await);
    let history = stage.open().await;
    let relay = Running::start(&history, redis.sink());
    for round in 0..10 {
        record_objects(&history, &format!("round-{round}"), 40).await;
        redis.flush().await;
        record_objects(&history, &format!("after-{round}"), 10).await;
    }
    let all = redis.read_full(ORDERED, 500).await;
    let sequences: Vec<_> = all.iter().map(|entry| entry.envelope.sequence).collect();
    assert_eq!(sequences, (1..=500).collect::<Vec<_>>());
    assert_eq!(redis.read("run.events.phase.changed").await.len(), 500);
    relay.stop().await;
}

#[tokio::test]
async fn a_restarted_relay_sends_nothing_twice() {
    let (stage, redis) = (Stage::new(), RedisServer::started().await);
    let history = stage.open().await;
    record_objects(&history, "one", 10).await;
    let relay = Running::start(&history, redis.sink());
    redis.read_full(ORDERED, 10).await;
    relay.stop().await;
    history.rewind(None).await.unwrap();
    record_objects(&history, "two", 10).await;
    let relay = Running::start(&history, redis.sink());
    let all = redis.read_full(ORDERED, 20).await;
    relay
        .until("the outbox is empty", |status| {
            status.unsent == 0 && status.mark.is_some()
        })
        .await;
    let unique: HashSet<_> = all.iter().map(|entry| entry.message_uuid.clone()).collect();
    assert_eq!((all.len(), unique.len()), (20, 20));
    assert_eq!(redis.read("run.events.phase.changed").await.len(), 20);
    relay.stop().await;
}

#[tokio::test]
async fn a_stopping_relay_sends_what_is_left() {
    let (stage, redis) = (Stage::new(), RedisServer::started().await);
    let history = stage.open().await;
    let mut recorded = 0;
    loop {
        let relay = Running::start(&history, redis.sink());
        record_objects(&history, &format!("before-{recorded}"), 50).await;
        recorded += 50;
        let asked = Instant::now();
        relay.stop().await;
        // It is given three seconds. Where the machine took those, it was no fault to leave some for the next one.
        if asked.elapsed() < Duration::from_secs(3) {
            break;
        }
        assert!(recorded < 2000, "no stop was over in three seconds");
    }
    assert_eq!(redis.read(ORDERED).await.len(), recorded);
    assert_eq!(history.log_state().await.unwrap().unsent, 0);
}

#[tokio::test]
async fn two_prefixes_do_not_mix() {
    let redis = RedisServer::started().await;
    let mut relays = Vec::new();
    let stages = [("a:", Stage::new()), ("b:", Stage::new())];
    for (prefix, stage) in &stages {
        let history = stage.open().await;
        record_objects(&history, prefix, 3).await;
        relays.push(Running::start(
            &history,
            RedisSink::new(&redis.settings(prefix)).unwrap(),
        ));
    }
    for (prefix, _) in &stages {
        let all = redis.read_full(&format!("{prefix}{ORDERED}"), 3).await;
        assert!(all.iter().all(|entry| entry.envelope.event.subject.contains(prefix)));
    }
    assert!(redis.read(ORDERED).await.is_empty());
    for relay in relays {
        relay.stop().await;
    }
}

#[tokio::test]
async fn a_key_of_another_type_is_an_error_in_words_and_nothing_is_lost() {
    let (stage, redis) = (Stage::new(), RedisServer::started().await);
    let history = stage.open().await;
    let mut connection = redis.connection().await;
    let set = |key: &'static str| redis::cmd("SET").arg(key).arg("x").to_owned();
    set("run.events.docs.seeded")
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
    history.record(Object::new("one").grow(4).record()).await.unwrap();
    let relay = Running::start(&history, redis.sink());
    let wrong_type = |status: &RelayStatus| status.last_error.as_ref().is_some_and(|e| e.contains("WRONGTYPE"));
    relay.until("the error shows", wrong_type).await;
    redis::cmd("DEL")
        .arg("run.events.docs.seeded")
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
    redis.read_full("run.events.docs.seeded", 2).await;
    assert_eq!(redis.read_full(ORDERED, 4).await.len(), 4);
    assert_eq!(redis.read_full("run.events.phase.changed", 2).await.len(), 2);
    relay.stop().await;
}

#[tokio::test]
async fn streams_are_trimmed_where_a_length_is_set() {
    let (stage, redis) = (Stage::new(), RedisServer::started().await);
    let history = stage.open().await;
    let mut settings = redis.settings("");
    (settings.ordered_length, settings.typed_length) = (200, 100);
    record_objects(&history, "one", 1000).await;
    let relay = Running::start(&history, RedisSink::new(&settings).unwrap());
    relay
        .until("all is sent", |status| {
            status.mark.is_some_and(|mark| mark.sequence == 1000)
        })
        .await;
    let (ordered, typed) = (redis.read(ORDERED).await, redis.read("run.events.phase.changed").await);
    assert!((200..=400).contains(&ordered.len()), "{}", ordered.len());
    assert!((100..=300).contains(&typed.len()), "{}", typed.len());
    relay.stop().await;
}
