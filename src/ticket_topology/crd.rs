//! The TicketTopology resource: types, rules and columns; nothing else.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::controller::kind_status::kind_status;
use crate::kernel::moment::Moment;
use crate::kernel::text_rules::{DNS_LABEL, DOCS_PATH, DOCS_PATH_HELP, ONE_WORD, TICKET, TICKET_HELP};

/// Marks a topology that Runs made: it goes with its last claim, unless it is canonical. Written at creation, never changed after.
pub const MADE_BY: &str = "metawsm.dev/made-by";
/// The value of [`MADE_BY`] for topologies that Runs made.
pub const MADE_BY_RUN: &str = "run";
/// Annotation with the time since when a ticket's documents are canonical history: set when a Run of it is closed, or by
/// hand. Such a topology stays without claims, whoever made it.
pub const CANONICAL_SINCE: &str = "metawsm.dev/canonical-since";

/// Who owns a ticket's documents, and where to read them now. Made by the first Run that needs it, or by hand.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "metawsm.dev",
    version = "v1alpha1",
    kind = "TicketTopology",
    plural = "tickettopologies",
    namespaced,
    status = "TicketTopologyStatus",
    derive = "PartialEq",
    shortname = "topo",
    category = "metawsm",
    doc = "Who owns a ticket's documents, and where to read them now. One per namespace and ticket: made by the first Run that needs it, or written by hand.",
    selectable = ".spec.ticket",
    printcolumn(name = "Ticket", type_ = "string", json_path = ".spec.ticket"),
    printcolumn(name = "Doc-Home", type_ = "string", json_path = ".spec.docHomeRepo"),
    printcolumn(name = "Authority", type_ = "string", json_path = ".status.authority.kind"),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.record.status"),
    printcolumn(name = "Fresh", type_ = "string", json_path = ".status.conditions[?(@.type=='Fresh')].status"),
    printcolumn(name = "Runs", type_ = "integer", json_path = ".status.runs"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Owner", type_ = "string", json_path = ".status.owner.runName", priority = 1),
    printcolumn(name = "Doc-Home-URL", type_ = "string", json_path = ".spec.docHomeURL", priority = 1),
    printcolumn(name = "Endpoint", type_ = "string", json_path = ".status.authority.endpoint", priority = 1),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.authority.reason", priority = 1),
    printcolumn(name = "Web-URL", type_ = "string", json_path = ".status.authority.webURL", priority = 1),
    validation = Rule::new("self.metadata.name == self.spec.ticket.lowerAscii().replace('_', '-').replace('.', '-')")
        .message("metadata.name must be the ticket in lower case with '_' and '.' as '-': one topology per ticket"),
    validation = Rule::new("self.spec == oldSelf.spec || !has(oldSelf.status) || !has(oldSelf.status.claims) || oldSelf.status.claims.size() == 0")
        .message("spec: the home of a ticket's documents can change only while no run claims the ticket; wait for or delete the runs in status.claims first")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.docHomeURL) || !has(oldSelf.docHomeURL)")
    .message("docHomeURL cannot be removed: the identity of a home is its URL"))]
pub struct TicketTopologySpec {
    /// The ticket, as people write it. It cannot be changed.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new(TICKET).message(TICKET_HELP),
        validation = Rule::new("self == oldSelf").message("ticket cannot be changed; make another TicketTopology"))]
    pub ticket: String,

    /// Name of the repository that holds the ticket's documents, as Runs name it in `spec.repos`.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new(DNS_LABEL).message("give the repository's name: lower-case letters, digits and '-'"))]
    pub doc_home_repo: String,

    /// URL of that repository. It is the identity of a home: two URLs are two homes, whatever their names.
    #[serde(default, rename = "docHomeURL", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new(ONE_WORD).message("remove white space and control characters from the URL"))]
    pub doc_home_url: Option<String>,

    /// Folder of the documents in the repository, relative to its root.
    #[serde(default = "default_docs_path")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new(DOCS_PATH).message(DOCS_PATH_HELP))]
    pub docs_path: String,
}

/// The folder that docmgr uses unless told otherwise.
pub fn default_docs_path() -> String {
    "ttmp".to_owned()
}

