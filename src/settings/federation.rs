//! Settings of federation: how often servers are refreshed, and where people reach the controller's own pages.

use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use url::Url;

use crate::kernel::length::length;

/// What belongs to federation.
#[derive(Args, Clone, Debug)]
pub struct FederationArgs {
    /// The least time between two refreshes of one documents' server; requests that come meanwhile are answered together
    /// by the next one
    #[arg(long, env = "METAWSM_DOCS_REFRESH_INTERVAL", default_value = "30s", value_parser = length, help_heading = "Documents")]
    pub docs_refresh_interval: Duration,

    /// Where people reach this controller's HTTP server, like https://metawsm.example.com; pages of tickets in
    /// workspaces are linked below it [default: no links]
    #[arg(long, env = "METAWSM_PUBLIC_URL", help_heading = "Documents")]
    pub public_url: Option<String>,
}

impl FederationArgs {
    /// What no single flag can check by itself.
    ///
    /// # Errors
    /// The first thing that is wrong, naming its flag and the way out.
    pub fn checked(&self) -> anyhow::Result<()> {
        let Some(public) = &self.public_url else { return Ok(()) };
        let plain = Url::parse(public).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.username().is_empty()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        ensure!(
            plain,
            "--public-url '{public}' must be a plain http:// or https:// address, without user, '?' or '#'"
        );
        Ok(())
    }
}
