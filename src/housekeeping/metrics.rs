//! The housekeeper's numbers. Counting only.

use std::collections::BTreeMap;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What kind of thing it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct KindLabels {
    pub kind: &'static str,
}

/// What an operator watches of the disk.
#[derive(Clone, Debug, Default)]
pub struct HousekeepingMetrics {
    orphan_folders: Family<KindLabels, Gauge>,
    orphan_bytes: Family<KindLabels, Gauge>,
    cache_bytes: Gauge,
    swept: Family<KindLabels, Counter>,
    swept_bytes: Family<KindLabels, Counter>,
    /// Rounds and sweeps that failed.
    pub failures: Counter,
}

impl HousekeepingMetrics {
    /// Makes the numbers visible.
    pub fn register(&self, to: &mut Registry) {
        to.register(
            "metawsm_orphan_folders",
            "Folders that no Run needs, by kind; those of kind foreign are never swept",
            self.orphan_folders.clone(),
        );
        to.register(
            "metawsm_orphan_bytes",
            "What these folders held when they were found",
            self.orphan_bytes.clone(),
        );
        to.register(
            "metawsm_cache_bytes",
            "What all repository caches take on disk",
            self.cache_bytes.clone(),
        );
        to.register("metawsm_swept", "Folders that were swept, by kind", self.swept.clone());
        to.register(
            "metawsm_swept_bytes",
            "What the swept folders held when they were found",
            self.swept_bytes.clone(),
        );
        to.register(
            "metawsm_housekeeping_failures",
            "Rounds and sweeps that failed",
            self.failures.clone(),
        );
    }

    /// Takes over how many folders of each kind there are, and their bytes.
    pub fn show_orphans(&self, sums: &BTreeMap<&'static str, (i64, u64)>) {
        self.orphan_folders.clear();
        self.orphan_bytes.clear();
        for (kind, (folders, bytes)) in sums {
            let label = KindLabels { kind };
            self.orphan_folders.get_or_create(&label).set(*folders);
            self.orphan_bytes
                .get_or_create(&label)
                .set(i64::try_from(*bytes).unwrap_or(i64::MAX));
        }
    }

    /// Takes over what the caches take.
    pub fn show_caches(&self, bytes: u64) {
        self.cache_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// One more was swept.
    pub fn swept(&self, kind: &'static str, bytes: u64) {
        let label = KindLabels { kind };
        self.swept.get_or_create(&label).inc();
        self.swept_bytes.get_or_create(&label).inc_by(bytes);
    }
}
