//! Plans and outcomes of the steps that make, seed, inspect and remove workspaces. Data only, passed as JSON files.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where repositories may come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GitRules {
    /// Host names (`github.com`, `*.example.com`, `*`).
    pub allowed_hosts: Vec<String>,
    /// Folders below which local repositories are allowed; none: local paths are refused.
    pub local_roots: Vec<PathBuf>,
    /// Seconds after which one git command is killed with its whole process group.
    pub timeout_seconds: u64,
    /// Bytes on disk at which a fetch or a checkout is ended; 0: no bound.
    #[serde(default)]
    pub max_repo_bytes: u64,
}

/// Bounds on what is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeedLimits {
    pub max_files: u64,
    pub max_bytes: u64,
    pub max_file_bytes: u64,
    pub max_depth: u32,
    pub max_name_bytes: u32,
}

/// One repository of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RepoPlan {
    /// Folder of the clone below the workspace.
    pub name: String,
    pub url: String,
    pub base_branch: String,
    /// Which credential opens it: the Secret's name and uid, never its content. Caches of different ones share nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// Makes the workspace's folder with one clone per repository on the workspace's branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreparePlan {
    /// `<root>/<namespace>/<run>/<ticket>`.
    pub folder: PathBuf,
    /// The run's uid: a folder of another incarnation is set aside, never reused.
    pub owner_uid: String,
    pub namespace: String,
    /// Folder of the caches, keyed inside by (namespace, url, credential).
    pub cache_root: PathBuf,
    pub branch: String,
    pub repos: Vec<RepoPlan>,
    pub rules: GitRules,
}

/// What `prepare` found and made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrepareOutcome {
    /// In the order of the plan.
    pub repos: Vec<PreparedRepo>,
}

/// A clone and the commit it began from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreparedRepo {
    pub name: String,
    pub base_commit: String,
}

/// Where the documents are taken from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum SeedSource {
    /// The tip of a branch, tag or commit of the home repository.
    Commit {
        #[serde(rename = "ref")]
        git_ref: String,
    },
    /// What is on disk in the local home repository, committed or not.
    WorkingTree,
}

/// The brief of a bootstrap run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BriefPlan {
    pub goal: String,
    pub scope: String,
    pub done_criteria: String,
    pub constraints: String,
    pub merge_intent: String,
}

/// Copies one ticket's documents from the home repository into the workspace's clone of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeedPlan {
    pub folder: PathBuf,
    pub owner_uid: String,
    pub namespace: String,
    pub cache_root: PathBuf,
    pub branch: String,
    pub ticket: String,
    pub home: RepoPlan,
    /// The commit that the workspace's branch began from.
    pub base_commit: String,
    /// Relative folder of the documents in the repository.
    pub docs_path: String,
    pub source: SeedSource,
    /// What the last successful seed left there; `None` before the first.
    pub last_revision: Option<String>,
    /// For `mode: Bootstrap`: makes the ticket's first documents where there are none.
    pub brief: Option<BriefPlan>,
    pub limits: SeedLimits,
    pub rules: GitRules,
}

/// What `seed` did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeedOutcome {
    /// `sha256:` over sorted (path, mode, content).
    pub revision: String,
    /// The commit the documents came from; for a working tree the commit that it stood on.
    pub source_commit: Option<String>,
    pub files: i64,
    pub bytes: i64,
    /// The commit on the workspace's branch; `None` where nothing had to change.
    pub commit: Option<String>,
    /// Folder of the documents, relative to the repository.
    pub directory: String,
    /// What was left out (links that lead outside, special files), with the reason; at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
    /// The documents were made from the brief.
    pub bootstrapped: bool,
    /// The source had nothing new, and documents that were changed in the workspace were left as they are.
    #[serde(default)]
    pub kept: bool,
}

/// Looks at the clones without running anything an agent could have configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InspectPlan {
    pub folder: PathBuf,
    pub branch: String,
    pub repos: Vec<String>,
    pub rules: GitRules,
}

/// What `inspect` saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InspectOutcome {
    pub repos: Vec<InspectedRepo>,
    /// The room that the whole workspace takes; `None` where it could not be measured.
    #[serde(default)]
    pub bytes: Option<u64>,
}

/// The state of one clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InspectedRepo {
    pub name: String,
    /// `None` where the clone is gone or unreadable; `problem` says why.
    pub head_commit: Option<String>,
    /// Something is changed, staged or untracked.
    pub dirty: bool,
    pub problem: Option<String>,
}

/// Removes a workspace of a run that is gone, or sets it aside where work in it was never saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CleanupPlan {
    pub folder: PathBuf,
    pub owner_uid: String,
    /// `<root>/.orphans`: on the same file system as the workspaces.
    pub orphans: PathBuf,
    pub branch: String,
    /// Each clone with its base commit and the commits that the controller made itself (seeds).
    pub repos: Vec<CleanupRepo>,
    pub rules: GitRules,
}

/// What of a clone is known to be saved elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CleanupRepo {
    pub name: String,
    pub base_commit: Option<String>,
    /// The branch's last seed, whose documents are also where they came from; `None` where that is not so (a
    /// bootstrap's documents are nowhere else).
    pub seed_commit: Option<String>,
}

/// What became of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CleanupOutcome {
    /// Where it was put because work in it was never saved; `None`: removed (or it was never there).
    pub set_aside: Option<PathBuf>,
    pub why: Option<String>,
}
