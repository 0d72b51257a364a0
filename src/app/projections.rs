//! Starts the projector beside the kinds, and builds the read models again on request. Decides nothing.

use std::path::Path;
use std::sync::Arc;

use super::Ground;
use crate::adapters::sqlite::{History, HistoryReader};
use crate::adapters::system_clock::SystemClock;
use crate::ports::projection::Projections as _;
use crate::projections::Projector;
use crate::projections::metrics::ProjectionMetrics;
use crate::tasks::Tasks;

/// Starts it.
pub fn start_projector(ground: &Ground, tasks: &mut Tasks, history: &Arc<History>) {
    let projector = Projector::new(
        history.clone(),
        ground.clock.clone(),
        ground.numbers.projections.clone(),
    );
    let stop = ground.stop.clone();
    tasks.spawn("projections", async move { projector.work(stop).await });
}

/// Builds the read models of an existing database again; how many events were folded. A controller that runs beside it
/// folds with us: the cursor moves for one of us at a time.
///
/// # Errors
/// There is no such database, another version wrote it, or it cannot be written.
pub async fn rebuild(database: &Path) -> anyhow::Result<u64> {
    // Makes none and migrates none.
    drop(HistoryReader::open(database).await?);
    let clock = Arc::new(SystemClock);
    let history = Arc::new(History::open(database, clock.clone()).await?);
    history.reset().await?;
    let projector = Projector::new(history.clone(), clock, ProjectionMetrics::default());
    let folded = projector.catch_up().await;
    history.close().await?;
    Ok(folded?)
}
