//! The DocEndpoint resource: spec, rules and columns; nothing else. Its status is in `status.rs`.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::status::*;
use crate::kernel::text_rules::{
    DNS_LABEL, LENGTH_OF_TIME, ONE_WORD, TICKET, TICKET_HELP, WEB_URL, WEB_URL_HELP, WITHOUT_USER, WITHOUT_USER_HELP,
};
pub use crate::run::crd::SecretRef;

/// One server that speaks docmgr's HTTP API.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "metawsm.dev",
    version = "v1alpha1",
    kind = "DocEndpoint",
    plural = "docendpoints",
    namespaced,
    status = "DocEndpointStatus",
    derive = "PartialEq",
    shortname = "docep",
    category = "metawsm",
    doc = "One server that speaks docmgr's HTTP API: of a repository, written by people, or of a run's workspace, made by the Run. The controller asks it at every interval what it knows and how fresh that is.",
    selectable = ".spec.kind",
    selectable = ".spec.repo",
    selectable = ".spec.ticket",
    selectable = ".spec.runRef.name",
    printcolumn(name = "Kind", type_ = "string", json_path = ".spec.kind"),
    printcolumn(name = "Repo", type_ = "string", json_path = ".spec.repo"),
    printcolumn(name = "Reachable", type_ = "string", json_path = ".status.conditions[?(@.type=='Reachable')].status"),
    printcolumn(name = "Fresh", type_ = "string", json_path = ".status.conditions[?(@.type=='Fresh')].status"),
    printcolumn(name = "Indexed", type_ = "string", json_path = ".status.indexedAt"),
    printcolumn(name = "Tickets", type_ = "integer", json_path = ".status.tickets"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Ticket", type_ = "string", json_path = ".spec.ticket", priority = 1),
    printcolumn(name = "URL", type_ = "string", json_path = ".status.url", priority = 1),
    printcolumn(name = "Latency", type_ = "string", json_path = ".status.latency", priority = 1),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason", priority = 1),
    validation = Rule::new("self.spec.kind != 'Repo' || !self.metadata.name.contains('--')")
        .message("metadata.name of a Repo endpoint has no '--': such names belong to the endpoints of workspaces"),
    validation = Rule::new("self.spec.kind != 'Workspace' || !has(self.spec.runRef) || !has(self.spec.ticket) || self.metadata.name == self.spec.runRef.name + '--' + self.spec.ticket.lowerAscii().replace('_', '-').replace('.', '-')")
        .message("metadata.name of a Workspace endpoint must be '<run>--<ticket>', the ticket in lower case with '_' and '.' as '-': one endpoint per workspace, made by its Run")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.kind != 'Repo' || has(self.url)")
        .message("kind: Repo needs url, the address of the server").field_path(".url"),
    validation = Rule::new("self.kind != 'Workspace' || (!has(self.url) && !has(self.webURL) && !has(self.authSecretRef))")
        .message("a Workspace endpoint has no address in its spec: remove url, webURL and authSecretRef; its address is what the controller serves for that run").field_path(".kind"),
    validation = Rule::new("self.kind != 'Workspace' || (has(self.runRef) && has(self.ticket))")
        .message("kind: Workspace needs runRef and ticket; Runs make such endpoints themselves").field_path(".kind"),
    validation = Rule::new("self.kind != 'Repo' || (!has(self.runRef) && !has(self.ticket))")
        .message("runRef and ticket belong to kind: Workspace: remove them").field_path(".kind"),
    validation = Rule::new("has(self.repoURL) == has(oldSelf.repoURL) && (!has(self.repoURL) || self.repoURL == oldSelf.repoURL)")
        .message("repoURL cannot be added, changed or removed; delete the DocEndpoint and make another").field_path(".repoURL"),
    validation = Rule::new("has(self.runRef) == has(oldSelf.runRef) && (!has(self.runRef) || self.runRef == oldSelf.runRef)")
        .message("runRef cannot be added, changed or removed").field_path(".runRef"),
    validation = Rule::new("has(self.ticket) == has(oldSelf.ticket) && (!has(self.ticket) || self.ticket == oldSelf.ticket)")
        .message("ticket cannot be added, changed or removed").field_path(".ticket")
)]
pub struct DocEndpointSpec {
    /// `Repo`: serves a repository's documents, with or without runs. `Workspace`: serves a run's workspace; made by
    /// the Run. It cannot be changed.
    #[x_kube(validation = Rule::new("self == oldSelf").message("kind cannot be changed; delete the DocEndpoint and make another"))]
    pub kind: EndpointKind,

