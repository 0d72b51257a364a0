//! What people are shown of one documents' server: its answers passed on, a ticket's page, one document. Text of strangers,
//! bounded; who shows it must escape it.

use std::time::Duration;

use async_trait::async_trait;

use super::doc_source::{DocServer, DocSourceError, TicketRow};
use crate::kernel::moment::Moment;

/// An answer that is passed on as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    pub status: u16,
    /// JSON.
    pub body: Vec<u8>,
}

/// One ticket and its documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketPage {
    pub ticket: TicketRow,
    pub documents: Vec<DocumentRow>,
    /// There are more documents than are listed.
    pub cut: bool,
}

/// One document of a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRow {
    /// Relative to the docs root, and inside of it.
    pub path: String,
    pub title: String,
    pub doc_type: String,
    pub status: String,
    pub updated_at: Option<Moment>,
}

/// One document's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub path: String,
    /// Empty where its frontmatter cannot be read.
    pub title: String,
    /// Without its frontmatter, in at most 200,000 characters.
    pub body: String,
}

/// Reads what people are shown. `None`: the server has no such thing.
#[async_trait]
pub trait DocPages: Send + Sync {
    /// The answer to a GET of a route below `/api/v1/`, errors of the server's own included. The caller chooses the route;
    /// nothing else of a request is passed on.
    async fn pass(
        &self,
        server: &DocServer,
        route: &str,
        query: &[(String, String)],
        within: Duration,
    ) -> Result<Passed, DocSourceError>;

    /// A ticket and its documents. A server that answers with another ticket has none of that name.
    async fn ticket(
        &self,
        server: &DocServer,
        ticket: &str,
        within: Duration,
    ) -> Result<Option<TicketPage>, DocSourceError>;

    /// A document, by its path relative to the docs root.
    async fn document(
        &self,
        server: &DocServer,
        path: &str,
        within: Duration,
    ) -> Result<Option<Document>, DocSourceError>;
}
