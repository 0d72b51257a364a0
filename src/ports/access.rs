//! Who calls us over HTTP, and whether the cluster lets them. Asked each time: a right that was taken away counts at once.

use async_trait::async_trait;

/// What the cluster says about a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    /// The token is good, and its owner may not.
    Forbidden {
        user: String,
    },
    /// The token is not one of this cluster's.
    Unknown,
}

/// The cluster could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("failed to ask the API server who calls: {0}")]
pub struct AccessError(pub String);

/// Asks the cluster.
#[async_trait]
pub trait Access: Send + Sync {
    /// Whether the token's owner may `get` that Run. The token is shown to the API server and to nobody else.
    async fn may_get_run(&self, token: &str, namespace: &str, run: &str) -> Result<Verdict, AccessError>;
}
