//! How work can fail, in the three ways that ask for different answers. Pure.

use std::time::Duration;

/// Why a pass did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Wait for a change: somebody is needed.
    #[error("{reason}: {message}")]
    Stalled { reason: &'static str, message: String },
    /// Look again after a while; nothing is wrong with the object.
    #[error("{reason}: {message}")]
    Waiting {
        after: Duration,
        reason: &'static str,
        message: String,
    },
    /// Try again with backoff.
    #[error("{0}")]
    Retry(String),
    /// Somebody else was faster, or our view is old: the watch will bring the news.
    #[error("{0}")]
    Quiet(String),
}

impl Failure {
    /// The word for logs and metrics.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Stalled { .. } => "stalled",
            Self::Waiting { .. } => "waiting",
            Self::Retry(_) => "retry",
            Self::Quiet(_) => "quiet",
        }
    }
}
