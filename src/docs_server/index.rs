//! The index: what is known of every document since the last refresh. Built whole, never changed.

use std::collections::{BTreeSet, HashMap};
use std::io;

use jiff::Timestamp;

use super::place::Place;
use super::tree::{self, Found};
use crate::kernel::document_head::RelatedFile;
use crate::kernel::written::Written;

/// A document that can be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub path: String,
    pub ticket: String,
    pub title: String,
    pub status: String,
    pub doc_type: String,
    pub intent: String,
    /// Sorted, without case twins.
    pub topics: Vec<String>,
    pub owners: Vec<String>,
    /// By path.
    pub related_files: Vec<RelatedFile>,
    pub last_updated: Option<Timestamp>,
    pub archived: bool,
    pub script: bool,
    pub control: bool,
}

/// What was found at one refresh.
#[derive(Debug)]
pub struct Index {
    /// In the order of their paths.
    pub documents: Vec<Document>,
    /// Every Markdown file, those that cannot be read too.
    pub counted: usize,
    pub indexed_at: Timestamp,
    by_ticket: HashMap<String, Vec<usize>>,
}

/// The numbers of a ticket that come from the index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    pub documents: usize,
    pub related_files: usize,
}

impl Index {
    /// Reads the whole tree.
    ///
    /// # Errors
    /// The root or a folder below it cannot be read.
    pub fn build(place: &Place) -> io::Result<Self> {
        let found = place.open().and_then(|root| tree::documents(&root))?;
        Ok(Self::of(found, Timestamp::now()))
    }

    /// An index of those files.
    pub fn of(found: Vec<Found>, indexed_at: Timestamp) -> Self {
        let counted = found.len();
        let documents: Vec<_> = found.into_iter().filter_map(document).collect();
        let mut by_ticket: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, document) in documents.iter().enumerate() {
            if !document.ticket.is_empty() {
                by_ticket.entry(document.ticket.clone()).or_default().push(place);
            }
        }
        Self {
            documents,
            counted,
            indexed_at,
            by_ticket,
        }
    }

    /// The front pages: documents that make their folder a ticket's.
    pub fn front_pages(&self) -> impl Iterator<Item = &Document> {
        self.documents
            .iter()
            .filter(|d| d.doc_type == "index" && !d.ticket.is_empty())
    }

    /// The documents of a ticket, by its exact id.
    pub fn of_ticket(&self, ticket: &str) -> impl Iterator<Item = &Document> {
        let places = self.by_ticket.get(ticket).map(Vec::as_slice).unwrap_or_default();
        places.iter().map(|place| &self.documents[*place])
    }

    /// How much a ticket holds.
    pub fn extent(&self, ticket: &str) -> Extent {
        let files: BTreeSet<_> = self
            .of_ticket(ticket)
            .flat_map(|d| &d.related_files)
            .map(|f| &f.path)
            .collect();
        Extent {
            documents: self.of_ticket(ticket).count(),
            related_files: files.len(),
        }
    }
}

fn document(found: Found) -> Option<Document> {
    let (head, path) = (found.head?, found.path);
    let within = |folder: &str| path.split('/').rev().skip(1).any(|name| name == folder);
    let mut related_files: Vec<_> = head.related_files.unwrap_or_default();
    related_files.retain(|file| !file.path.is_empty());
    related_files.sort_by(|a, b| a.path.cmp(&b.path));
    let trimmed = |text: String| text.trim().to_owned();
    Some(Document {
        ticket: trimmed(head.ticket),
        title: trimmed(head.title),
        status: trimmed(head.status),
        doc_type: trimmed(head.doc_type),
        intent: trimmed(head.intent),
        topics: words(head.topics),
        owners: words(head.owners),
        related_files,
        last_updated: head.last_updated.map(|Written { instant, .. }| instant),
        archived: within("archive"),
        script: within("scripts"),
        control: found.control,
        path,
    })
}

fn words(list: Option<Vec<String>>) -> Vec<String> {
    let mut words: Vec<_> = list.unwrap_or_default().iter().map(|w| w.trim().to_owned()).collect();
    words.retain(|word| !word.is_empty());
    words.sort_by_key(|word| word.to_lowercase());
    words.dedup_by_key(|word| word.to_lowercase());
    words
}
