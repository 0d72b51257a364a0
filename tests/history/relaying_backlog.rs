//! The relay over a backlog of several batches, of which the next is read while one is on its way: still in order, each
//! once, and marked only when acknowledged.

use metawsm::adapters::sqlite::History;
use metawsm::ports::journal::Journal;
use metawsm::ports::outbox::Outbox;
use metawsm::relay::RelayStatus;
use redis::AsyncCommands as _;

use super::redis_server::RedisServer;
use super::relaying::{ORDERED, Running};
use super::stage::{Object, Stage, eventually, record_objects};

async fn record_at_once(history: &History, count: usize) {
    let objects: Vec<_> = (0..count).map(|i| Object::new(&format!("o-{i}")).grow(1)).collect();
    for recorded in futures::future::join_all(objects.iter().map(|o| history.record(o.record()))).await {
        recorded.unwrap();
    }
}

#[tokio::test]
async fn a_flush_in_the_middle_of_a_backlog_loses_nothing() {
    let (stage, redis) = (Stage::new(), RedisServer::started().await);
    let history = stage.open().await;
    record_at_once(&history, 1000).await;
    for least in [1, 300, 600] {
        let relay = Running::start(&history, redis.sink());
        eventually("some of it is sent", || async {
            let sent: usize = redis.connection().await.xlen(ORDERED).await.unwrap();
            (sent >= least).then_some(())
        })
        .await;
        redis.flush().await;
        redis.read_full(ORDERED, 1000).await;
        relay.until_sent(&history).await;
        relay.stop().await;
        let all = redis.read(ORDERED).await;
        let sequences: Vec<_> = all.iter().map(|entry| entry.envelope.sequence).collect();
        assert_eq!(sequences, (1..=1000).collect::<Vec<_>>(), "in order, each once");
        redis.flush().await;
        history.rewind(None).await.unwrap();
    }
}

/// The stream of one type, which is none for as long as it refuses its events.
const SEEDED: &str = "run.events.docs.seeded";

async fn refuse_seeded(redis: &RedisServer, refuses: bool) {
    let mut connection = redis.connection().await;
    let mut command = redis::cmd(if refuses { "SET" } else { "DEL" });
    command.arg(SEEDED);
    if refuses {
        command.arg("x");
    }
    command.query_async::<()>(&mut connection).await.unwrap();
}

#[tokio::test]
async fn only_what_redis_acknowledged_is_marked_as_sent() {
    let (stage, redis) = (Stage::new(), RedisServer::started().await);
    let history = stage.open().await;
    record_at_once(&history, 700).await;
    // The third batch ends at a stream of another type, which refuses its first event.
    history.record(Object::new("last").grow(2).record()).await.unwrap();
    refuse_seeded(&redis, true).await;
    let relay = Running::start(&history, redis.sink());
    let wrong_type = |status: &RelayStatus| status.last_error.as_ref().is_some_and(|e| e.contains("WRONGTYPE"));
    relay.until("the error shows", wrong_type).await;
    let unsent = history.log_state().await.unwrap().unsent;
    assert_eq!(unsent, 702 - 2 * 256, "two batches went, the third did not");
    refuse_seeded(&redis, false).await;
    relay.until_sent(&history).await;
    assert_eq!(redis.read_full(ORDERED, 702).await.len(), 702);
    relay.stop().await;
}

#[tokio::test]
async fn a_batch_behind_one_that_failed_is_refused_as_a_whole() {
    let (stage, redis) = (Stage::new(), RedisServer::started().await);
    let history = stage.open().await;
    // The first batch ends with the event that is refused; the next one holds none of its type.
    record_at_once(&history, 254).await;
    history.record(Object::new("last").grow(2).record()).await.unwrap();
    record_objects(&history, "behind", 300).await;
    refuse_seeded(&redis, true).await;
    let relay = Running::start(&history, redis.sink());
    let wrong_type = |status: &RelayStatus| status.last_error.as_ref().is_some_and(|e| e.contains("WRONGTYPE"));
    relay.until("the error shows", wrong_type).await;
    assert_eq!(redis.read(ORDERED).await.len(), 255, "it ends before that event");
    refuse_seeded(&redis, false).await;
    relay.until_sent(&history).await;
    let sequences: Vec<_> = redis.read(ORDERED).await.iter().map(|e| e.envelope.sequence).collect();
    assert_eq!(sequences, (1..=556).collect::<Vec<_>>(), "in order, each once");
    assert_eq!(redis.read(SEEDED).await.len(), 1);
    relay.stop().await;
}
