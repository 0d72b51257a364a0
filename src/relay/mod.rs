//! Carries recorded events to where they are published, in order, apart from reconciling. May not change an event,
//! and never stops for a failing sink: what is unsent waits in the outbox.

mod backoff;
mod carry;
pub mod metrics;
pub mod position;
pub mod recover;
mod status;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::backoff::pause_after;
use self::position::{Decision, LeaseMark, reconcile_position};
pub use self::status::RelayStatus;
use crate::failpoint::{Asked, fallible, sabotaged};
use crate::ports::event_sink::{EventSink, Published, SinkError};
use crate::ports::journal::JournalError;
use crate::ports::outbox::{LogState, Outbox, StreamPosition};

/// How often an idle relay looks whether the stream was emptied; one cheap question each.
const IDLE_LOOK: Duration = Duration::from_secs(2);

/// How long a stopping relay may go on sending.
const DRAIN: Duration = Duration::from_secs(3);

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error(transparent)]
    Asked(#[from] Asked),
}

/// How a round ended.
#[derive(PartialEq, Eq)]
enum Round {
    /// Everything was sent, and nothing new came for a while.
    Idle,
    /// The stream ended elsewhere than expected: look again.
    Moved,
}

/// The loop from outbox to sink.
pub struct Relay {
    outbox: Arc<dyn Outbox>,
    sink: Arc<dyn EventSink>,
    mark: Option<LeaseMark>,
    status: watch::Sender<RelayStatus>,
}

impl Relay {
    /// `mark`: how far the controller before had sent, as the Lease says.
    pub fn new(outbox: Arc<dyn Outbox>, sink: Arc<dyn EventSink>, mark: Option<LeaseMark>) -> Self {
        Self {
            outbox,
            sink,
            mark,
            status: watch::Sender::new(RelayStatus::default()),
        }
    }

    /// How it goes, for metrics, readiness and the Lease.
    pub fn status(&self) -> watch::Receiver<RelayStatus> {
        self.status.subscribe()
    }

    /// Works until stopped; then sends what it can within a few seconds.
    pub async fn work(self, stop: CancellationToken) {
        let mut failures = 0;
        let mut moved = false;
        while !stop.is_cancelled() {
            let round = tokio::select! {
                round = self.round() => round,
                () = stop.cancelled() => break,
            };
            let contended = std::mem::replace(&mut moved, matches!(round, Ok(Round::Moved)));
            failures = match &round {
                Ok(Round::Idle) => 0,
                Ok(Round::Moved) if !contended => continue,
                Ok(Round::Moved) => failures + 1,
                Err(error) => {
                    self.failed(error, failures);
                    if sabotaged("sabotage.relay.gives_up") {
                        return std::future::pending().await;
                    }
                    failures + 1
                }
            };
            if failures > 0 {
                tokio::select! {
                    () = tokio::time::sleep(pause_after(failures)) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
        self.finish().await;
    }

    async fn finish(&self) {
        let drained = tokio::time::timeout(DRAIN, async {
            let mut end = self.compare().await?;
            self.send_pending(&mut end).await
        });
        match drained.await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::info!("stopping with unsent events: {error}"),
            Err(_) => tracing::info!("stopping with unsent events: no more time"),
        }
    }

    async fn round(&self) -> Result<Round, RelayError> {
        let mut end = self.compare().await?;
        loop {
            if self.send_pending(&mut end).await? == Published::Moved {
                return Ok(Round::Moved);
            }
            tokio::select! {
                () = self.outbox.appended() => {}
                () = tokio::time::sleep(IDLE_LOOK) => return Ok(Round::Idle),
            }
        }
    }

    /// Makes database and stream agree on what was sent; where the stream ends.
    async fn compare(&self) -> Result<Option<StreamPosition>, RelayError> {
        let log = self.look().await?;
        let stream = self.sink.position().await?;
        self.status.send_modify(RelayStatus::connect);
        match reconcile_position(&log, stream, self.mark) {
            Decision::Continue => {}
            Decision::Rewind { .. } if sabotaged("sabotage.relay.never_rewinds") => {}
            Decision::Rewind { after } => {
                let unsent = self.outbox.rewind(after).await?;
                fallible("relay.after_rewind")?;
                tracing::warn!(unsent, "the stream lost events: sending them again");
            }
            Decision::BeginLog { after_ms } => {
                let log = self.outbox.begin_log(after_ms).await?;
                fallible("relay.after_new_log")?;
                tracing::warn!(log_id = %log.log_id, "the database is behind what was sent: beginning a new log");
            }
        }
        Ok(stream)
    }

    async fn look(&self) -> Result<LogState, RelayError> {
        let log = self.outbox.log_state().await?;
        self.status.send_modify(|status| status.see(&log));
        Ok(log)
    }

    fn failed(&self, error: &RelayError, failures: u32) {
        self.status.send_modify(|status| status.fail(error));
        if failures == 0 {
            tracing::warn!("{error}");
        } else {
            tracing::debug!("{error}");
        }
    }
}
