//! The rows of lists as docmgr writes them. Types and nothing else.

use serde::Serialize;

use crate::kernel::document_head::RelatedFile;

/// A ticket in a list.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketRow {
    pub ticket: String,
    pub title: String,
    pub status: String,
    pub topics: Vec<String>,
    pub owners: Vec<String>,
    pub intent: String,
    pub created_at: String,
    pub updated_at: String,
    pub ticket_dir: String,
    pub index_path: String,
    /// Only a full-text search fills it.
    pub snippet: &'static str,
    /// `null` unless asked for.
    pub stats: Option<TicketStats>,
}

/// The numbers of a ticket.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketStats {
    pub docs_total: usize,
    pub tasks_total: usize,
    pub tasks_done: usize,
    pub related_files_total: usize,
}

/// How many tickets there are, by the states that docmgr counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StatusCounts {
    #[serde(rename = "ticketsTotal")]
    pub total: usize,
    #[serde(rename = "ticketsActive")]
    pub active: usize,
    #[serde(rename = "ticketsComplete")]
    pub complete: usize,
    #[serde(rename = "ticketsReview")]
    pub review: usize,
    #[serde(rename = "ticketsDraft")]
    pub draft: usize,
}

/// A document in a list of what changed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecentRow {
    pub path: String,
    pub ticket: String,
    pub title: String,
    pub doc_type: String,
    pub status: String,
    pub topics: Vec<String>,
    pub updated_at: String,
}

/// A document of a ticket.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DocumentRow {
    pub path: String,
    pub title: String,
    pub doc_type: String,
    pub status: String,
    pub topics: Vec<String>,
    /// Always empty, even if the document has one: so it is in docmgr's index.
    pub summary: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated: Option<String>,
    pub related_files: Vec<RelatedRow>,
}

/// A file that a document is about.
#[derive(Clone, Debug, Serialize)]
pub struct RelatedRow {
    pub path: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A topic.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TopicRow {
    pub topic: String,
    pub docs_total: usize,
    pub tickets_total: usize,
    pub updated_at: String,
}

impl From<&RelatedFile> for RelatedRow {
    fn from(file: &RelatedFile) -> Self {
        Self {
            path: file.path.clone(),
            note: file.note.clone(),
        }
    }
}