kind_status! {
    /// What is known about a ticket's documents.
    pub struct TicketTopologyStatus {
        /// The last value of the annotation `metawsm.dev/requestedAt` that was answered.
        last_handled_request,

        /// The Run whose workspace is authoritative: the oldest claim.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub owner: Option<Owner>,

        /// How many Runs claim the ticket.
        #[serde(default)]
        pub runs: i64,

        /// Which copy of the documents is the truth now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub authority: Option<Authority>,

        /// What the authoritative copy says of the ticket: the last good answer, also after a restart.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub record: Option<Record>,

        /// Every other copy of the ticket's documents, and why it is not the authority; the likeliest first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(length(max = 16))]
        #[x_kube(merge_strategy = ListMerge::Atomic)]
        pub alternates: Vec<Alternate>,

        /// How many endpoints have or should have the ticket's documents, the authority among them. Where there are more
        /// than the list of alternates holds, this tells.
        #[serde(default)]
        pub copies: i64,

        /// What somebody should know although all goes on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(length(max = 16))]
        #[x_kube(merge_strategy = ListMerge::Atomic)]
        pub warnings: Vec<TopologyWarning>,

        /// The Runs that work on the ticket, each its own entry, written by the Run itself.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(length(max = 64))]
        #[x_kube(merge_strategy = ListMerge::Map(vec!["runUID".into()]))]
        pub claims: Vec<Claim>,
    }
}

/// The Run whose workspace is authoritative.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// Name of the Run, in the same namespace.
    #[schemars(length(max = 63))]
    pub run_name: String,
    /// Its uid.
    #[serde(rename = "runUID")]
    #[schemars(length(max = 64))]
    pub run_uid: String,
}

/// One Run's claim on the ticket, from acceptance to its end.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The Run's uid.
    #[serde(rename = "runUID")]
    #[schemars(length(min = 1, max = 64))]
    pub run_uid: String,
    /// The Run's name, in the same namespace.
    #[schemars(length(min = 1, max = 63))]
    pub run_name: String,
    /// The home that the Run took, in the form that tells homes apart: the identity where the spec has no URL.
    #[serde(rename = "homeURL")]
    #[schemars(length(max = 2048))]
    pub home_url: String,
    /// Since when the claim stands.
    pub since: Moment,
}

/// Which copy of the documents is the truth now.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Authority {
    /// Workspace, Repo or None.
    pub kind: AuthorityKind,
    /// Name of the DocEndpoint that serves it, in the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub endpoint: Option<String>,
    /// The ticket's page, for people.
    #[serde(default, rename = "webURL", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2304))]
    pub web_url: Option<String>,
    /// Why, in one word.
    #[schemars(length(max = 63))]
    pub reason: String,
}

/// Where the authoritative copy is.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuthorityKind {
    Workspace,
    Repo,
    None,
}

impl AuthorityKind {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workspace => "Workspace",
            Self::Repo => "Repo",
            Self::None => "None",
        }
    }
}

/// What the authoritative copy says of the ticket.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The ticket's title.
    #[schemars(length(max = 512))]
    pub title: String,
    /// The ticket's own status, in its own words.
    #[schemars(length(max = 128))]
    pub status: String,
    /// At most 16 of its topics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 128)))]
    pub topics: Vec<String>,
    /// When the ticket was changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Moment>,
    /// When the index that says so was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indexed_at: Option<Moment>,
    /// The index is older than allowed, or its server cannot be asked: there may be news.
    #[serde(default)]
    pub stale: bool,
    /// Name of the DocEndpoint that said so.
    #[schemars(length(max = 253))]
    pub source: String,
}

/// Another copy of the ticket's documents.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Alternate {
    /// Workspace or Repo.
    pub kind: AuthorityKind,
    /// Name of its DocEndpoint.
    #[schemars(length(max = 253))]
    pub endpoint: String,
    /// The ticket's page there, for people.
    #[serde(default, rename = "webURL", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2304))]
    pub web_url: Option<String>,
    /// Why it is not the authority, in one word.
    #[schemars(length(max = 63))]
    pub reason: String,
    /// When the ticket was changed last there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Moment>,
}

/// What somebody should know although all goes on.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TopologyWarning {
    /// What it is about, in one word.
    #[schemars(length(max = 63))]
    pub code: String,
    /// What is wrong and what to do.
    #[schemars(length(max = 1024))]
    pub message: String,
}

/// The field manager under which a Run writes its claim, and nothing else.
pub fn claim_manager(run_uid: &str) -> String {
    format!("metawsm-run-{run_uid}")
}
