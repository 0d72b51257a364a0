//! What a projector reads and writes: recorded events in order, the rows folded from them, and how far it has come.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::journal::JournalError;
use crate::kernel::envelope::Envelope;
use crate::kernel::moment::Moment;

/// An event and its place in the order of recording, which is the order of folding.
#[derive(Clone, Debug, PartialEq)]
pub struct EventAt {
    pub position: i64,
    pub envelope: Envelope,
}

/// What comes next for a projector.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Where the cursor stands.
    pub after: i64,
    /// Where it stands once this is folded.
    pub last: i64,
    /// In order of position.
    pub events: Vec<EventAt>,
    /// The threads that these events are about, as far as they are known.
    pub threads: Vec<ThreadRow>,
    /// Positions of events that cannot be read any more: somebody changed the rows.
    pub unreadable: Vec<i64>,
}

/// A row of `forum_threads`, without what is counted there.
///
/// A field holds what the event of the greatest `…_seq` said; 0: none did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ThreadRow {
    pub id: i64,
    pub uid: String,
    pub namespace: String,
    pub name: String,
    pub ticket: Option<String>,
    pub run_id: Option<String>,
    pub agent_name: Option<String>,
    pub title: Option<String>,
    pub choices: Option<String>,
    pub continued_from: Option<String>,
    pub docs_sync: Option<String>,
    pub first_seq: i64,
    pub opened_at: String,
    pub opened_ms: i64,
    pub opened_by_type: Option<String>,
    pub opened_by: Option<String>,
    pub state: Option<String>,
    pub state_since: Option<String>,
    pub state_seq: i64,
    pub waiting_on: Option<String>,
    pub priority: Option<String>,
    pub priority_seq: i64,
    pub assignee_type: Option<String>,
    pub assignee: Option<String>,
    pub assigned_seq: i64,
    pub last_post_seq: i64,
    pub last_post_at: Option<String>,
    pub last_post_kind: Option<String>,
    pub last_post_by: Option<String>,
    pub escalated_seq: i64,
    pub escalated_at: Option<String>,
    pub escalated_level: i64,
    pub closed_at: Option<String>,
    pub closed_by: Option<String>,
    pub deleted_at: Option<String>,
    pub deleted_by: Option<String>,
    /// 1: nobody saw it going.
    pub deleted_inferred: i64,
    pub last_seq: i64,
    pub changed_at: String,
    pub changed: i64,
}

/// A row of `forum_posts`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PostRow {
    pub id: i64,
    pub thread_uid: String,
    pub seq: i64,
    pub post_id: String,
    pub kind: String,
    pub author_type: String,
    pub author: String,
    pub attested: i64,
    pub via: Option<String>,
    pub body: String,
    pub in_reply_to: Option<String>,
    pub choice: Option<String>,
    pub at: String,
}

/// Who brought something about, as every fact of a thread has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct By {
    pub thread_uid: String,
    pub seq: i64,
    /// The line of `spec.changes` that says so.
    pub num: Option<i64>,
    pub actor_type: String,
    pub actor: String,
    pub attested: i64,
    pub cause: Option<String>,
    pub at: String,
}

/// A row of `forum_state_transitions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateRow {
    #[serde(flatten)]
    pub by: By,
    pub from_state: Option<String>,
    pub to_state: String,
    pub since: String,
}

/// A row of `forum_assignments`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssignmentRow {
    #[serde(flatten)]
    pub by: By,
    pub from_type: Option<String>,
    pub from_name: Option<String>,
    pub to_type: Option<String>,
    pub to_name: Option<String>,
}

/// A row of `forum_priorities`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PriorityRow {
    #[serde(flatten)]
    pub by: By,
    pub from_priority: Option<String>,
    pub to_priority: String,
}

/// A row of `forum_escalations`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EscalationRow {
    pub thread_uid: String,
    pub seq: i64,
    pub event_id: String,
    pub state: String,
    pub state_since: String,
    pub level: i64,
    pub deadline: String,
    pub late: i64,
    pub late_by_seconds: i64,
    pub at: String,
}

/// Rows to write. Those that are there already stay as they are; a thread's row is replaced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ForumRows {
    pub threads: Vec<ThreadRow>,
    pub posts: Vec<PostRow>,
    pub states: Vec<StateRow>,
    pub assignments: Vec<AssignmentRow>,
    pub priorities: Vec<PriorityRow>,
    pub escalations: Vec<EscalationRow>,
}

/// What came of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folded {
    /// The cursor that it was folded on, and the one after it.
    pub after: i64,
    pub last: i64,
    pub rows: ForumRows,
}

/// How far a projection is behind what was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    pub events: i64,
    /// When the oldest event that is not folded was recorded.
    pub oldest: Option<Moment>,
}

/// What was folded away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FoldedAway {
    /// Events that are no rows of their own any more.
    pub events: u64,
    /// Threads that have a new snapshot.
    pub threads: u64,
}

/// The projector's view of the database.
#[async_trait]
pub trait Projections: Send + Sync {
    /// The oldest events that are not folded yet, at most `limit`.
    async fn batch(&self, limit: u32) -> Result<Batch, JournalError>;

    /// Writes the rows and moves the cursor, both or neither; `false`, and nothing written, where the cursor stood
    /// elsewhere than `folded.after`.
    async fn fold_in(&self, folded: Folded) -> Result<bool, JournalError>;

    /// How far it is behind.
    async fn lag(&self) -> Result<Lag, JournalError>;

    /// Goes back to the snapshots: clears what was folded, takes the rows of every snapshot back, sets the cursor to 0.
    /// What viewers have read stays.
    async fn reset(&self) -> Result<(), JournalError>;

    /// Folds events recorded before `before` away, oldest of each log first, as far as they are folded and sent: their
    /// threads are kept as snapshots. The newest event of each log stays. At most `limit` events of one log at once.
    async fn fold_away(&self, before: Moment, limit: u32) -> Result<FoldedAway, JournalError>;

    /// Resolves when something may have been recorded since the last call.
    async fn recorded(&self);
}
