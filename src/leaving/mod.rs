//! What it takes to leave a cluster whose controller is gone: see who holds the Lease, find what our finalizers still hold,
//! let it go in order. Works with the rights of whoever calls it. Deletes nothing unless asked, and touches no finalizer
//! but ours.

pub mod held;
pub mod lease;
pub mod release;
pub mod survey;
pub mod workspaces;

use std::time::Duration;

use anyhow::anyhow;

/// How long one call to the API server may take.
const CALL: Duration = Duration::from_secs(30);

/// One call with a deadline.
async fn call<T>(what: &str, work: impl Future<Output = Result<T, kube::Error>>) -> anyhow::Result<T> {
    match tokio::time::timeout(CALL, work).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) => Err(anyhow!("failed to {what}: {}", status.message)),
        Ok(Err(error)) => Err(anyhow::Error::new(error).context(format!("failed to {what}"))),
        Err(_) => Err(anyhow!("failed to {what}: no answer within {CALL:?}")),
    }
}

/// `None` where there is no such object, or no such kind (any more): that answer of the API server is plain text.
async fn if_there<T>(work: impl Future<Output = Result<T, kube::Error>>) -> Result<Option<T>, kube::Error> {
    match work.await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        other => other.map(Some),
    }
}
