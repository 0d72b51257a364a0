//! What each part of the controller gets of the settings. Checks nothing: the settings were validated before.

use super::ControllerArgs;
use crate::doc_endpoint::DocEndpointSettings;
use crate::housekeeping::judge::Retention;
use crate::housekeeping::{HousekeepingSettings, Places};
use crate::ports::workspaces::{GitRules, SeedLimits};
use crate::run::RunSettings;

/// The deepest folder and the longest name that are copied: what common file systems can hold with room to spare.
const MAX_DEPTH: u32 = 64;
const MAX_NAME_BYTES: u32 = 255;

/// A list without its empty words: an empty environment variable is an empty list.
pub(super) fn named(words: &[String]) -> Vec<String> {
    let trimmed = words.iter().map(|word| word.trim().to_owned());
    trimmed.filter(|word| !word.is_empty()).collect()
}

impl ControllerArgs {
    /// What the settings say about housekeeping.
    pub fn housekeeping_settings(&self) -> HousekeepingSettings {
        HousekeepingSettings {
            places: Places {
                workspaces: self.workspace_root(),
                caches: self.data_dir.join("cache"),
                steps: self.data_dir.join("steps"),
                ledger: self.data_dir.join("unneeded.json"),
                namespace: self.namespace.clone(),
            },
            interval: self.housekeeping_interval,
            retention: Retention {
                orphans: self.orphan_retention,
                caches: self.cache_retention,
            },
        }
    }

    /// What the settings say about endpoints of documents.
    pub fn doc_endpoint_settings(&self) -> DocEndpointSettings {
        DocEndpointSettings {
            secret_namespaces: named(&self.secret_namespaces),
            refresh_interval: self.federation.docs_refresh_interval,
            public_url: self.federation.public_url.clone(),
        }
    }

    /// What the settings say about Runs.
    pub fn run_settings(&self) -> RunSettings {
        RunSettings {
            rules: GitRules {
                allowed_hosts: named(&self.git_allowed_hosts),
                local_roots: self
                    .git_local_roots
                    .iter()
                    .filter(|r| !r.as_os_str().is_empty())
                    .cloned()
                    .collect(),
                timeout_seconds: self.git_timeout.as_secs().max(1),
                max_repo_bytes: self.git_max_repo_bytes,
            },
            limits: SeedLimits {
                max_files: self.seed_max_files,
                max_bytes: self.seed_max_bytes,
                max_file_bytes: self.seed_max_file_bytes,
                max_depth: MAX_DEPTH,
                max_name_bytes: MAX_NAME_BYTES,
            },
            workspace_root: self.workspace_root(),
            cache_root: self.data_dir.join("cache"),
            secret_namespaces: named(&self.secret_namespaces),
            inspect_interval: self.inspect_interval,
            run_disk_budget: self.run_disk_budget,
            min_free_bytes: self.min_free_bytes,
        }
    }
}