    /// Address of the server, without `/api/v1`. For `kind: Repo` alone, where it is required. Credentials do not
    /// belong here. The controller connects only to addresses that its settings allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(
        validation = Rule::new(WEB_URL).message(WEB_URL_HELP),
        validation = Rule::new(WITHOUT_USER).message(WITHOUT_USER_HELP)
    )]
    pub url: Option<String>,

    /// Where people read the same documents in a browser; pages of tickets lie below it. For `kind: Repo` alone.
    #[serde(default, rename = "webURL", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(
        validation = Rule::new(WEB_URL).message(WEB_URL_HELP),
        validation = Rule::new(WITHOUT_USER).message(WITHOUT_USER_HELP)
    )]
    pub web_url: Option<String>,

    /// Name of the repository whose documents it serves, as Runs name it in `spec.repos`. It cannot be changed.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(
        validation = Rule::new(DNS_LABEL).message("give the repository's name: lower-case letters, digits and '-'"),
        validation = Rule::new("self == oldSelf").message("repo cannot be changed; delete the DocEndpoint and make another")
    )]
    pub repo: String,

    /// URL of that repository. Two URLs are two homes, whatever their names; without it the name alone is compared.
    #[serde(default, rename = "repoURL", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new(ONE_WORD).message("remove white space and control characters from the URL"))]
    pub repo_url: Option<String>,

    /// The Run whose workspace it serves. For `kind: Workspace` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_ref: Option<RunRef>,

    /// The ticket of that workspace. For `kind: Workspace` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new(TICKET).message(TICKET_HELP))]
    pub ticket: Option<String>,

    /// How often it is asked, give or take a tenth: 1s to 24h.
    #[serde(default = "default_interval")]
    #[schemars(length(min = 1, max = 24))]
    #[x_kube(
        validation = Rule::new(LENGTH_OF_TIME).message("interval is a length of time like 30s, 5m or 1h30m"),
        validation = Rule::new("self == '' || !self.matches('^([0-9]{1,4}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?([0-9]{1,6}ms)?$') || (duration(self) >= duration('1s') && duration(self) <= duration('24h'))")
            .message("interval is at least 1s and at most 24h")
    )]
    pub interval: String,

    /// How long one round of questions may take altogether: 100ms to 1m.
    #[serde(default = "default_timeout")]
    #[schemars(length(min = 1, max = 24))]
    #[x_kube(
        validation = Rule::new(LENGTH_OF_TIME).message("timeout is a length of time like 5s or 500ms"),
        validation = Rule::new("self == '' || !self.matches('^([0-9]{1,4}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?([0-9]{1,6}ms)?$') || (duration(self) >= duration('100ms') && duration(self) <= duration('1m'))")
            .message("timeout is at least 100ms and at most 1m")
    )]
    pub timeout: String,

    /// An index older than this is stale: 1s to 9999h.
    #[serde(default = "default_stale_after")]
    #[schemars(length(min = 1, max = 24))]
    #[x_kube(
        validation = Rule::new(LENGTH_OF_TIME).message("staleAfter is a length of time like 15m or 12h"),
        validation = Rule::new("self == '' || !self.matches('^([0-9]{1,4}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?([0-9]{1,6}ms)?$') || (duration(self) >= duration('1s') && duration(self) <= duration('9999h'))")
            .message("staleAfter is at least 1s and at most 9999h")
    )]
    pub stale_after: String,

    /// The Secret in this namespace that opens the server: `username` and `password`, or `bearerToken`, and `ca.crt`.
    /// Read only where the controller's settings allow it. For `kind: Repo` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_secret_ref: Option<SecretRef>,

    /// Not asked while set; what is known stays, and `Ready` stays as it is.
    #[serde(default)]
    pub suspend: bool,
}

/// Which copy of documents an endpoint serves.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndpointKind {
    Repo,
    Workspace,
}

impl EndpointKind {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Repo => "Repo",
            Self::Workspace => "Workspace",
        }
    }
}

/// Names one incarnation of a Run in the same namespace.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RunRef {
    /// Name of the Run.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new(DNS_LABEL).message("give the name of a Run in this namespace: lower-case letters, digits and '-'"))]
    pub name: String,
    /// Its uid: a later Run of the same name is another.
    #[schemars(length(min = 1, max = 64))]
    pub uid: String,
}

fn default_interval() -> String {
    "30s".to_owned()
}

fn default_timeout() -> String {
    "5s".to_owned()
}

fn default_stale_after() -> String {
    "15m".to_owned()
}
