//! The relay's numbers. Counting only.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::RelayStatus;
use crate::kernel::moment::Moment;

/// What an operator watches of the relay.
#[derive(Clone, Debug, Default)]
pub struct RelayMetrics {
    /// 1 where there is a Redis to send to.
    pub configured: Gauge,
    connected: Gauge,
    unsent: Gauge,
    oldest_unsent_seconds: Gauge,
}

impl RelayMetrics {
    /// Makes the numbers visible.
    pub fn register(&self, to: &mut Registry) {
        to.register(
            "metawsm_relay_configured",
            "1 where this process sends events to a Redis, 0 where it stands by or has none",
            self.configured.clone(),
        );
        to.register(
            "metawsm_relay_connected",
            "1 while that Redis answers",
            self.connected.clone(),
        );
        to.register(
            "metawsm_outbox_unsent",
            "Events that wait to be sent",
            self.unsent.clone(),
        );
        let age = self.oldest_unsent_seconds.clone();
        to.register(
            "metawsm_outbox_oldest_unsent_age_seconds",
            "Age of the oldest event that waits to be sent",
            age,
        );
    }

    /// Takes over a picture of the relay.
    pub fn show(&self, status: &RelayStatus, now: Moment) {
        self.connected.set(i64::from(status.connected));
        self.unsent.set(status.unsent);
        let age = status.oldest_unsent_age(now).as_secs();
        self.oldest_unsent_seconds.set(i64::try_from(age).unwrap_or(i64::MAX));
    }
}
