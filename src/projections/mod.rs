//! Folds recorded events into the forum's read models, in the order of recording, apart from reconciling. May not change
//! an event, and decides nothing about an object: what it writes can be built again.

mod facts;
mod fold;
pub mod metrics;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::fold::{Unfoldable, concerns, fold};
use self::metrics::ProjectionMetrics;
use crate::failpoint::{Asked, fallible, sabotaged};
use crate::ports::clock::Clock;
use crate::ports::journal::JournalError;
use crate::ports::projection::{Batch, Folded, ForumRows, Projections, ThreadRow};

/// Events folded at once: enough to share a flush; with bodies of the largest size still below ten megabytes.
pub const BATCH: u32 = 512;

/// How often an idle projector looks by itself: another process may have reset the cursor.
const IDLE_LOOK: Duration = Duration::from_secs(2);

/// The pauses after failures double from the first to the second of these.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Asked(#[from] Asked),
}

/// The loop from events to rows.
pub struct Projector {
    store: Arc<dyn Projections>,
    clock: Arc<dyn Clock>,
    metrics: ProjectionMetrics,
}

impl Projector {
    pub fn new(store: Arc<dyn Projections>, clock: Arc<dyn Clock>, metrics: ProjectionMetrics) -> Self {
        Self { store, clock, metrics }
    }

    /// Works until stopped. Failures pause it and nothing else.
    pub async fn work(self, stop: CancellationToken) {
        let mut pause = PAUSES.0;
        while !stop.is_cancelled() {
            let round = tokio::select! {
                round = self.catch_up() => round,
                () = stop.cancelled() => return,
            };
            let wait = match round {
                Ok(_) => {
                    pause = PAUSES.0;
                    IDLE_LOOK
                }
                Err(error) => {
                    warn!("read models fall behind: {error}");
                    pause = (pause * 2).min(PAUSES.1);
                    pause
                }
            };
            tokio::select! {
                () = self.store.recorded(), if wait == IDLE_LOOK => {}
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Folds until nothing is left, and shows how far it is behind then, also where it did not come to the end; how many
    /// events.
    ///
    /// # Errors
    /// The history cannot be read or written.
    pub async fn catch_up(&self) -> Result<u64, ProjectionError> {
        let folded = self.fold_all().await;
        match self.show_lag().await {
            Ok(()) => folded,
            // What kept it from folding keeps it from looking too.
            Err(unseen) => folded.and(Err(unseen)),
        }
    }

    async fn show_lag(&self) -> Result<(), ProjectionError> {
        self.metrics.show(self.store.lag().await?, self.clock.now());
        Ok(())
    }

    async fn fold_all(&self) -> Result<u64, ProjectionError> {
        let mut total = 0;
        loop {
            let batch = self.store.batch(BATCH).await?;
            if batch.last == batch.after {
                return Ok(total);
            }
            let count = u64::try_from(batch.events.len()).unwrap_or(u64::MAX);
            let (mut folded, passed_over) = fold_batch(batch);
            if sabotaged("sabotage.projections.moves_on_empty_handed") {
                folded.rows = ForumRows::default();
            }
            for why in &passed_over {
                warn!("{why}");
            }
            fallible("projections.before_batch")?;
            if !self.store.fold_in(folded).await? {
                info!("another process moved the cursor of the read models; going on from there");
                continue;
            }
            fallible("projections.after_batch")?;
            total += count;
            self.metrics.events.inc_by(count);
            let skipped = u64::try_from(passed_over.len()).unwrap_or(u64::MAX);
            self.metrics.passed_over.inc_by(skipped);
            self.show_lag().await?;
        }
    }
}

/// The rows of a batch, and what could not be folded.
pub fn fold_batch(batch: Batch) -> (Folded, Vec<Unfoldable>) {
    let mut threads: BTreeMap<String, ThreadRow> =
        batch.threads.into_iter().map(|row| (row.uid.clone(), row)).collect();
    let mut passed_over: Vec<_> = batch.unreadable.into_iter().map(unreadable).collect();
    let mut folded = Folded {
        after: batch.after,
        last: batch.last,
        ..Folded::default()
    };
    for event in batch.events.iter().filter(|e| concerns(&e.envelope.event.event_type)) {
        let uid = &event.envelope.event.subject_uid;
        match fold(threads.get(uid).cloned(), event, &mut folded.rows) {
            Ok(row) => drop(threads.insert(uid.clone(), row)),
            Err(why) => passed_over.push(why),
        }
    }
    folded.rows.threads = threads.into_values().collect();
    (folded, passed_over)
}

fn unreadable(position: i64) -> Unfoldable {
    Unfoldable {
        position,
        event_type: "unknown".to_owned(),
        subject: "unknown".to_owned(),
        why: "the row was changed: `metawsm db verify` says how".to_owned(),
    }
}
