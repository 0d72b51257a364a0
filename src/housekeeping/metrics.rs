//! The housekeeper's numbers. Counting only.

use std::collections::BTreeMap;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::found::Kind;

/// What kind of thing it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct KindLabels {
    pub kind: &'static str,
}

/// `data` or `workspaces`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FolderLabels {
    pub folder: &'static str,
}

/// Whose disks are watched.
const FOLDERS: [&str; 2] = ["data", "workspaces"];

/// What an operator watches of the disk.
#[derive(Clone, Debug, Default)]
pub struct HousekeepingMetrics {
    orphan_folders: Family<KindLabels, Gauge>,
    orphan_bytes: Family<KindLabels, Gauge>,
    cache_bytes: Gauge,
    free_bytes: Family<FolderLabels, Gauge>,
    least_free_bytes: Gauge,
    swept: Family<KindLabels, Counter>,
    swept_bytes: Family<KindLabels, Counter>,
    /// Rounds and sweeps that failed.
    pub failures: Counter,
}

impl HousekeepingMetrics {
    /// Makes the numbers visible.
    pub fn register(&self, to: &mut Registry) {
        for kind in Kind::WORDS {
            let label = KindLabels { kind };
            drop(self.orphan_folders.get_or_create(&label));
            drop(self.orphan_bytes.get_or_create(&label));
            drop(self.swept.get_or_create(&label));
            drop(self.swept_bytes.get_or_create(&label));
        }
        for folder in FOLDERS {
            drop(self.free_bytes.get_or_create(&FolderLabels { folder }));
        }
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
        to.register(
            "metawsm_disk_free_bytes",
            "What is left on the disk of the data folder and on that of the workspaces; 0 before this process leads",
            self.free_bytes.clone(),
        );
        to.register(
            "metawsm_disk_least_free_bytes",
            "With less left than this (--min-free-bytes) nothing is cloned",
            self.least_free_bytes.clone(),
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
        for kind in Kind::WORDS {
            let (folders, bytes) = sums.get(kind).copied().unwrap_or_default();
            let label = KindLabels { kind };
            self.orphan_folders.get_or_create(&label).set(folders);
            self.orphan_bytes.get_or_create(&label).set(whole(bytes));
        }
    }

    /// Takes over what the caches take.
    pub fn show_caches(&self, bytes: u64) {
        self.cache_bytes.set(whole(bytes));
    }

    /// Takes over what is left on the disks of data and workspaces, and with how little nothing is cloned any more.
    pub fn show_room(&self, data: u64, workspaces: u64, least: u64) {
        for (folder, bytes) in FOLDERS.into_iter().zip([data, workspaces]) {
            self.free_bytes
                .get_or_create(&FolderLabels { folder })
                .set(whole(bytes));
        }
        self.least_free_bytes.set(whole(least));
    }

    /// One more was swept.
    pub fn swept(&self, kind: &'static str, bytes: u64) {
        let label = KindLabels { kind };
        self.swept.get_or_create(&label).inc();
        self.swept_bytes.get_or_create(&label).inc_by(bytes);
    }
}

fn whole(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
