//! Which documents a list holds, and in which order. Pure: what only the disk knows (the time of a file that states
//! none) is asked of the caller.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::index::{Document, Index};
use super::parameters::TicketsQuery;
use super::rows::{StatusCounts, TopicRow};

/// A document with the time that its row shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dated<'a> {
    pub document: &'a Document,
    pub updated: Option<Timestamp>,
}

/// When a document that does not say was changed.
pub type FileTime<'a> = &'a dyn Fn(&Document) -> Option<Timestamp>;

fn dated<'a>(document: &'a Document, file_time: FileTime<'_>) -> Dated<'a> {
    Dated {
        document,
        updated: document.last_updated.or_else(|| file_time(document)),
    }
}

/// The front pages that fit, in the order asked for.
pub fn tickets<'a>(index: &'a Index, query: &TicketsQuery, file_time: FileTime<'_>) -> Vec<Dated<'a>> {
    let is = |wanted: &str, value: &str| wanted.is_empty() || wanted == value;
    let fits = |d: &&Document| {
        (query.include_archived || !d.archived)
            && is(&query.status, &d.status)
            && is(&query.ticket, &d.ticket)
            && is(&query.intent, &d.intent)
            && any(query.topics.as_deref(), &d.topics)
            && any(query.owners.as_deref(), &d.owners)
    };
    let mut rows: Vec<_> = index.front_pages().filter(fits).map(|d| dated(d, file_time)).collect();
    rows.sort_by(|a, b| {
        let (x, y) = (a.document, b.document);
        let by_ticket = x.ticket.cmp(&y.ticket);
        let order = match query.order_by {
            "ticket" => by_ticket,
            "title" => x.title.to_lowercase().cmp(&y.title.to_lowercase()).then(by_ticket),
            _ => a.updated.cmp(&b.updated).then(by_ticket),
        };
        let order = if query.reverse { order.reverse() } else { order };
        order.then_with(|| x.path.cmp(&y.path))
    });
    rows
}

/// Whether any wanted word is there, whatever its case; nothing wanted fits all.
fn any(wanted: Option<&[String]>, there: &[String]) -> bool {
    let Some(wanted) = wanted.filter(|words| !words.is_empty()) else {
        return true;
    };
    wanted
        .iter()
        .any(|w| there.iter().any(|t| t.to_lowercase() == w.to_lowercase()))
}

/// How many of them are in which state.
pub fn counts(rows: &[Dated<'_>]) -> StatusCounts {
    let mut counts = StatusCounts {
        total: rows.len(),
        ..StatusCounts::default()
    };
    for row in rows {
        match row.document.status.to_lowercase().as_str() {
            "active" => counts.active += 1,
            "complete" => counts.complete += 1,
            "review" => counts.review += 1,
            "draft" => counts.draft += 1,
            _ => {}
        }
    }
    counts
}

/// The documents changed last, newest first.
pub fn recent<'a>(
    index: &'a Index,
    topic: Option<&str>,
    archived: bool,
    most: usize,
    file_time: FileTime<'_>,
) -> Vec<Dated<'a>> {
    let topic = topic.map(|topic| vec![topic.to_owned()]);
    let fits = |d: &&Document| !d.control && (archived || !d.archived) && any(topic.as_deref(), &d.topics);
    let mut rows: Vec<_> = index
        .documents
        .iter()
        .filter(fits)
        .map(|d| dated(d, file_time))
        .collect();
    rows.sort_by(|a, b| {
        b.updated
            .cmp(&a.updated)
            .then_with(|| a.document.path.cmp(&b.document.path))
    });
    rows.truncate(most);
    rows
}

/// What of a ticket's documents is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub archived: bool,
    pub scripts: bool,
    pub control: bool,
    /// Else by path.
    pub by_time: bool,
}

/// The documents of a ticket.
pub fn documents<'a>(index: &'a Index, ticket: &str, wanted: Wanted) -> Vec<&'a Document> {
    let fits = |d: &&Document| {
        (wanted.archived || !d.archived) && (wanted.scripts || !d.script) && (wanted.control || !d.control)
    };
    let mut rows: Vec<_> = index.of_ticket(ticket).filter(fits).collect();
    if wanted.by_time {
        rows.sort_by_key(|document| document.last_updated);
    }
    rows
}

/// All topics, the widest first.
pub fn topics(index: &Index, archived: bool) -> Vec<TopicRow> {
    struct Seen<'a> {
        name: &'a str,
        documents: usize,
        tickets: BTreeSet<&'a str>,
        updated: Option<Timestamp>,
    }
    let mut seen = BTreeMap::<String, Seen<'_>>::new();
    for document in index.documents.iter().filter(|d| archived || !d.archived) {
        for topic in &document.topics {
            let entry = seen.entry(topic.to_lowercase()).or_insert_with(|| Seen {
                name: topic,
                documents: 0,
                tickets: BTreeSet::new(),
                updated: None,
            });
            entry.name = entry.name.min(topic);
            entry.documents += 1;
            entry
                .tickets
                .extend((!document.ticket.is_empty()).then_some(document.ticket.as_str()));
            entry.updated = entry.updated.max(document.last_updated);
        }
    }
    let mut rows: Vec<_> = seen
        .into_values()
        .map(|seen| TopicRow {
            topic: seen.name.to_owned(),
            docs_total: seen.documents,
            tickets_total: seen.tickets.len(),
            updated_at: text(seen.updated),
        })
        .collect();
    rows.sort_by(|a, b| {
        let wider = (b.tickets_total, b.docs_total).cmp(&(a.tickets_total, a.docs_total));
        if wider == Ordering::Equal {
            a.topic.to_lowercase().cmp(&b.topic.to_lowercase())
        } else {
            wider
        }
    });
    rows
}

/// A time in a row; empty if it is unknown.
pub fn text(time: Option<Timestamp>) -> String {
    time.map(|time| time.to_string()).unwrap_or_default()
}
