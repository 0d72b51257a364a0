//! The Run resource: spec, rules and columns; nothing else. Its status is in `status.rs`.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::status::*;
use crate::kernel::text_rules::{
    DNS_LABEL, DNS_NAME, DOCS_PATH, DOCS_PATH_HELP, GIT_REF, GIT_REF_HELP, HUMAN_TEXT, HUMAN_TEXT_HELP, ONE_WORD,
    TICKET_HELP,
};

/// One piece of work by agents on one or more tickets over one or more repositories.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "metawsm.dev",
    version = "v1alpha1",
    kind = "Run",
    namespaced,
    status = "RunStatus",
    derive = "PartialEq",
    shortname = "mrun",
    category = "metawsm",
    doc = "One piece of work by agents on one or more tickets over one or more repositories: a workspace per ticket, its documents seeded from the canonical repository.",
    selectable = ".status.phase",
    printcolumn(name = "Tickets", type_ = "string", json_path = ".spec.tickets"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Doc-Home", type_ = "string", json_path = ".status.docs.homeRepo"),
    printcolumn(name = "Seed", type_ = "string", json_path = ".status.docs.seedSummary"),
    printcolumn(name = "Waiting", type_ = "integer", json_path = ".status.forum.open"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode", priority = 1),
    printcolumn(name = "Revision", type_ = "string", json_path = ".status.docs.freshnessRevision", priority = 1),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason", priority = 1),
    validation = Rule::new("self.metadata.name.matches('^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$') && !self.metadata.name.contains('--')")
        .message("metadata.name must be 1 to 63 lower-case letters, digits and single '-': it becomes a folder and part of a branch name")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.docHomeRepo) || self.repos.exists(r, r.name == self.docHomeRepo)")
        .message("docHomeRepo must be one of spec.repos[].name").field_path(".docHomeRepo"),
    validation = Rule::new("has(self.docHomeRepo) == has(oldSelf.docHomeRepo) && (!has(self.docHomeRepo) || self.docHomeRepo == oldSelf.docHomeRepo)")
        .message("docHomeRepo cannot be added, changed or removed; delete the Run and make another").field_path(".docHomeRepo"),
    validation = Rule::new("has(self.docSeedRef) == has(oldSelf.docSeedRef) && (!has(self.docSeedRef) || self.docSeedRef == oldSelf.docSeedRef)")
        .message("docSeedRef cannot be added, changed or removed; delete the Run and make another").field_path(".docSeedRef"),
    validation = Rule::new("!has(self.docSeedRef) || self.docSeedFrom == 'Commit'")
        .message("docSeedRef names a commit: remove it, or set docSeedFrom: Commit").field_path(".docSeedRef"),
    validation = Rule::new("self.docSeedMode != 'None' || (!has(self.docSeedRef) && self.docSeedFrom == 'Commit')")
        .message("docSeedMode: None copies nothing: remove docSeedRef and docSeedFrom, or set docSeedMode: CopyFromRepoOnStart").field_path(".docSeedMode"),
    validation = Rule::new("(self.mode == 'Bootstrap') == has(self.brief)")
        .message("brief belongs to mode: Bootstrap, and Bootstrap needs a brief: give both or neither").field_path(".brief"),
    validation = Rule::new("self.mode != 'Bootstrap' || self.docSeedMode != 'None'")
        .message("mode: Bootstrap makes documents: it cannot go with docSeedMode: None").field_path(".docSeedMode"),
    validation = Rule::new("has(self.brief) == has(oldSelf.brief) && (!has(self.brief) || self.brief == oldSelf.brief)")
        .message("brief cannot be added, changed or removed; delete the Run and make another").field_path(".brief")
)]
pub struct RunSpec {
    /// The tickets to work on: one workspace each. They cannot be changed.
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 63)))]
    #[x_kube(
        validation = Rule::new("self.all(t, t.matches('^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$') && !t.matches('[_.-][_.-]'))")
            .message(TICKET_HELP),
        validation = Rule::new("self.all(t, self.exists_one(u, u.lowerAscii().replace('_', '-').replace('.', '-') == t.lowerAscii().replace('_', '-').replace('.', '-')))")
            .message("tickets must differ, also when '_' and '.' are read as '-' and capitals as small letters: remove the duplicate"),
        validation = Rule::new("self == oldSelf").message("tickets cannot be changed; delete the Run and make another")
    )]
    pub tickets: Vec<String>,

    /// The repositories that every workspace holds, one clone each. They cannot be changed.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(
        merge_strategy = ListMerge::Map(vec!["name".into()]),
        // Two map lists are equal in any order, but the first repository is the default home: so the order is compared too.
        validation = Rule::new("self == oldSelf && self.map(r, r.name) == oldSelf.map(r, r.name)")
            .message("repos cannot be changed, nor their order; delete the Run and make another")
    )]
    pub repos: Vec<Repo>,

    /// Which repository holds the tickets' documents. Default: the tickets' existing home if its URL is among the
    /// repositories, else the first repository. Resolved once and pinned in `status.docs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new(DNS_LABEL).message("give one of spec.repos[].name: lower-case letters, digits and '-'"))]
    pub doc_home_repo: Option<String>,

    /// Which copy is the truth while the Run is active. `WorkspaceActive`: the workspace's.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("docAuthorityMode cannot be changed"))]
    pub doc_authority_mode: DocAuthorityMode,

    /// `CopyFromRepoOnStart` copies the tickets' documents from the home repository into the workspaces, one way;
    /// `None` copies nothing.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("docSeedMode cannot be changed; delete the Run and make another"))]
    pub doc_seed_mode: DocSeedMode,

    /// `Commit`: the tip of `docSeedRef`, else of the home's `baseBranch`. `WorkingTree`: what is on disk in a
    /// local-path home, committed or not.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("docSeedFrom cannot be changed; delete the Run and make another"))]
    pub doc_seed_from: DocSeedFrom,

    /// Branch, tag or commit of the home repository to copy the documents from; default: the home's `baseBranch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    #[x_kube(validation = Rule::new(GIT_REF).message(GIT_REF_HELP))]
    pub doc_seed_ref: Option<String>,

    /// Folder of the documents in the home repository, relative to its root.
    #[serde(default = "crate::ticket_topology::crd::default_docs_path")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(
        validation = Rule::new(DOCS_PATH).message(DOCS_PATH_HELP),
        validation = Rule::new("self == oldSelf").message("docsPath cannot be changed; delete the Run and make another")
    )]
    pub docs_path: String,

    /// `Bootstrap` makes a ticket's first documents from the brief where there are none yet.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("mode cannot be changed; delete the Run and make another"))]
    pub mode: Mode,

    /// What a Bootstrap run is about. Belongs to `mode: Bootstrap`, and is required there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brief: Option<Brief>,

    /// How workspaces are made. It cannot be changed.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("workspace cannot be changed; delete the Run and make another"))]
    pub workspace: WorkspaceSpec,

    /// Starts nothing new while set; what runs goes on, and `Ready` stays as it is.
    #[serde(default)]
    pub suspend: bool,
}

