//! The status of a DocEndpoint: what is known about the server. Types; nothing else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::controller::kind_status::kind_status;
use crate::kernel::moment::Moment;

kind_status! {
    /// What is known about a server of documents. Written only when something changed, so times of what goes on all the
    /// while are coarse on purpose.
    pub struct DocEndpointStatus {
        /// The last value of the annotation `metawsm.dev/requestedAt` that was answered: the index was refreshed after it.
        last_handled_request,

        /// The address that is asked: of a Repo endpoint its own, of a workspace what the controller serves for it now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 2048))]
        pub url: Option<String>,

        /// Where people read the documents in a browser.
        #[serde(default, rename = "webURL", skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 2048))]
        pub web_url: Option<String>,

        /// Whether the last question was answered as it should be.
        #[serde(default)]
        pub reachable: bool,

        /// When the server's index was built, by its own clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub indexed_at: Option<Moment>,

        /// How many documents are in that index.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub docs_indexed: Option<i64>,

        /// How many tickets it knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub tickets: Option<i64>,

        /// The folder of the documents, as the server names it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 4096))]
        pub root: Option<String>,

        /// How long the server takes to say how its index is, in steps of a factor of four, like `<64ms`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 16))]
        pub latency: Option<String>,

        /// How many rounds failed in a row; counted in steps of a power of two, so that a long outage writes little.
        #[serde(default)]
        pub consecutive_failures: i64,

        /// Why the last round failed; gone once one succeeds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub last_error: Option<EndpointError>,

        /// When the controller last had the index refreshed, or tried to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub last_refresh_at: Option<Moment>,

        /// How that ended, or since when a refresh waits and until when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub refresh: Option<Refresh>,

        /// The revision of the workspace's seed that the index is known to hold. Workspace endpoints only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 71))]
        pub seed_revision: Option<String>,
    }
}

/// Why a question was not answered as it should be.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct EndpointError {
    /// The reason, in one word; also in the condition `Reachable`.
    #[schemars(length(max = 63))]
    pub code: String,
    /// What is wrong and what to do about it.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// Since when it is so.
    pub at: Moment,
}

/// What became of the last wish for a refresh.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Refresh {
    /// Waiting, Running, Done or Failed.
    pub state: RefreshState,
    /// What asked for it: `Requested` (the annotation) or `Seeded` (documents were copied into the workspace).
    #[schemars(length(max = 63))]
    pub cause: String,
    /// The value of the annotation `metawsm.dev/requestedAt` that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub request: Option<String>,
    /// The revision of the seed that it brings into the index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 71))]
    pub revision: Option<String>,
    /// What happened, or what is waited for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub message: String,
    /// When the next refresh is possible; one that waits is made then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Moment>,
}

/// Where a refresh stands.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshState {
    /// Put off: the last one was a short while ago, or the endpoint cannot be asked now.
    Waiting,
    /// The server is at it.
    Running,
    Done,
    /// Tried, and the server did not.
    Failed,
}
