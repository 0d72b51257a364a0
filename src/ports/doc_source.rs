//! A server that speaks docmgr's HTTP API, as we read it. Addresses are judged by who implements this, before and while
//! it connects; what it answers is data of strangers, bounded and checked.
//!
//! Every call ends within the time it is given, and stops when its future is dropped.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use url::Url;

use super::secrets::Credential;
use crate::kernel::moment::Moment;

/// Why an address may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Somebody wrote it down: the settings must allow every address that its host resolves to.
    Listed,
    /// The executor lists exactly this address as a live docs service of ours, right now. The URL must name it.
    Live { address: SocketAddr },
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocServer {
    /// Where its site begins; `/api/v1/…` is put behind its path.
    pub url: Url,
    /// Sent to this address alone, and never shown. `Credential::Ssh` opens nothing here.
    pub credential: Option<Credential>,
    pub reach: Reach,
}

/// What `workspace/status` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerStatus {
    /// The absolute path of the docs root on the server.
    pub root: String,
    /// The absolute path of the repository around it; empty where it found none.
    pub repo_root: String,
    /// When its index was built, by its own clock; `None` where it does not know.
    pub indexed_at: Option<Moment>,
    /// Markdown files in the index; zero may mean a wrong root.
    pub docs_indexed: u64,
    pub full_text: bool,
}

/// One ticket of a list. Every text is bounded and free of control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketRow {
    pub ticket: String,
    pub title: String,
    pub status: String,
    pub intent: String,
    pub topics: Vec<String>,
    pub owners: Vec<String>,
    /// `None` where the server does not know.
    pub updated_at: Option<Moment>,
    /// Relative to the docs root.
    pub ticket_dir: String,
    /// Its front page, relative to the docs root.
    pub index_path: String,
}

/// A row that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// What can be shown of its name: letters, digits, `_`, `.`, `-`, at most 63; the rest as `?`.
    pub shown: String,
    /// What is wrong with it, and what to do.
    pub why: String,
}

/// All tickets of a server, read from one index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketList {
    /// What the server said of itself while the list was read.
    pub status: ServerStatus,
    /// Sorted as the server sorts (by ticket); a ticket that has two front pages is here twice.
    pub rows: Vec<TicketRow>,
    /// Names that more than one row carries, ignoring case; sorted, in the spelling seen first.
    pub duplicates: Vec<String>,
    /// How many rows were left out, and the first of them.
    pub refused_count: usize,
    pub refused: Vec<RefusedRow>,
}

/// What a refresh answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refreshed {
    pub indexed_at: Moment,
    pub docs_indexed: u64,
}

/// What went wrong, as `status.lastError.code` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DocSourceCode {
    /// The address may not be connected to: nothing was sent.
    AddressRefused,
    /// The host's name has no address now.
    NameNotResolved,
    /// Nobody answers there.
    ConnectFailed,
    /// The certificate is not trusted, or the other side speaks no TLS.
    TlsFailed,
    /// The time that the caller gave was not enough.
    TimedOut,
    /// The answer broke off.
    AnswerCutOff,
    /// The answer, its headers or one of its fields is larger than the settings allow.
    TooLarge,
    /// More tickets than the settings allow.
    TooManyTickets,
    /// What answers is not docmgr: no JSON, other types, another page.
    NotDocmgr,
    /// It answered with a redirect, which is never followed.
    Redirected,
    /// 401 or 403: the Secret is missing or wrong.
    Unauthorized,
    /// It is up, but has no index yet.
    NotReady,
    /// It answered with an error of its own.
    ServerError,
    /// Its index was built anew each time while the list was read.
    IndexKeptMoving,
    /// The Secret cannot be used for this address.
    SecretUnusable,
}

impl DocSourceCode {
    /// The CamelCase word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AddressRefused => "AddressRefused",
            Self::NameNotResolved => "NameNotResolved",
            Self::ConnectFailed => "ConnectFailed",
            Self::TlsFailed => "TlsFailed",
            Self::TimedOut => "TimedOut",
            Self::AnswerCutOff => "AnswerCutOff",
            Self::TooLarge => "TooLarge",
            Self::TooManyTickets => "TooManyTickets",
            Self::NotDocmgr => "NotDocmgr",
            Self::Redirected => "Redirected",
            Self::Unauthorized => "Unauthorized",
            Self::NotReady => "NotReady",
            Self::ServerError => "ServerError",
            Self::IndexKeptMoving => "IndexKeptMoving",
            Self::SecretUnusable => "SecretUnusable",
        }
    }

    /// Whether somebody must change something before trying again can help.
    pub fn needs_somebody(self) -> bool {
        match self {
            Self::AddressRefused
            | Self::TlsFailed
            | Self::TooLarge
            | Self::TooManyTickets
            | Self::NotDocmgr
            | Self::Redirected
            | Self::Unauthorized
            | Self::SecretUnusable => true,
            Self::NameNotResolved
            | Self::ConnectFailed
            | Self::TimedOut
            | Self::AnswerCutOff
            | Self::NotReady
            | Self::ServerError
            | Self::IndexKeptMoving => false,
        }
    }
}

impl fmt::Display for DocSourceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why there is no answer. The message says what to do; it holds no secret and no control character, and stays below
/// 512 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DocSourceError {
    pub code: DocSourceCode,
    pub message: String,
}

/// Reads documents' servers.
#[async_trait]
pub trait DocSource: Send + Sync {
    /// What the server says of itself: one request.
    async fn status(&self, server: &DocServer, within: Duration) -> Result<ServerStatus, DocSourceError>;

    /// The status, and all tickets by cursor to the end, from one index: if the index is built anew meanwhile, the list
    /// is read again, a bounded number of times.
    async fn tickets(&self, server: &DocServer, within: Duration) -> Result<TicketList, DocSourceError>;

    /// Has the index built anew, and answers when it is in place. Never tried twice: a server may grow by each.
    async fn refresh(&self, server: &DocServer, within: Duration) -> Result<Refreshed, DocSourceError>;
}

/// A live docs service of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveDocs {
    pub address: SocketAddr,
    /// The Run whose workspace it serves: another one may bear the name tomorrow.
    pub run_uid: String,
    /// Names this very process and its socket: as long as it is the same, nobody else had the port.
    pub instance: String,
}

/// Where the live docs service of a workspace listens.
#[async_trait]
pub trait DocsDoor: Send + Sync {
    /// The service that the executor lists right now for that ticket (any case) of the Run that bears the name today;
    /// `None` where none is live. Never an address out of anybody's spec.
    async fn live(&self, namespace: &str, run: &str, ticket: &str) -> Option<LiveDocs>;
}
