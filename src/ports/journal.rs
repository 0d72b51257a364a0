//! Where facts go before anything moves: one transaction for audit, event, outbox and mirror rows.
//! No reconcile ever reads what was written here.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use serde::Serialize;

use crate::kernel::event::DomainEvent;
use crate::kernel::journal::JournalEntry;
use crate::kernel::subject::Subject;

/// An object as the API server last showed it, kept for audit and views.
#[derive(Clone, Debug, PartialEq)]
pub struct Mirror {
    pub resource_version: String,
    pub generation: i64,
    /// RFC 3339, as the API server gave it.
    pub created_at: String,
    /// JSON, as text: who records has the object at hand, and nobody reads it before it is written.
    pub spec: String,
    pub status: String,
    /// The object is gone (or about to go in the same breath).
    pub deleted: bool,
}

impl Mirror {
    /// A part of an object as the mirror holds it; what cannot be written down is `null`.
    pub fn text(part: &impl Serialize) -> String {
        serde_json::to_string(part).unwrap_or_else(|_| "null".to_owned())
    }
}

/// Everything one pass wants recorded about one object.
#[derive(Clone, Debug)]
pub struct Record {
    pub subject: Subject,
    /// Entries of the object's journal, in order of `seq`. Known ones are ignored.
    pub entries: Vec<JournalEntry>,
    /// What these entries mean to the world: at most one per entry, keyed by `(subject_uid, subject_seq)`.
    pub events: Vec<DomainEvent>,
    /// The object's newest form; `None` leaves the mirror as it is.
    pub mirror: Option<Mirror>,
}

/// What became of a [`Record`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// How many audit rows were new.
    pub fresh: usize,
    /// `seq`s that were there already with other content; both are kept (design, section 1: `AuditForked`).
    pub forked: Vec<i64>,
}

/// What is recorded of an object, in few bytes: there may be very many of them at a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The version that the mirror shows.
    pub resource_version: String,
    /// [`digest_of_links`](crate::kernel::journal::digest_of_links) over the newest entries, as many as a ring takes.
    pub links: [u8; 32],
}

/// An object that the mirror still holds as alive although the cluster no longer has it.
#[derive(Clone, Debug)]
pub struct Vanished {
    pub subject: Subject,
    /// Its last recorded entry, for the chain to go on from.
    pub last: Option<JournalEntry>,
    pub mirror: Mirror,
}

/// Why the history could not be written or read. Who records goes on while its ring has room, then waits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to use the history: {0}")]
pub struct JournalError(pub String);

/// The history's writing side.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Records in one durable transaction, or not at all. Repeating it changes nothing.
    async fn record(&self, record: Record) -> Result<Recorded, JournalError>;

    /// What was recorded of every living object of `kind`, by uid. Only spares work after a restart: what is recorded
    /// again changes nothing.
    async fn held(&self, kind: &str) -> Result<HashMap<String, Held>, JournalError>;

    /// Objects of `kind` mirrored as alive whose uid is not among `alive`. An empty `namespaces` means all.
    async fn vanished(
        &self,
        kind: &str,
        namespaces: &[String],
        alive: &HashSet<String>,
    ) -> Result<Vec<Vanished>, JournalError>;
}
