//! A database that was lost, restored from a backup, or begun under a clock that went back.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use metawsm::adapters::sqlite::History;
use metawsm::ports::journal::Journal;
use metawsm::ports::outbox::Outbox;
use metawsm::ports::read_model::ReadModel;
use metawsm::relay::position::LeaseMark;
use metawsm::relay::recover::{Recovered, recover};
use redis::AsyncCommands;

use super::redis_server::{Read, RedisServer};
use super::relaying::{ORDERED, Running, ids};
use super::stage::{Object, Stage};

async fn record_all(history: &History, objects: &[Object]) {
    for object in objects {
        history.record(object.record()).await.unwrap();
    }
}

fn objects(count: usize, length: usize) -> Vec<Object> {
    (0..count)
        .map(|i| Object::new(&format!("o-{i}")).grow(length))
        .collect()
}

fn unique(entries: &[Read]) -> usize {
    entries
        .iter()
        .map(|entry| &entry.message_uuid)
        .collect::<HashSet<_>>()
        .len()
}

fn epochs(entries: &[Read]) -> Vec<i64> {
    entries
        .iter()
        .map(|entry| entry.id.split_once('-').unwrap().0.parse().unwrap())
        .collect()
}

#[tokio::test]
async fn a_lost_database_is_read_back_and_nothing_is_published_twice() {
    let (stage, redis) = (Stage::new(), RedisServer::started().await);
    let history = stage.open().await;
    let first_log = history.log_state().await.unwrap().identity;
    let relay = Running::start(&history, redis.sink());
    record_all(&history, &objects(100, 8)).await;
    redis.read_full(ORDERED, 800).await;
    relay.stop().await;
    history.close().await.unwrap();
    stage.delete_database();
    redis
        .connection()
        .await
        .xadd::<_, _, _, _, String>(ORDERED, "*", &[("not", "ours")])
        .await
        .unwrap();

    stage.clock.0.store(60_000, Ordering::Relaxed);
    let history = stage.open().await;
    let recovered = recover(&*history, &redis.sink(), None).await.unwrap();
    assert_eq!(
        recovered,
        Recovered {
            adopted: 800,
            skipped: 1,
            new_log: false
        }
    );
    assert_eq!(
        recover(&*history, &redis.sink(), None).await.unwrap().adopted,
        0,
        "again changes nothing"
    );
    let log = history.log_state().await.unwrap();
    assert!(log.identity.epoch_ms > first_log.epoch_ms && log.identity.log_id != first_log.log_id);
    let relay = Running::start(&history, redis.sink());
    record_all(&history, &objects(100, 10)).await;
    relay.until_sent(&history).await;
    relay.stop().await;
    let length: usize = redis.connection().await.xlen(ORDERED).await.unwrap();
    assert_eq!(length, 1001, "800, the foreign one, and 200 that are new");
    assert_eq!(history.verify_database().await.unwrap().flaws, []);
    let (events, read_back): (i64, i64) =
        sqlx::query_as("SELECT count(*), count(*) FILTER (WHERE source = 'redis') FROM events")
            .fetch_one(&mut stage.raw().await)
            .await
            .unwrap();
    assert_eq!((events, read_back), (1000, 800));
}

#[tokio::test]
async fn after_a_flush_events_of_earlier_logs_come_again_too() {
    let (stage, redis) = (Stage::new(), RedisServer::started().await);
    let history = stage.open().await;
    let relay = Running::start(&history, redis.sink());
    record_all(&history, &objects(5, 4)).await;
    redis.read_full(ORDERED, 20).await;
    relay.stop().await;
    history.close().await.unwrap();
    stage.delete_database();

    let history = stage.open().await;
    recover(&*history, &redis.sink(), None).await.unwrap();
    let relay = Running::start(&history, redis.sink());
    record_all(&history, &objects(5, 6)).await;
    let before = redis.read_full(ORDERED, 30).await;
    redis.flush().await;
    let after = redis.read_full(ORDERED, 30).await;
    assert_eq!(ids(&after), ids(&before));
    assert!(
        after
            .iter()
            .zip(&before)
            .all(|(after, before)| after.envelope == before.envelope)
    );
    relay.stop().await;
}

