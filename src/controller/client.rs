//! Makes the clients: one for work, one without retries for the Lease. Knows no kind.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kube::client::ClientBuilder;
use kube::config::{InferConfigError, Kubeconfig};
use kube::{Client, Config};

use super::gone::Road;
use super::metrics::Metrics;
use crate::failpoint::sabotaged;

/// Where the cluster is and how to be known there: `KUBECONFIG`, or the pod's own account. Tokens and authorities that
/// are named by file are read again within a minute, so that they may be rotated. Nothing compressed is asked for: a
/// cluster's network is near, and deflating and inflating a long list takes processor time on both sides.
///
/// # Errors
/// There is neither, or it cannot be read.
pub async fn config() -> Result<Config, InferConfigError> {
    let mut config = Config::infer().await?;
    config.disable_compression = true;
    if config.root_cert_file.is_none() && !sabotaged("sabotage.client.reads_authorities_once") {
        // Only for the pod's own account does kube read the authorities again.
        config.root_cert_file = Kubeconfig::read().ok().as_ref().and_then(authority_file);
    }
    Ok(config)
}

/// The file with the authorities of the cluster that is used; `None` where they stand in the kubeconfig itself.
fn authority_file(kubeconfig: &Kubeconfig) -> Option<PathBuf> {
    let current = kubeconfig.current_context.as_ref()?;
    let context = kubeconfig
        .contexts
        .iter()
        .find(|c| &c.name == current)?
        .context
        .as_ref()?;
    let cluster = kubeconfig.clusters.iter().find(|c| c.name == context.cluster)?;
    let cluster = cluster
        .cluster
        .as_ref()
        .filter(|c| c.certificate_authority_data.is_none())?;
    cluster.certificate_authority.as_ref().map(PathBuf::from)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn file_of(authority: &str) -> Option<PathBuf> {
        let text = format!(
            "{{apiVersion: v1, kind: Config, current-context: b, contexts: [{{name: a, context: {{cluster: x, user: u}}}}, \
             {{name: b, context: {{cluster: y, user: u}}}}], clusters: [{{name: x, cluster: {{server: 's', \
             certificate-authority: /other}}}}, {{name: y, cluster: {{server: 's'{authority}}}}}], users: []}}"
        );
        authority_file(&Kubeconfig::from_yaml(&text).unwrap())
    }

    #[test]
    fn the_authorities_are_read_again_where_they_are_in_a_file_of_the_cluster_in_use() {
        assert_eq!(
            file_of(", certificate-authority: /ca.crt"),
            Some(PathBuf::from("/ca.crt"))
        );
        assert_eq!(file_of(""), None);
        let both = ", certificate-authority: /ca.crt, certificate-authority-data: eA==";
        assert_eq!(file_of(both), None, "the data wins");
    }
}
