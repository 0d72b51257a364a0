//! Every setting of the controller: flags, their `METAWSM_*` environment variables, and what is wrong with them.
//! Validated whole before anything starts. Holds no secrets but the Redis URL, which is never printed.

mod derived;
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
use crate::kernel::length::length;

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
}

#[cfg(test)]
mod tests;