#[tokio::test]
async fn a_restored_backup_begins_a_new_log_and_repeats_nothing() {
    let (stage, redis) = (Stage::new(), RedisServer::started().await);
    let history = stage.open().await;
    record_all(&history, &objects(10, 2)).await;
    history.close().await.unwrap();
    stage.copy_database("backup.db");
    let history = stage.open().await;
    let relay = Running::start(&history, redis.sink());
    record_all(&history, &objects(10, 5)).await;
    let before = redis.read_full(ORDERED, 50).await;
    relay.stop().await;
    history.close().await.unwrap();
    stage.restore_database("backup.db");

    let history = stage.open().await;
    let recovered = recover(&*history, &redis.sink(), None).await.unwrap();
    assert_eq!(
        recovered,
        Recovered {
            adopted: 30,
            skipped: 0,
            new_log: true
        }
    );
    let relay = Running::start(&history, redis.sink());
    record_all(&history, &objects(10, 6)).await;
    let all = redis.read_full(ORDERED, 60).await;
    assert_eq!((all.len(), unique(&all)), (60, 60));
    assert!(epochs(&all)[50..].iter().all(|epoch| *epoch > epochs(&before)[49]));
    relay.stop().await;
    let verdict = history.verify_database().await.unwrap();
    assert_eq!((verdict.flaws, verdict.gaps), (vec![], vec![]));
}

#[tokio::test]
async fn without_recovery_a_database_behind_the_stream_still_loses_nothing() {
    let (stage, redis) = (Stage::new(), RedisServer::started().await);
    let history = stage.open().await;
    let relay = Running::start(&history, redis.sink());
    record_all(&history, &objects(5, 2)).await;
    redis.read_full(ORDERED, 10).await;
    relay.stop().await;
    history.close().await.unwrap();
    stage.delete_database();

    stage.clock.0.store(-3_600_000, Ordering::Relaxed);
    let history = stage.open().await;
    record_all(&history, &objects(5, 3)).await;
    let relay = Running::start(&history, redis.sink());
    let all = redis.read_full(ORDERED, 25).await;
    let epochs = epochs(&all);
    assert!(
        epochs.is_sorted() && epochs[24] > epochs[9],
        "the new log comes after the old one: {epochs:?}"
    );
    let sequences: Vec<_> = all[10..].iter().map(|entry| entry.envelope.sequence).collect();
    assert_eq!(sequences, (1..=15).collect::<Vec<_>>());
    relay.stop().await;
    assert_eq!(history.verify_database().await.unwrap().flaws, []);
}

#[tokio::test]
async fn a_mark_on_the_lease_alone_begins_a_new_log() {
    let (stage, redis) = (Stage::new(), RedisServer::started().await);
    let history = stage.open().await;
    record_all(&history, &objects(3, 1)).await;
    let log = history.log_state().await.unwrap();
    let mark = LeaseMark {
        sequence: 9,
        ..LeaseMark::of(&log)
    };
    let recovered = recover(&*history, &redis.sink(), Some(mark)).await.unwrap();
    assert!(recovered.new_log);
    let renumbered = history.log_state().await.unwrap();
    assert!(renumbered.identity.epoch_ms > log.identity.epoch_ms);
    assert_eq!((renumbered.last_sequence, renumbered.unsent), (3, 3));
    assert_eq!(
        recover(&*history, &redis.sink(), Some(mark)).await.unwrap(),
        Recovered::default()
    );
}

#[tokio::test]
async fn recovery_without_redis_fails_soon_and_changes_nothing() {
    let (stage, redis) = (Stage::new(), RedisServer::reserved());
    let history = stage.open().await;
    let log = history.log_state().await.unwrap();
    let why = recover(&*history, &redis.sink(), None).await.unwrap_err().to_string();
    assert!(why.starts_with("failed to use the event streams"), "{why}");
    assert_eq!(history.log_state().await.unwrap(), log);
}
