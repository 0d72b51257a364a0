//! All numbers of the process in one place: what is not here is neither served nor in the reference. Counting only.

use std::sync::Arc;

use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::controller::metrics::{Metrics, RequestLabels};
use crate::federation::metrics::FederationMetrics;
use crate::forum_thread::metrics::ForumMetrics;
use crate::housekeeping::metrics::HousekeepingMetrics;
use crate::policy::metrics::PolicyMetrics;
use crate::projections::metrics::ProjectionMetrics;
use crate::relay::metrics::RelayMetrics;

/// Every part's numbers.
#[derive(Default)]
pub struct Numbers {
    pub drivers: Arc<Metrics>,
    pub relay: RelayMetrics,
    pub projections: ProjectionMetrics,
    pub housekeeping: HousekeepingMetrics,
    pub federation: FederationMetrics,
    pub forum: ForumMetrics,
    pub policy: PolicyMetrics,
}

impl Numbers {
    /// A registry with all of them, and with which version this is.
    pub fn registry(&self) -> Registry {
        let mut registry = Registry::default();
        registry.register(
            "metawsm_build",
            "1, with the version that runs",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        self.drivers.register(&mut registry);
        self.relay.register(&mut registry);
        self.projections.register(&mut registry);
        self.housekeeping.register(&mut registry);
        self.federation.register(&mut registry);
        self.forum.register(&mut registry);
        self.policy.register(&mut registry);
        registry
    }

    /// Numbers of a process in which everything happened once, so that each is shown with its labels.
    pub fn sampled() -> Self {
        let numbers = Self::default();
        numbers.drivers.expect("Run");
        drop(numbers.drivers.requests.get_or_create(&RequestLabels {
            code: String::new(),
            method: String::new(),
        }));
        numbers.federation.sample();
        numbers
    }
}
