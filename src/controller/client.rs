//! Makes the clients: one for work, one without retries for the Lease. Knows no kind.

use std::sync::Arc;
use std::time::Duration;

use kube::client::ClientBuilder;
use kube::{Client, Config};

use super::gone::Road;
use super::metrics::Metrics;

/// The client for work: every call but a watch has a deadline.
///
/// # Errors
/// When the configuration cannot make a client (certificates, proxy).
pub fn for_work(config: Config, metrics: Arc<Metrics>, deadline: Duration) -> Result<Client, kube::Error> {
    Ok(ClientBuilder::try_from(config)?
        .with_layer(&Road { metrics, deadline })
        .build())
}

/// The client for the Lease: it fails fast, for a late renewal is worse than a failed one.
///
/// # Errors
/// As [`for_work`].
pub fn for_lease(mut config: Config, metrics: Arc<Metrics>, deadline: Duration) -> Result<Client, kube::Error> {
    config.default_retry = false;
    for_work(config, metrics, deadline)
}
