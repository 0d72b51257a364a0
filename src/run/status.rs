//! What a Run's status says: types and nothing else.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::crd::{DocAuthorityMode, DocSeedMode};
use crate::controller::kind_status::kind_status;
use crate::kernel::moment::Moment;

kind_status! {
    /// What has become of the Run.
    pub struct RunStatus {
        /// The last value of the annotation `metawsm.dev/requestedAt` that was answered.
        last_handled_request,

        /// Where the Run is, in one word for people. Nothing is decided on it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub phase: Option<Phase>,

        /// The home of the documents, resolved once when the Run was accepted, and how fresh they are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub docs: Option<DocsStatus>,

        /// One workspace per ticket, in the order of `spec.tickets`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(length(max = 16))]
        #[x_kube(merge_strategy = ListMerge::Atomic)]
        pub workspaces: Vec<WorkspaceStatus>,

        /// The questions that were asked in this Run and are not answered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub forum: Option<ForumCounts>,

        /// What somebody should know although the Run goes on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(length(max = 16))]
        #[x_kube(merge_strategy = ListMerge::Atomic)]
        pub warnings: Vec<Warning>,
    }
}

/// How many questions of a Run are not answered.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ForumCounts {
    /// Neither answered nor closed.
    pub open: i64,
    /// Of those, in state WaitingHuman.
    pub waiting_human: i64,
    /// Of those, escalated since they entered their state.
    pub escalated: i64,
}

/// What somebody should know although the Run goes on.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Warning {
    /// What it is about, in one word.
    #[schemars(length(max = 63))]
    pub code: String,
    /// What is wrong and what to do.
    #[schemars(length(max = 1024))]
    pub message: String,
}

/// Where a Run is.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Pending,
    Preparing,
    Active,
    Stopping,
    Failed,
}

impl Phase {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Preparing => "Preparing",
            Self::Active => "Active",
            Self::Stopping => "Stopping",
            Self::Failed => "Failed",
        }
    }
}

/// The home of the documents and how fresh they are.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DocsStatus {
    /// The repository that holds the tickets' documents: one of `spec.repos[].name`.
    #[schemars(length(max = 63))]
    pub home_repo: String,
    /// Its URL in the form that tells homes apart.
    #[serde(rename = "homeURL")]
    #[schemars(length(max = 2048))]
    pub home_url: String,
    /// Which copy is the truth while the Run is active, as the spec says.
    pub authority_mode: DocAuthorityMode,
    /// Whether documents are copied, as the spec says.
    pub seed_mode: DocSeedMode,
    /// How many workspaces are seeded, of how many, like `2/3`; `skipped` where nothing is to be copied.
    #[schemars(length(max = 15))]
    pub seed_summary: String,
    /// A hash over the sorted revisions of all tickets; changes only when a seed succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 71))]
    pub freshness_revision: Option<String>,
    /// When the oldest of the successful seeds was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshness_at: Option<Moment>,
}

/// One workspace.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceStatus {
    /// The ticket it is for.
    #[schemars(length(max = 63))]
    pub ticket: String,
    /// Its name: `<run>--<ticket>` in lower case.
    #[schemars(length(max = 128))]
    pub name: String,
    /// Its folder on the controller's volume.
    #[schemars(length(max = 4096))]
    pub path: String,
    /// The branch of all its clones.
    #[schemars(length(max = 253))]
    pub branch: String,
    /// Its clones, in the order of `spec.repos`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub repos: Vec<WorkspaceRepo>,
    /// The room it takes on disk, as `du` counts, in whole MiB; measured when the clones are looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<i64>,
    /// Whether its clones are there.
    pub prepare: PrepareStatus,
    /// Whether its documents are there.
    pub seed: SeedStatus,
    /// The DocEndpoint at which its documents can be read, once it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub endpoint: Option<String>,
}

/// One clone of a workspace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceRepo {
    /// The repository: one of `spec.repos[].name`.
    #[schemars(length(max = 63))]
    pub name: String,
    /// The commit that the workspace's branch began from.
    #[schemars(length(max = 64))]
    pub base_commit: String,
    /// The commit that the branch is at, as last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub head_commit: Option<String>,
    /// Whether something in it is not committed, as last seen.
    #[serde(default)]
    pub dirty: bool,
    /// Why it could not be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub problem: Option<String>,
}

/// Whether a workspace's clones are there.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PrepareStatus {
    /// Pending, Ready or Failed.
    #[serde(default)]
    pub state: PrepareState,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: i32,
    /// When it was tried last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// Why it failed, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub reason: Option<String>,
    /// What is wrong and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
    /// Only a change outside, or a request, can help: it is looked at again now and then, and somebody is needed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub stalled: bool,
}

/// The state of `prepare`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PrepareState {
    #[default]
    Pending,
    Ready,
    Failed,
}

/// Whether a workspace's documents are there, and which.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SeedStatus {
    /// Pending, Synced, Failed or Skipped.
    #[serde(default)]
    pub state: SeedState,
    /// A hash over the documents as they were last seeded: sorted path, mode and content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 71))]
    pub revision: Option<String>,
    /// The commit of the home repository that they came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub source_commit: Option<String>,
    /// The commit on the workspace's branch that holds them, where something had to change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub commit: Option<String>,
    /// How many files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<i64>,
    /// Their size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<i64>,
    /// When it was tried last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// When it last succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synced_at: Option<Moment>,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: i32,
    /// Why it failed, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub reason: Option<String>,
    /// What is wrong and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
    /// Only a change outside, or a request, can help: it is looked at again now and then, and somebody is needed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub stalled: bool,
}

/// The state of `seed`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SeedState {
    #[default]
    Pending,
    Synced,
    Failed,
    Skipped,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(yes: &bool) -> bool {
    !yes
}
