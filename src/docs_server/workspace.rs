//! What each route answers, from the index and, where docmgr does so too, from the disk as it is now.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::{self, Answer, Refusal};
use super::cursor::page;
use super::index::{Document, Index};
use super::listing::{self, Dated, Wanted, text};
use super::parameters::{Parameters, TicketsQuery};
use super::place::Place;
use super::rows::{DocumentRow, RecentRow, TicketRow, TicketStats};
use super::tasks::{self, Counts, Section};
use super::times;
use crate::adapters::nofollow::Folder;

/// The longest task list that is read.
const LONGEST_TASKS: u64 = 4 * 1024 * 1024;
/// How many rows the summary and the lists of what changed hold.
const IN_SUMMARY: usize = 10;
const IN_RECENT: usize = 20;

/// One request's view: an index and its place.
pub struct View<'a> {
    pub place: &'a Place,
    pub index: &'a Index,
    /// `None` where the root is gone.
    root: Option<Folder>,
}

impl<'a> View<'a> {
    pub fn new(place: &'a Place, index: &'a Index) -> Self {
        let root = place.open().ok();
        Self { place, index, root }
    }

    pub fn status(&self) -> Value {
        let (place, index) = (self.place, self.index);
        json!({
            "root": place.root, "configDir": place.config_dir, "repoRoot": place.repo_root,
            "configPath": place.config_path, "vocabularyPath": place.root.join("vocabulary.yaml"),
            "indexedAt": index.indexed_at.to_string(), "docsIndexed": index.counted, "ftsAvailable": false,
        })
    }

    pub fn summary(&self) -> Value {
        let (place, index) = (self.place, self.index);
        let tickets = self.tickets(&TicketsQuery::all(true));
        let recent: Vec<_> = tickets
            .iter()
            .take(IN_SUMMARY)
            .map(|row| self.ticket_row(*row, false))
            .collect();
        let docs = listing::recent(index, None, true, IN_SUMMARY, &|d| self.file_time(d));
        json!({
            "root": place.root, "repoRoot": place.repo_root, "indexedAt": index.indexed_at.to_string(),
            "docsIndexed": index.counted, "stats": listing::counts(&tickets),
            "recent": { "tickets": recent, "docs": recent_rows(&docs) },
        })
    }

    pub fn recent(&self, parameters: &Parameters) -> Value {
        let archived = parameters.flag("includeArchived", true);
        let most = parameters.rows("ticketsLimit", IN_RECENT);
        let tickets = self.tickets(&TicketsQuery::all(archived));
        let tickets: Vec<_> = tickets
            .iter()
            .take(most)
            .map(|row| self.ticket_row(*row, false))
            .collect();
        let most = parameters.rows("docsLimit", IN_RECENT);
        let docs = listing::recent(self.index, None, archived, most, &|d| self.file_time(d));
        json!({ "tickets": tickets, "docs": recent_rows(&docs) })
    }

    pub fn topics(&self, parameters: &Parameters) -> Value {
        let rows = listing::topics(self.index, parameters.flag("includeArchived", true));
        // An empty list is `null` here, as in docmgr.
        json!({ "total": rows.len(), "results": (!rows.is_empty()).then_some(&rows) })
    }

    pub fn topic(&self, parameters: &Parameters) -> Answer {
        let topic = parameters.required("topic")?;
        let archived = parameters.flag("includeArchived", true);
        let query = TicketsQuery {
            topics: Some(vec![topic.clone()]),
            order_by: "ticket",
            reverse: false,
            ..TicketsQuery::all(archived)
        };
        let tickets = self.tickets(&query);
        let rows: Vec<_> = tickets.iter().map(|row| self.ticket_row(*row, false)).collect();
        let most = parameters.rows("docsLimit", IN_RECENT);
        let docs = listing::recent(self.index, Some(&topic), archived, most, &|d| self.file_time(d));
        let counts = listing::counts(&tickets);
        Ok(json!({ "topic": topic, "stats": counts, "tickets": rows, "docs": recent_rows(&docs) }))
    }

    pub fn list(&self, parameters: &Parameters) -> Answer {
        let (query, offset) = TicketsQuery::of(parameters)?;
        if !query.q.is_empty() {
            return Err(Refusal::no_text_search());
        }
        let all = self.tickets(&query);
        let (rows, next) = page(&all, offset, query.page_size);
        let results: Vec<_> = rows
            .iter()
            .map(|row| self.ticket_row(*row, query.include_stats))
            .collect();
        Ok(json!({ "query": query, "total": all.len(), "results": results, "nextCursor": next }))
    }

    pub fn ticket(&self, parameters: &Parameters) -> Answer {
        let page = self.resolve(&parameters.required("ticket")?)?;
        let row = Dated {
            document: page,
            updated: page.last_updated.or_else(|| self.file_time(page)),
        };
        let mut answer = answer::of(self.ticket_row(row, true))?;
        if let Some(fields) = answer.as_object_mut() {
            fields.remove("snippet");
        }
        Ok(answer)
    }