/// One repository of a Run.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.credentialsSecretRef) || !self.url.matches('^(/|file:)')")
        .message("a local repository is opened without credentials: remove credentialsSecretRef, or give an https:// or ssh:// URL")
        .field_path(".credentialsSecretRef")
)]
pub struct Repo {
    /// Name of the repository inside this Run, and of its folder in the workspaces.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new(DNS_LABEL).message("a repository's name is lower-case letters, digits and '-', for example 'api'"))]
    pub name: String,

    /// Where it is: https or ssh, with a host that the controller's settings allow; a local path or `file://` only
    /// where the settings allow it. Credentials do not belong here.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(
        validation = Rule::new(ONE_WORD).message("remove white space and control characters from the URL"),
        validation = Rule::new("self.matches('^(https://|ssh://|file:///|/|[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+:)[^-].*$')")
            .message("give an https:// or ssh:// URL, user@host:path, or (where the settings allow it) an absolute path or file:///"),
        validation = Rule::new("!self.matches('^https://[^/]*@')")
            .message("remove the user or password from the URL: credentials do not belong into a Run")
    )]
    pub url: String,

    /// The branch that workspaces begin from.
    #[serde(default = "default_base_branch")]
    #[schemars(length(min = 1, max = 200))]
    #[x_kube(validation = Rule::new(GIT_REF).message(GIT_REF_HELP))]
    pub base_branch: String,

    /// The Secret in the Run's namespace that opens the repository: `username` and `password`, or `bearerToken`, and
    /// `ca.crt` for https; `identity` and `known_hosts` for ssh. Read only where the controller's settings allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretRef>,
}

/// Names a Secret in the Run's own namespace.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(DNS_NAME).message("give the name of a Secret in this namespace: lower-case letters, digits, '-' and '.'"))]
    pub name: String,
}

fn default_base_branch() -> String {
    "main".to_owned()
}

/// What a Bootstrap run is about; becomes the ticket's first documents.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Brief {
    /// What shall be reached.
    #[schemars(length(min = 1, max = 4096))]
    #[x_kube(validation = Rule::new(HUMAN_TEXT).message(HUMAN_TEXT_HELP))]
    pub goal: String,
    /// What belongs to it and what does not.
    #[schemars(length(min = 1, max = 4096))]
    #[x_kube(validation = Rule::new(HUMAN_TEXT).message(HUMAN_TEXT_HELP))]
    pub scope: String,
    /// How to tell that it is done.
    #[schemars(length(min = 1, max = 4096))]
    #[x_kube(validation = Rule::new(HUMAN_TEXT).message(HUMAN_TEXT_HELP))]
    pub done_criteria: String,
    /// What must be kept to.
    #[serde(default)]
    #[schemars(length(max = 4096))]
    #[x_kube(validation = Rule::new(HUMAN_TEXT).message(HUMAN_TEXT_HELP))]
    pub constraints: String,
    /// What shall happen to the result.
    #[serde(default)]
    #[schemars(length(max = 4096))]
    #[x_kube(validation = Rule::new(HUMAN_TEXT).message(HUMAN_TEXT_HELP))]
    pub merge_intent: String,
}

/// How workspaces are made.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceSpec {
    /// Every workspace's branch is `<branchPrefix>/<run>--<ticket>`.
    #[serde(default = "default_branch_prefix")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new(GIT_REF).message(GIT_REF_HELP))]
    pub branch_prefix: String,
}

impl Default for WorkspaceSpec {
    fn default() -> Self {
        Self {
            branch_prefix: default_branch_prefix(),
        }
    }
}

fn default_branch_prefix() -> String {
    "task".to_owned()
}

/// Which copy of the documents is the truth while the Run is active.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DocAuthorityMode {
    #[default]
    WorkspaceActive,
}

/// Whether documents are copied when the Run starts.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DocSeedMode {
    #[default]
    CopyFromRepoOnStart,
    None,
}

/// Where in the home repository documents are copied from.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DocSeedFrom {
    #[default]
    Commit,
    WorkingTree,
}

/// How the Run begins.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Standard,
    Bootstrap,
}
