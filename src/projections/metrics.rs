//! The projector's numbers. Counting only.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::kernel::moment::Moment;
use crate::ports::projection::Lag;

/// What an operator watches of the read models.
#[derive(Clone, Debug, Default)]
pub struct ProjectionMetrics {
    pub events: Counter,
    pub passed_over: Counter,
    behind: Gauge,
    behind_seconds: Gauge,
}

impl ProjectionMetrics {
    /// Makes the numbers visible.
    pub fn register(&self, to: &mut Registry) {
        let folded = self.events.clone();
        to.register(
            "metawsm_projection_events",
            "Events folded into the read models",
            folded,
        );
        to.register(
            "metawsm_projection_events_passed_over",
            "Events that the read models could not be told of",
            self.passed_over.clone(),
        );
        to.register(
            "metawsm_projection_lag_events",
            "Recorded events that the read models do not show yet",
            self.behind.clone(),
        );
        to.register(
            "metawsm_projection_lag_seconds",
            "Age of the oldest event that the read models do not show yet",
            self.behind_seconds.clone(),
        );
    }

    /// Takes over how far it is behind.
    pub fn show(&self, lag: Lag, now: Moment) {
        self.behind.set(lag.events);
        let age = lag.oldest.map_or(0, |at| now.since(at).as_secs());
        self.behind_seconds.set(i64::try_from(age).unwrap_or(i64::MAX));
    }
}