    pub fn documents(&self, parameters: &Parameters) -> Answer {
        let ticket = parameters.required("ticket")?;
        let (offset, size) = parameters.page()?;
        let wanted = Wanted {
            by_time: parameters.order(&["path", "last_updated"])? == "last_updated",
            archived: parameters.flag("includeArchived", true),
            scripts: parameters.flag("includeScripts", true),
            control: parameters.flag("includeControlDocs", true),
        };
        self.resolve(&ticket)?;
        let all = listing::documents(self.index, &ticket, wanted);
        let (rows, next) = page(&all, offset, size);
        let results: Vec<_> = rows.iter().map(|document| document_row(document)).collect();
        Ok(json!({ "ticket": ticket, "total": all.len(), "results": results, "nextCursor": next }))
    }

    pub fn tasks(&self, parameters: &Parameters) -> Answer {
        let ticket = parameters.required("ticket")?;
        let folder = folder_of(self.resolve(&ticket)?);
        let read = self.read_tasks(folder).map_err(Refusal::internal)?;
        let (exists, (sections, counts)) = (read.is_some(), read.unwrap_or_default());
        Ok(json!({
            "ticket": ticket, "exists": exists, "tasksPath": format!("{folder}/tasks.md"), "stats": counts,
            "sections": sections,
        }))
    }

    /// The ticket's front page, by its exact id.
    fn resolve(&self, ticket: &str) -> Result<&'a Document, Refusal> {
        let mut pages = self.index.of_ticket(ticket).filter(|d| d.doc_type == "index");
        match (pages.next(), pages.next()) {
            (None, _) => Err(Refusal::not_found("ticket", "ticket", ticket)),
            (Some(page), None) => Ok(page),
            (Some(_), Some(_)) => Err(Refusal::ambiguous(ticket)),
        }
    }

    fn tickets(&self, query: &TicketsQuery) -> Vec<Dated<'a>> {
        listing::tickets(self.index, query, &|d| self.file_time(d))
    }

    fn file_time(&self, document: &Document) -> Option<Timestamp> {
        let file = self.root.as_ref()?.open_beneath(Path::new(&document.path)).ok()?;
        times::of_file(file.metadata().ok()?.modified().ok()?)
    }

    fn read_tasks(&self, folder: &str) -> std::io::Result<Option<(Vec<Section>, Counts)>> {
        let Some(root) = &self.root else { return Ok(None) };
        let path = Path::new(folder).join("tasks.md");
        let file = match root.file_beneath(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(file, LONGEST_TASKS), &mut text)?;
        Ok(Some(tasks::parse(&String::from_utf8_lossy(&text))))
    }

    fn ticket_row(&self, row: Dated<'_>, with_stats: bool) -> TicketRow {
        let d = row.document;
        let folder = folder_of(d);
        let stats = with_stats.then(|| {
            let extent = self.index.extent(&d.ticket);
            let (_, counts) = self.read_tasks(folder).ok().flatten().unwrap_or_default();
            TicketStats {
                docs_total: extent.documents,
                tasks_total: counts.total,
                tasks_done: counts.done,
                related_files_total: extent.related_files,
            }
        });
        TicketRow {
            ticket: d.ticket.clone(),
            title: d.title.clone(),
            status: d.status.clone(),
            topics: d.topics.clone(),
            owners: d.owners.clone(),
            intent: d.intent.clone(),
            created_at: created(folder),
            updated_at: text(row.updated),
            ticket_dir: folder.to_owned(),
            index_path: d.path.clone(),
            snippet: "",
            stats,
        }
    }
}

fn folder_of(document: &Document) -> &str {
    document.path.rsplit_once('/').map_or(".", |(folder, _)| folder)
}

/// The day that a dated folder names, as `YYYY-MM-DD`.
fn created(folder: &str) -> String {
    let names: Vec<_> = folder.split('/').collect();
    match names.as_slice() {
        [year, month, day, _, ..] if (year.len(), month.len(), day.len()) == (4, 2, 2) => {
            format!("{year}-{month}-{day}")
        }
        _ => String::new(),
    }
}

fn recent_rows(rows: &[Dated<'_>]) -> Vec<RecentRow> {
    let row = |Dated { document, updated }: &Dated<'_>| RecentRow {
        path: document.path.clone(),
        ticket: document.ticket.clone(),
        title: document.title.clone(),
        doc_type: document.doc_type.clone(),
        status: document.status.clone(),
        topics: document.topics.clone(),
        updated_at: text(*updated),
    };
    rows.iter().map(row).collect()
}

fn document_row(document: &Document) -> DocumentRow {
    DocumentRow {
        path: document.path.clone(),
        title: document.title.clone(),
        doc_type: document.doc_type.clone(),
        status: document.status.clone(),
        topics: document.topics.clone(),
        summary: "",
        last_updated: document.last_updated.map(|at| at.to_string()),
        related_files: document.related_files.iter().map(Into::into).collect(),
    }
}
