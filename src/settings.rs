//! Every setting of the controller: flags, their `METAWSM_*` environment variables, and what is wrong with them.
//! Validated whole before anything starts. Holds no secrets but the Redis URL, which is never printed.

mod docs;
mod docs_server;
mod federation;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};

use self::docs::DocsArgs;
pub use self::docs_server::{DocsServerKind, DocsServerSettings};
use self::federation::FederationArgs;
use crate::doc_endpoint::DocEndpointSettings;
use crate::housekeeping::judge::Retention;
use crate::housekeeping::{HousekeepingSettings, Places};
use crate::kernel::length::length;
use crate::ports::workspaces::{GitRules, SeedLimits};
use crate::run::RunSettings;

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people at a terminal.
    Human,
    /// One JSON object per line.
    Json,
}

/// Settings of `metawsm controller`.
#[derive(Args, Clone, Debug)]
pub struct ControllerArgs {
    /// Folder for the database, step records and repository caches; locked against a second process
    #[arg(
        long,
        env = "METAWSM_DATA_DIR",
        default_value = "metawsm-data",
        help_heading = "Storage"
    )]
    pub data_dir: PathBuf,

    /// SQLite file with audit, events and mirrors [default: <data-dir>/metawsm.db]
    #[arg(long, env = "METAWSM_DB", help_heading = "Storage")]
    pub db: Option<PathBuf>,

    /// Root of the workspaces: <root>/<namespace>/<run>/<ticket>/<repo> [default: <data-dir>/workspaces]
    #[arg(long, env = "METAWSM_WORKSPACES", help_heading = "Storage")]
    pub workspaces: Option<PathBuf>,

    /// Work only in this namespace [default: all]
    #[arg(long, env = "METAWSM_NAMESPACE", help_heading = "Kubernetes")]
    pub namespace: Option<String>,

    /// Namespace of the Lease by which one controller works at a time
    #[arg(
        long,
        env = "METAWSM_LEASE_NAMESPACE",
        default_value = "default",
        help_heading = "Kubernetes"
    )]
    pub lease_namespace: String,

    /// Name of that Lease
    #[arg(
        long,
        env = "METAWSM_LEASE_NAME",
        default_value = "metawsm",
        help_heading = "Kubernetes"
    )]
    pub lease_name: String,

    /// Who this process is in the Lease; must differ between processes [default: <host>_<random>]
    #[arg(long, env = "METAWSM_IDENTITY", help_heading = "Kubernetes")]
    pub identity: Option<String>,

    /// A Lease that stood still for so long may be taken over; renewals stop counting after two thirds of it
    #[arg(long, env = "METAWSM_LEASE_DURATION", default_value = "15s", value_parser = length, help_heading = "Kubernetes")]
    pub lease_duration: Duration,

    /// Objects of one kind worked on at the same time
    #[arg(long, env = "METAWSM_CONCURRENCY", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Kubernetes")]
    pub concurrency: u16,

    /// How long one call to the API server may take
    #[arg(long, env = "METAWSM_API_TIMEOUT", default_value = "30s", value_parser = length, help_heading = "Kubernetes")]
    pub api_timeout: Duration,

    /// Where events go, like redis://host:6379/0; without it they wait in the database
    #[arg(long, env = "METAWSM_REDIS_URL", hide_env_values = true, help_heading = "Redis")]
    pub redis_url: Option<String>,

    /// Put before every stream name
    #[arg(long, env = "METAWSM_REDIS_PREFIX", default_value = "", help_heading = "Redis")]
    pub redis_prefix: String,

    /// About how many entries each stream keeps
    #[arg(long, env = "METAWSM_REDIS_MAX_LENGTH", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1000..), help_heading = "Redis")]
    pub redis_max_length: u64,

    /// Hosts that repositories may come from, comma-separated: names, *.suffixes, or * for all
    #[arg(
        long,
        env = "METAWSM_GIT_ALLOWED_HOSTS",
        value_delimiter = ',',
        default_value = "github.com,gitlab.com,codeberg.org,bitbucket.org",
        help_heading = "Git"
    )]
    pub git_allowed_hosts: Vec<String>,

    /// Folders below which local-path repositories are allowed, comma-separated [default: none]
    #[arg(long, env = "METAWSM_GIT_LOCAL_ROOTS", value_delimiter = ',', help_heading = "Git")]
    pub git_local_roots: Vec<PathBuf>,

    /// Namespaces in which Runs may name Secrets with credentials, comma-separated, or * for all [default: none]
    #[arg(long, env = "METAWSM_SECRET_NAMESPACES", value_delimiter = ',', help_heading = "Git")]
    pub secret_namespaces: Vec<String>,

    /// Most bytes that the copy of one repository may take on disk, and again each of its clones
    #[arg(long, env = "METAWSM_GIT_MAX_REPO_BYTES", default_value_t = 10 << 30, value_parser = clap::value_parser!(u64).range(1 << 20..), help_heading = "Git")]
    pub git_max_repo_bytes: u64,

    /// How long one git command may take
    #[arg(long, env = "METAWSM_GIT_TIMEOUT", default_value = "10m", value_parser = length, help_heading = "Git")]
    pub git_timeout: Duration,

    /// Steps (clones, seeds, inspections) that may run at the same time
    #[arg(long, env = "METAWSM_MAX_STEPS", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Work")]
    pub max_steps: u16,

    /// Runs that may be active at once; the others wait in a queue, oldest first. 0: any number
    #[arg(long, env = "METAWSM_MAX_ACTIVE_RUNS", default_value_t = 0, help_heading = "Work")]
    pub max_active_runs: u16,

    /// File that says when questions escalate and how long threads are kept; read again when it changes. Check it
    /// with 'metawsm policy check' [default: escalate after 30 minutes]
    #[arg(long, env = "METAWSM_POLICY", help_heading = "Forum")]
    pub policy: Option<PathBuf>,

    /// How often the clones of an active Run are looked at
    #[arg(long, env = "METAWSM_INSPECT_INTERVAL", default_value = "1m", value_parser = length, help_heading = "Work")]
    pub inspect_interval: Duration,

    /// Bytes that the workspaces of one Run may hold; above, the Run warns and nothing new is started for it, and
    /// nothing is deleted. 0: any number
    #[arg(long, env = "METAWSM_RUN_DISK_BUDGET", default_value_t = 10 << 30, help_heading = "Work")]
    pub run_disk_budget: u64,

    /// Bytes that must be left on the disk of the workspaces before clones are made; below, Runs wait with reason
    /// DiskFull. 0: do not look
    #[arg(long, env = "METAWSM_MIN_FREE_BYTES", default_value_t = 1 << 30, help_heading = "Work")]
    pub min_free_bytes: u64,

    /// How often the disk is looked over for folders that nobody needs any more, and the retention of the policy is done
    #[arg(long, env = "METAWSM_HOUSEKEEPING_INTERVAL", default_value = "10m", value_parser = length, help_heading = "Storage")]
    pub housekeeping_interval: Duration,

    /// How long workspaces without a Run, what was set aside in <workspaces>/.orphans, and records of steps are kept,
    /// counted from when they were first seen to belong to nobody
    #[arg(long, env = "METAWSM_ORPHAN_RETENTION", default_value = "14d", value_parser = length, help_heading = "Storage")]
    pub orphan_retention: Duration,

    /// How long a repository cache is kept that no Run needs any more
    #[arg(long, env = "METAWSM_CACHE_RETENTION", default_value = "7d", value_parser = length, help_heading = "Storage")]
    pub cache_retention: Duration,

    #[command(flatten)]
    pub docs_server: DocsServerSettings,

    /// Most files that one ticket's documents may have
    #[arg(
        long,
        env = "METAWSM_SEED_MAX_FILES",
        default_value_t = 20_000,
        help_heading = "Work"
    )]
    pub seed_max_files: u64,

    /// Most bytes that one ticket's documents may have together
    #[arg(long, env = "METAWSM_SEED_MAX_BYTES", default_value_t = 1 << 30, help_heading = "Work")]
    pub seed_max_bytes: u64,

    /// Most bytes that one document may have
    #[arg(long, env = "METAWSM_SEED_MAX_FILE_BYTES", default_value_t = 100 << 20, help_heading = "Work")]
    pub seed_max_file_bytes: u64,

    #[command(flatten)]
    pub docs: DocsArgs,

    #[command(flatten)]
    pub federation: FederationArgs,

    /// Address of /livez, /readyz, /metrics and /docs/; port 0 takes a free one and writes it to <data-dir>/http.addr
    #[arg(
        long,
        env = "METAWSM_HTTP_LISTEN",
        default_value = "127.0.0.1:8080",
        help_heading = "Observability"
    )]
    pub http_listen: SocketAddr,

    /// Which log lines: a level, or targets like info,metawsm::relay=debug
    #[arg(long, env = "METAWSM_LOG", default_value = "info", help_heading = "Observability")]
    pub log: String,

    /// How log lines are written
    #[arg(long, env = "METAWSM_LOG_FORMAT", value_enum, default_value_t = LogFormat::Human, help_heading = "Observability")]
    pub log_format: LogFormat,
}

