//! Where what servers of documents say is kept for people to look at. No decision reads it.

use std::collections::HashMap;

use async_trait::async_trait;
use serde::Serialize;

use super::journal::JournalError;

/// One endpoint with all that it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FederatedSource {
    pub endpoint_uid: String,
    pub namespace: String,
    pub endpoint: String,
    /// `Repo` or `Workspace`.
    pub kind: &'static str,
    pub repo: String,
    pub home_url: Option<String>,
    pub run_uid: Option<String>,
    /// Milliseconds since 1970.
    pub indexed_at_ms: Option<i64>,
    pub rows: Vec<FederatedRow>,
}

/// One ticket of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FederatedRow {
    /// The ticket in small letters.
    pub ticket_key: String,
    pub ticket: String,
    pub title: String,
    pub status: String,
    pub topics: Vec<String>,
    pub updated_at_ms: Option<i64>,
    pub twice: bool,
}

/// One change of what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FederatedChange {
    /// The endpoint says this now; the hash is over all of it.
    Said { source: FederatedSource, hash: String },
    /// The endpoint is gone.
    Gone { endpoint_uid: String },
}

/// The keeping side.
#[async_trait]
pub trait FederatedStore: Send + Sync {
    /// The hash of what is kept, by uid of the endpoint.
    async fn kept(&self) -> Result<HashMap<String, String>, JournalError>;

    /// Keeps the changes, in one transaction or not at all.
    async fn keep(&self, changes: Vec<FederatedChange>) -> Result<(), JournalError>;
}
