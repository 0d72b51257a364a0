//! What a thread's status says: types and nothing else.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::crd::{Assignee, Party, PostKind, Priority, ThreadState, WaitingOn};
use crate::controller::kind_status::kind_status;
use crate::kernel::moment::Moment;

kind_status! {
    /// What has become of the thread, as it was recorded.
    pub struct ForumThreadStatus {
        /// The last value of the annotation `metawsm.dev/requestedAt` that was answered.
        last_handled_request,

        /// The state that was recorded last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub state: Option<ThreadState>,

        /// Since when; the clock of the deadlines runs from here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub state_since: Option<Moment>,

        /// Whose turn it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub waiting_on: Option<WaitingOn>,

        /// The assignee as columns show it: of a service account only the last part, of a long name its beginning.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 253))]
        pub assignee: Option<String>,

        /// The priority that was recorded last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub priority: Option<Priority>,

        /// The assignee that was recorded last, in full.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub assigned_to: Option<Assignee>,

        /// The posts that were recorded, in the order of `spec.posts`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(length(max = 64))]
        #[x_kube(merge_strategy = ListMerge::Atomic)]
        pub posts: Vec<RecordedPost>,

        /// How many posts were recorded.
        #[serde(default)]
        pub post_count: i64,

        /// How many lines of `spec.changes` were recorded.
        #[serde(default)]
        pub change_count: i64,

        /// The post that was recorded last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub last_post: Option<LastPost>,

        /// The clock of the present state.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub sla: Option<SlaStatus>,

        /// Whether the decision has reached the ticket's documents.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub docs_sync: Option<DocsSyncStatus>,
    }
}

/// A post that was recorded.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RecordedPost {
    /// Its id in `spec.posts`.
    #[schemars(length(max = 63))]
    pub id: String,
    /// When it was recorded.
    pub recorded_at: Moment,
    /// The journal's number of its entry.
    pub seq: i64,
    /// Whether the API server vouched for its author at that time: the post says so, and the policies were in force.
    #[serde(default)]
    pub attested: bool,
}

/// The post that was recorded last.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LastPost {
    /// Its id in `spec.posts`.
    #[schemars(length(max = 63))]
    pub id: String,
    /// Question, Answer, Comment or Draft.
    pub kind: PostKind,
    /// What its author is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author_type: Option<Party>,
    /// Its author's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub author_name: Option<String>,
    /// When it was recorded.
    pub at: Moment,
}

/// The clock of the present state: what held when it was entered, and what has become of it.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SlaStatus {
    /// The policy as it was when the state was entered; a later edit of the policy does not move a running clock.
    pub policy: SlaSnapshot,
    /// When the next level falls due; absent where nothing comes any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Moment>,
    /// The same as columns show it: month, day, hour and minute in UTC, like `11-21T08:00Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub due: Option<String>,
    /// The highest level that was escalated in this state; 0 before the first.
    #[serde(default)]
    pub level: i64,
    /// How often the thread was escalated in all its states.
    #[serde(default)]
    pub escalation_count: i64,
    /// The last escalations, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub escalations: Vec<Escalation>,
    /// Whether a deadline of this state has passed unanswered.
    #[serde(default)]
    pub breached: bool,
    /// How much later than its deadline the last escalation came, like `3m20s`; absent where it came in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub late_by: Option<String>,
}

/// The deadlines that held when a state was entered.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SlaSnapshot {
    /// When each level falls due, counted from the state's entry, like `30m`; empty: never.
    #[serde(default)]
    #[schemars(length(max = 10), inner(length(min = 1, max = 32)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub levels: Vec<String>,
    /// How long after the last level it comes again, and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub repeat_every: Option<String>,
    /// A hash of the policy file that it was taken from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 71))]
    pub revision: Option<String>,
}

/// One escalation.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Escalation {
    /// Which level; above the policy's levels: the repeats of the last.
    pub level: i64,
    /// When it was decided.
    pub at: Moment,
    /// The event that told of it.
    #[schemars(length(max = 63))]
    pub event_id: String,
}

/// Whether the decision has reached the ticket's documents.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DocsSyncStatus {
    /// Pending, Synced, Failed or Skipped.
    pub state: DocsSyncState,
    /// Where it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub endpoint: Option<String>,
    /// When it was tried last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// What is wrong, or what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
}

/// The state of docs sync.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocsSyncState {
    Pending,
    Synced,
    Failed,
    Skipped,
}