/// The deepest folder and the longest name that are copied: what common file systems can hold with room to spare.
const MAX_DEPTH: u32 = 64;
const MAX_NAME_BYTES: u32 = 255;

/// A list without its empty words: an empty environment variable is an empty list.
fn named(words: &[String]) -> Vec<String> {
    let trimmed = words.iter().map(|word| word.trim().to_owned());
    trimmed.filter(|word| !word.is_empty()).collect()
}

impl ControllerArgs {
    /// What no single flag can check by itself.
    ///
    /// # Errors
    /// The first thing that is wrong, naming its flag and the way out.
    pub fn validated(mut self) -> anyhow::Result<Self> {
        self.data_dir = std::path::absolute(&self.data_dir).context("--data-dir is no usable path")?;
        for root in &mut self.git_local_roots {
            ensure!(
                root.is_absolute(),
                "--git-local-roots '{}' must be absolute",
                root.display()
            );
            if let Ok(real) = root.canonicalize() {
                *root = real;
            }
        }
        if self.identity.is_none() {
            let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
            let random = uuid::Uuid::new_v4().simple().to_string();
            self.identity = Some(format!("{host}_{}", &random[..8]));
        }
        if self.lease_duration < Duration::from_secs(3) {
            bail!("--lease-duration must be 3s or more, or every short pause would change the leader");
        }
        if let Some(url) = &self.redis_url {
            let scheme = url.split("://").next().unwrap_or_default();
            ensure!(
                matches!(scheme, "redis" | "rediss" | "unix" | "redis+unix"),
                "--redis-url must begin with redis:// or rediss://"
            );
        }
        self.docs.address_rules().map_err(anyhow::Error::msg)?;
        self.federation.checked()?;
        for path in [&mut self.db, &mut self.workspaces, &mut self.policy]
            .into_iter()
            .flatten()
        {
            *path = std::path::absolute(&*path).context("--db, --workspaces or --policy is no usable path")?;
        }
        Ok(self)
    }

