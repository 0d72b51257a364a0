//! How far the read models are behind is told, also while nothing can be folded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use metawsm::adapters::sqlite::History;
use metawsm::kernel::moment::Moment;
use metawsm::ports::journal::JournalError;
use metawsm::ports::projection::{Batch, Folded, FoldedAway, Lag, Projections};
use metawsm::projections::Projector;
use metawsm::projections::metrics::ProjectionMetrics;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use crate::forum_stage::Question;
use crate::stage::Stage;

/// A database that cannot be written while it is jammed.
struct Jammed {
    history: Arc<History>,
    jammed: AtomicBool,
}

#[async_trait]
impl Projections for Jammed {
    async fn batch(&self, limit: u32) -> Result<Batch, JournalError> {
        self.history.batch(limit).await
    }
    async fn fold_in(&self, folded: Folded) -> Result<bool, JournalError> {
        if self.jammed.load(Ordering::Relaxed) {
            return Err(JournalError("the disk is full".to_owned()));
        }
        self.history.fold_in(folded).await
    }
    async fn lag(&self) -> Result<Lag, JournalError> {
        self.history.lag().await
    }
    async fn reset(&self) -> Result<(), JournalError> {
        self.history.reset().await
    }
    async fn fold_away(&self, before: Moment, limit: u32) -> Result<FoldedAway, JournalError> {
        self.history.fold_away(before, limit).await
    }
    async fn recorded(&self) {
        self.history.recorded().await;
    }
}

fn shown(registry: &Registry, name: &str) -> i64 {
    let mut page = String::new();
    encode(&mut page, registry).unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.expect("the number is shown").parse().unwrap()
}

#[tokio::test]
async fn the_lag_is_told_and_grows_while_nothing_can_be_folded_and_is_gone_afterwards() {
    let stage = Stage::new();
    let history = stage.open().await;
    let store = Arc::new(Jammed {
        history: history.clone(),
        jammed: AtomicBool::new(true),
    });
    let metrics = ProjectionMetrics::default();
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    let projector = Projector::new(store.clone(), stage.clock.clone(), metrics);
    let (events, seconds) = ("metawsm_projection_lag_events", "metawsm_projection_lag_seconds");

    let begun = Instant::now();
    let since = |offset: i64| offset..=offset + i64::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    Question::whole_life("one").record(&history).await;
    stage.clock.0.fetch_add(60_000, Ordering::Relaxed);
    projector.catch_up().await.unwrap_err();
    assert_eq!(shown(&registry, events), 11);
    assert!(since(60).contains(&shown(&registry, seconds)), "of the oldest");
    Question::whole_life("two").record(&history).await;
    stage.clock.0.fetch_add(60_000, Ordering::Relaxed);
    projector.catch_up().await.unwrap_err();
    assert_eq!(shown(&registry, events), 22);
    assert!(since(120).contains(&shown(&registry, seconds)), "of the oldest still");
    store.jammed.store(false, Ordering::Relaxed);
    assert_eq!(projector.catch_up().await.unwrap(), 22);
    assert_eq!((shown(&registry, events), shown(&registry, seconds)), (0, 0));
}
