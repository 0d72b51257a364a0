//! All tickets of a server, by cursor to the end. The cursor is an offset into an index that a refresh shifts, so a list
//! counts only if the index stood still while it was read.

use reqwest::Method;

use super::Docmgr;
use super::failure::{good_body, problem, unreadable};
use super::road::Asked;
use super::rows::{Rows, Seen};
use super::wire::{Page, TicketAnswer};
use crate::ports::doc_source::{DocServer, DocSourceCode, DocSourceError, ServerStatus, TicketList};

/// Rows asked for at once; docmgr gives at most 1000.
const PAGE: &str = "500";
/// How often a list is begun: refreshes are rare, so a third disturbance is no accident.
const BEGUN: usize = 3;
/// A cursor of docmgr has about 20 bytes.
const CURSOR: usize = 512;
/// A whole list may have as many bytes as so many answers.
const ANSWERS: usize = 8;

/// How one reading of the list ended.
enum Reading {
    Whole(TicketList),
    /// The index moved meanwhile.
    Moved,
}

/// Reads the list until it was read from one index.
///
/// # Errors
/// See [`DocSourceCode`].
pub async fn tickets(docmgr: &Docmgr, server: &DocServer) -> Result<TicketList, DocSourceError> {
    for _ in 0..BEGUN {
        if let Reading::Whole(list) = reading(docmgr, server).await? {
            return Ok(list);
        }
    }
    let why = format!(
        "its index was built anew {BEGUN} times while its tickets were read: let whatever refreshes it pause, or give \
         spec.timeout more time"
    );
    Err(problem(DocSourceCode::IndexKeptMoving, why))
}

async fn reading(docmgr: &Docmgr, server: &DocServer) -> Result<Reading, DocSourceError> {
    let before = docmgr.ask_status(server).await?;
    let (mut rows, mut cursor, mut total, mut bytes, mut pages) = (Rows::default(), String::new(), None, 0, 0);
    loop {
        let (page, size) = page(docmgr, server, &cursor).await?;
        (bytes, pages) = (bytes + size, pages + 1);
        if *total.get_or_insert(page.total) != page.total {
            return Ok(Reading::Moved);
        }
        let (length, ends) = (page.results.len(), page.next_cursor.is_empty());
        let known = rows.len();
        for row in page.results {
            if rows.put(row) == Seen::Again && pages > 1 && known > 0 {
                return Ok(Reading::Moved);
            }
        }
        bounded(docmgr, rows.len(), page.total, bytes)?;
        if ends {
            break;
        }
        if length == 0 || page.next_cursor.len() > CURSOR || page.next_cursor == cursor {
            let why = "its list of tickets has no end: a page is empty, or leads to itself";
            return Err(problem(DocSourceCode::NotDocmgr, why));
        }
        cursor = page.next_cursor;
    }
    let after = match pages {
        1 => before.clone(),
        _ => docmgr.ask_status(server).await?,
    };
    Ok(match after.indexed_at == before.indexed_at {
        true => Reading::Whole(listed(after, rows)),
        false => Reading::Moved,
    })
}

fn listed(status: ServerStatus, rows: Rows) -> TicketList {
    let (rows, duplicates, refused_count, refused) = rows.end();
    TicketList {
        status,
        rows,
        duplicates,
        refused_count,
        refused,
    }
}

fn bounded(docmgr: &Docmgr, rows: usize, total: u64, bytes: usize) -> Result<(), DocSourceError> {
    let most = docmgr.limits.max_tickets;
    if rows > most || total > most as u64 {
        let why = format!(
            "it has {} tickets, more than {most}: whoever runs the controller can raise --docs-max-tickets",
            total.max(rows as u64)
        );
        return Err(problem(DocSourceCode::TooManyTickets, why));
    }
    let most = docmgr.limits.max_answer_bytes.saturating_mul(ANSWERS);
    if bytes > most {
        let why = format!(
            "its list of tickets has more than {most} bytes: whoever runs the controller can raise --docs-max-answer-bytes"
        );
        return Err(problem(DocSourceCode::TooLarge, why));
    }
    Ok(())
}

async fn page(
    docmgr: &Docmgr,
    server: &DocServer,
    cursor: &str,
) -> Result<(Page<TicketAnswer>, usize), DocSourceError> {
    let mut query = vec![("orderBy", "ticket"), ("pageSize", PAGE)];
    if !cursor.is_empty() {
        query.push(("cursor", cursor));
    }
    let asked = Asked {
        method: &Method::GET,
        route: "workspace/tickets",
        query: &query,
    };
    let body = good_body(docmgr.road.ask(server, asked).await?, "workspace/tickets")?;
    let page = serde_json::from_slice(&body).map_err(|why| unreadable("workspace/tickets", &why))?;
    Ok((page, body.len()))
}
