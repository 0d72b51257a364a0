//! Starts the relay, once the history was compared with what Redis still has. Redis being away stops nothing.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tracing::{info, warn};

use super::{COUNT, Ground};
use crate::adapters::redis::{RedisSettings, RedisSink};
use crate::adapters::sqlite::History;
use crate::controller::lease::Leadership;
use crate::failpoint::sabotaged;
use crate::ports::event_sink::{EventSink, Published, SinkError, WindowEntry};
use crate::ports::outbox::{OutboxRow, StreamPosition};
use crate::relay::position::LeaseMark;
use crate::relay::{Relay, recover::recover};
use crate::tasks::Tasks;

/// How long reading the history back from Redis may take at start; then we go on without it.
const RECOVERY: Duration = Duration::from_secs(20);

/// Starts the relay where Redis is configured. `last`: what the last leader noted on the Lease.
///
/// # Errors
/// The Redis URL cannot be read.
pub async fn start_relay(
    ground: &Ground,
    tasks: &mut Tasks,
    history: &Arc<History>,
    leadership: &Leadership,
    last: Option<String>,
) -> anyhow::Result<()> {
    let args = &ground.args;
    let Some(url) = args.redis_url.clone() else {
        info!("no --redis-url: events stay in the database");
        return Ok(());
    };
    ground.numbers.relay.configured.set(1);
    let length = args.redis_max_length;
    let prefix = args.redis_prefix.clone();
    let settings = RedisSettings {
        url,
        prefix,
        ordered_length: length,
        typed_length: length,
        ..RedisSettings::default()
    };
    let sink = Arc::new(LeaderSink {
        sink: RedisSink::new(&settings)?,
        leadership: leadership.clone(),
    });
    let mark = last.and_then(|text| text.parse::<LeaseMark>().ok());
    while sabotaged("sabotage.relay.starts_with_redis_alone") && sink.position().await.is_err() {
        tokio::time::sleep(COUNT).await;
    }
    match tokio::time::timeout(RECOVERY, recover(history.as_ref(), sink.as_ref(), mark)).await {
        Ok(Ok(recovered)) => info!(
            adopted = recovered.adopted,
            new_log = recovered.new_log,
            "history compared with Redis"
        ),
        Ok(Err(error)) => warn!(%error, "history not compared with Redis; going on without"),
        Err(_) => warn!("history not compared with Redis in time; going on without"),
    }
    let relay = Relay::new(history.clone(), sink, mark);
    let (mut status, clock, numbers) = (relay.status(), ground.clock.clone(), ground.numbers.relay.clone());
    let (mark, stop) = (ground.mark.clone(), ground.stop.clone());
    tasks.spawn("relay status", async move {
        while !stop.is_cancelled() {
            let now = status.borrow_and_update().clone();
            numbers.show(&now, clock.now());
            mark.send_replace(now.mark.map(|m| m.to_string()));
            tokio::select! {
                _ = status.changed() => {}
                () = tokio::time::sleep(COUNT) => {}
                () = stop.cancelled() => {}
            }
        }
    });
    let stop = ground.stop.clone();
    tasks.spawn("relay", async move { relay.work(stop).await });
    Ok(())
}

/// Tells nothing, and asks nothing, once the Lease is lost: whoever leads now has another database, in whose eyes what
/// we still have to tell is told already, or will be.
struct LeaderSink {
    sink: RedisSink,
    leadership: Leadership,
}

impl LeaderSink {
    fn check(&self) -> Result<(), SinkError> {
        self.leadership.check().map_err(|why| SinkError(why.to_string()))
    }
}

#[async_trait]
impl EventSink for LeaderSink {
    async fn position(&self) -> Result<Option<StreamPosition>, SinkError> {
        self.check()?;
        self.sink.position().await
    }

    async fn publish(&self, end: Option<StreamPosition>, rows: &[OutboxRow]) -> Result<Published, SinkError> {
        self.check()?;
        self.sink.publish(end, rows).await
    }

    async fn read_window(&self, after: Option<StreamPosition>, limit: u32) -> Result<Vec<WindowEntry>, SinkError> {
        self.sink.read_window(after, limit).await
    }
}
