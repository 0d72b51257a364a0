//! Numbers about the policy file. Counting only.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// `taken` or `refused`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReloadLabels {
    pub result: &'static str,
}

/// What became of the file.
#[derive(Clone, Debug, Default)]
pub struct PolicyMetrics {
    pub reloads: Family<ReloadLabels, Counter>,
    pub valid: Gauge,
}

impl PolicyMetrics {
    /// Makes the numbers visible.
    pub fn register(&self, to: &mut Registry) {
        for result in ["taken", "refused"] {
            drop(self.reloads.get_or_create(&ReloadLabels { result }));
        }
        to.register(
            "metawsm_policy_reloads",
            "Changes of the policy file, by what became of them",
            self.reloads.clone(),
        );
        to.register(
            "metawsm_policy_valid",
            "1 while the policy file is what holds; 0 while it is refused and the last good one holds",
            self.valid.clone(),
        );
    }
}