    /// Who this process is in the Lease.
    pub fn identity(&self) -> &str {
        self.identity.as_deref().unwrap_or("metawsm")
    }

    /// The SQLite file.
    pub fn db_path(&self) -> PathBuf {
        self.db.clone().unwrap_or_else(|| self.data_dir.join("metawsm.db"))
    }

    fn workspace_root(&self) -> PathBuf {
        let usual = || self.data_dir.join("workspaces");
        self.workspaces.clone().unwrap_or_else(usual)
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ControllerArgs,
    }

    fn parse(line: &[&str]) -> anyhow::Result<ControllerArgs> {
        let words = std::iter::once("metawsm").chain(line.iter().copied());
        Line::try_parse_from(words)?.args.validated()
    }

    #[test]
    fn defaults_are_loopback_and_forbid_local_repositories() {
        let settings = parse(&[]).unwrap();
        assert!(settings.http_listen.ip().is_loopback());
        assert!(settings.run_settings().rules.local_roots.is_empty());
        assert!(settings.run_settings().secret_namespaces.is_empty());
    }

    #[test]
    fn lists_of_networks_and_hosts_are_repeated_or_separated_by_commas() {
        let line = [
            "--docs-allow-cidr",
            "10.0.0.0/8,127.0.0.1",
            "--docs-allow-cidr",
            "fd00::/8",
        ];
        let rules = parse(&line).unwrap().docs.address_rules().unwrap();
        for allowed in ["10.1.1.1", "127.0.0.1", "fd00::1"] {
            assert_eq!(rules.judge(None, allowed.parse().unwrap()), Ok(()), "{allowed}");
        }
        assert!(parse(&[]).unwrap().docs.address_rules().unwrap().allow_nothing());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_flag() {
        for (line, flag) in [
            (["--git-local-roots", "repos"], "--git-local-roots"),
            (["--lease-duration", "1s"], "--lease-duration"),
            (["--lease-duration", "soon"], "--lease-duration"),
            (["--redis-url", "http://x"], "--redis-url"),
            (["--concurrency", "0"], "--concurrency"),
            (["--orphan-retention", "0d"], "--orphan-retention"),
            (["--cache-retention", "soon"], "--cache-retention"),
            (["--housekeeping-interval", "0s"], "--housekeeping-interval"),
            (["--docs-allow-cidr", "10.0.0.1/8"], "--docs-allow-cidr"),
            (["--docs-allow-host-suffix", "*"], "--docs-allow-host-suffix"),
            (["--docs-max-tickets", "0"], "--docs-max-tickets"),
            (["--docs-refresh-interval", "0s"], "--docs-refresh-interval"),
            (["--public-url", "docs.example.com"], "--public-url"),
            (["--public-url", "https://user@docs.example.com"], "--public-url"),
        ] {
            let error = parse(&line).expect_err("must be refused").to_string();
            assert!(error.contains(flag), "{line:?}: {error}");
        }
    }
}
