//! `metawsm uninstall`: lets go of what a controller that is gone still holds, so that neither resources nor namespaces
//! hang. What is done stands in `leaving`; here is what is asked, in which order, and what is told.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::cli::args::{OutputArgs, OutputFormat};
use crate::cli::printer;
use crate::cli::uninstall_text::{self, Report};
use crate::leaving::lease::{self, Verdict, Where};
use crate::leaving::release::{Done, Outcome, release};
use crate::leaving::survey::{Ground, Survey, survey};

/// A controller works: nothing was touched.
const CONTROLLER_WORKS: u8 = 3;

/// Let go of what a controller that is gone still holds
///
/// Takes metawsm's finalizers off Runs, TicketTopologies, DocEndpoints and ForumThreads, so that neither they nor their
/// namespaces hang after the controller was removed. The objects stay, unless --delete is given. Uses your kubeconfig;
/// may be repeated. Ends with 0 where nothing is held any more, 1 where something is, 3 where a controller still works.
#[derive(Clone, Debug, Args)]
#[group(id = "scope", required = true, multiple = false, args = ["namespace", "all_namespaces"])]
pub struct UninstallArgs {
    /// Only in this namespace
    #[arg(short, long)]
    namespace: Option<String>,
    /// In all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Delete the objects as well. Workspaces stay on the volume, and nobody records the end of what is deleted
    #[arg(long)]
    delete: bool,
    /// Go on although a controller holds the Lease, and do not ask for it
    #[arg(long)]
    force: bool,
    /// Name of the controller's Lease [default: any that a controller wrote]
    #[arg(long, env = "METAWSM_LEASE_NAME")]
    lease_name: Option<String>,
    /// Its namespace [default: any]
    #[arg(long, env = "METAWSM_LEASE_NAMESPACE")]
    lease_namespace: Option<String>,
    /// The kubeconfig to use [default: as kubectl]
    #[arg(long)]
    kubeconfig: Option<PathBuf>,
    /// The context of it to use
    #[arg(long)]
    context: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

impl UninstallArgs {
    /// Does what was asked for.
    ///
    /// # Errors
    /// The cluster cannot be found, does not answer, or does not let us look.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let ground = Ground {
            client: self.client().await?,
            namespace: self.namespace.clone(),
            delete: self.delete,
        };
        let at = Where {
            name: self.lease_name.clone(),
            namespace: self.lease_namespace.clone(),
        };
        let leases = if self.force {
            vec![]
        } else {
            lease::look(&ground.client, &at, tell).await?
        };
        let held = leases.iter().any(|l| matches!(l.verdict, Verdict::Held { .. }));
        if !self.force {
            tell(&uninstall_text::leases(&at, &leases));
        }
        if held && !self.dry_run {
            tell(uninstall_text::STOP_IT_FIRST);
            return Ok(ExitCode::from(CONTROLLER_WORKS));
        }
        let found = survey(&ground).await?;
        let done = self.act(&ground, &found).await?;
        let report = Report {
            dry_run: self.dry_run,
            leases,
            objects: done,
            workspaces: found.workspaces,
        };
        match self.output.format {
            OutputFormat::Json => printer::json(&report)?,
            OutputFormat::Table => printer::print(&uninstall_text::report(&report))?,
        }
        Ok(if report.failures() == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    /// Lets go, then looks again: what came back was put back.
    async fn act(&self, ground: &Ground, found: &Survey) -> anyhow::Result<Vec<Done>> {
        if self.dry_run {
            let planned = |object: &_| Done::planned(object);
            return Ok(found.objects.iter().map(planned).collect());
        }
        let mut done = release(ground, found.objects.clone(), tell).await;
        let released = done.iter().any(|d| d.outcome == Outcome::Released);
        if released {
            let after = survey(ground).await?;
            for one in &mut done {
                one.compare(&after.objects);
            }
        }
        Ok(done)
    }

    async fn client(&self) -> anyhow::Result<Client> {
        // Several providers may be linked; one must be chosen before the first connection.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let options = KubeConfigOptions {
            context: self.context.clone(),
            ..KubeConfigOptions::default()
        };
        let config = match &self.kubeconfig {
            Some(path) => {
                let read = Kubeconfig::read_from(path)
                    .with_context(|| format!("failed to read the kubeconfig '{}'", path.display()))?;
                Config::from_custom_kubeconfig(read, &options).await
            }
            None => Config::from_kubeconfig(&options).await,
        };
        let config = config.context("failed to find a cluster: set KUBECONFIG, or give --kubeconfig")?;
        Client::try_from(config).context("failed to make a client from the kubeconfig")
    }
}

/// Progress goes to standard error, so that the answer alone is on standard output.
fn tell(line: &str) {
    eprintln!("{line}");
}
