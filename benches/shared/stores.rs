//! A history full of events, and the Redis that they are sent to. Measures nothing.

use std::sync::Arc;

use metawsm::adapters::sqlite::History;
use metawsm::adapters::system_clock::SystemClock;
use redis::aio::MultiplexedConnection;

use super::records::{record, record_all};

/// A new history in a folder of its own below `root`, with so many recorded events.
pub async fn history_of(root: &std::path::Path, events: usize) -> Arc<History> {
    let file = root.join(format!("{}/metawsm.db", uuid::Uuid::new_v4().simple()));
    let history = History::open(&file, Arc::new(SystemClock)).await.expect("it opens");
    let history = Arc::new(history);
    record_all(&history, (0..events).map(record).collect(), 64).await;
    history
}

/// The Redis that `tests/control-plane/with` started, or another one of `BENCH_REDIS_URL`.
pub fn redis_url() -> String {
    let set = |name| std::env::var(name).ok().filter(|url: &String| !url.is_empty());
    set("BENCH_REDIS_URL")
        .or_else(|| set("METAWSM_TEST_REDIS_URL"))
        .expect("no Redis is known: run `make bench`, or set BENCH_REDIS_URL to one that may be written to")
}

/// A connection of the client library, nothing of ours.
pub async fn connected() -> MultiplexedConnection {
    let patient = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    redis::Client::open(redis_url())
        .unwrap()
        .get_multiplexed_async_connection_with_config(&patient)
        .await
        .expect("Redis answers")
}

/// Deletes every key that begins so.
pub async fn clear(connection: &mut MultiplexedConnection, prefix: &str) {
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg(format!("{prefix}*"))
        .query_async(connection)
        .await
        .unwrap();
    if !keys.is_empty() {
        redis::cmd("DEL").arg(keys).query_async::<()>(connection).await.unwrap();
    }
}
