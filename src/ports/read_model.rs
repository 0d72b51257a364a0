//! What people may ask of the history. Read-only.

use async_trait::async_trait;
use serde::Serialize;
use serde_json::Value;

use super::journal::JournalError;

/// Which audit lines are wanted; empty fields do not filter.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    pub namespace: Option<String>,
    pub kind: Option<String>,
    pub name: Option<String>,
    /// Only the last so many, oldest of them first.
    pub limit: u32,
}

/// One audit line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditLine {
    /// Place in the order of recording.
    pub position: i64,
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub seq: i64,
    pub at: String,
    #[serde(rename = "type")]
    pub entry_type: String,
    pub facts: Value,
    pub actor_type: String,
    pub actor_name: String,
    pub cause: Option<String>,
    pub hash: String,
    pub prev_hash: String,
}

/// Something that `verify` found wrong, in words that say where.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flaw {
    pub subject: String,
    pub seq: Option<i64>,
    pub problem: String,
}

/// The result of a verification.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Verdict {
    /// What was looked at: rows.
    pub checked: i64,
    /// Missing links that a lost or restored database explains; told, but not flaws.
    pub gaps: Vec<Flaw>,
    pub flaws: Vec<Flaw>,
}

/// Which tickets are wanted; empty fields do not filter.
#[derive(Clone, Debug, Default)]
pub struct TicketFilter {
    pub namespace: Option<String>,
    /// In any case.
    pub ticket: Option<String>,
    /// At most so many.
    pub limit: u32,
}

/// One ticket, by its authority.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TicketLine {
    pub namespace: String,
    pub ticket: String,
    /// `Workspace`, `Repo` or `None`.
    pub authority: Option<String>,
    pub endpoint: Option<String>,
    pub reason: Option<String>,
    pub repo: String,
    pub title: String,
    pub status: String,
    pub stale: bool,
    pub web_url: Option<String>,
    /// Milliseconds since 1970.
    pub updated_at_ms: Option<i64>,
    /// Milliseconds since 1970.
    pub indexed_at_ms: Option<i64>,
    pub copies: i64,
    pub runs: i64,
}

/// One copy of a ticket.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TicketCopy {
    pub namespace: String,
    pub ticket: String,
    pub endpoint: String,
    pub kind: String,
    pub repo: String,
    pub title: String,
    pub status: String,
    /// Milliseconds since 1970.
    pub updated_at_ms: Option<i64>,
    /// Milliseconds since 1970.
    pub indexed_at_ms: Option<i64>,
    /// The server lists it more than once.
    pub twice: bool,
    pub reachable: bool,
    pub fresh: String,
}

/// The history's reading side.
#[async_trait]
pub trait ReadModel: Send + Sync {
    /// Audit lines, oldest first.
    async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditLine>, JournalError>;

    /// Every ticket once, as last heard, by namespace and name.
    async fn tickets(&self, filter: &TicketFilter) -> Result<Vec<TicketLine>, JournalError>;

    /// Every copy of a ticket (any case), as last heard.
    async fn ticket_copies(&self, namespace: Option<&str>, ticket: &str) -> Result<Vec<TicketCopy>, JournalError>;

    /// Recomputes every hash chain.
    async fn verify_audit(&self) -> Result<Verdict, JournalError>;

    /// Integrity of the file, gapless sequences, every event backed by an audit line, and the chains.
    async fn verify_database(&self) -> Result<Verdict, JournalError>;
}
