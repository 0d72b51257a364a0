//! What people are shown of a server: the same requests and bounds as for machines, with text made fit to be shown.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;

use super::failure::{good_body, told, unreadable};
use super::road::Asked;
use super::rows::{row, stays_inside};
use super::wire::{DocumentAnswer, DocumentRowAnswer, Page, TicketAnswer, instant};
use super::{Docmgr, in_time};
use crate::kernel::shown_text::{many_lines, one_line};
use crate::kernel::ticket::same_ticket;
use crate::ports::doc_pages::{DocPages, Document, DocumentRow, Passed, TicketPage};
use crate::ports::doc_source::{DocServer, DocSourceError};

/// Documents of one ticket that are listed: one page of docmgr's.
const DOCUMENTS: &str = "500";
/// Characters of a document that are shown.
const BODY: usize = 200_000;
/// Characters of a title, and of a word.
const TITLE: usize = 200;
const WORD: usize = 64;

impl Docmgr {
    /// What a route answers, `None` where it says that there is no such thing.
    async fn found<T: DeserializeOwned>(
        &self,
        server: &DocServer,
        route: &str,
        query: &[(&str, &str)],
    ) -> Result<Option<T>, DocSourceError> {
        let asked = Asked {
            method: &Method::GET,
            route,
            query,
        };
        let answer = self.road.ask(server, asked).await?;
        if answer.status == StatusCode::NOT_FOUND && answer.content_type == "application/json" {
            return Ok(None);
        }
        let body = good_body(answer, route)?;
        let read = serde_json::from_slice(&body);
        read.map(Some).map_err(|why| unreadable(route, &why))
    }

    async fn ticket_page(&self, server: &DocServer, ticket: &str) -> Result<Option<TicketPage>, DocSourceError> {
        let answer: Option<TicketAnswer> = self.found(server, "tickets/get", &[("ticket", ticket)]).await?;
        // Later versions of docmgr match loosely, and answer with a ticket that nobody asked for.
        let Some(answer) = answer.filter(|a| same_ticket(&a.ticket, ticket)) else {
            return Ok(None);
        };
        let query = [("ticket", answer.ticket.as_str()), ("pageSize", DOCUMENTS)];
        let documents: Option<Page<DocumentRowAnswer>> = self.found(server, "tickets/docs", &query).await?;
        let Ok(ticket) = row(answer) else { return Ok(None) };
        let (documents, cut) = match documents {
            Some(page) => (page.results, !page.next_cursor.is_empty()),
            None => (vec![], false),
        };
        Ok(Some(TicketPage {
            ticket,
            documents: documents.into_iter().filter_map(document_row).collect(),
            cut,
        }))
    }

    async fn document_text(&self, server: &DocServer, path: &str) -> Result<Option<Document>, DocSourceError> {
        if path.is_empty() || !stays_inside(path) {
            return Ok(None);
        }
        let answer: Option<DocumentAnswer> = self.found(server, "docs/get", &[("path", path)]).await?;
        Ok(answer.filter(|a| a.path == path).map(|answer| Document {
            path: answer.path,
            title: answer
                .doc
                .map(|front| one_line(&front.title, TITLE))
                .unwrap_or_default(),
            body: many_lines(&answer.body, BODY),
        }))
    }

    async fn passed(
        &self,
        server: &DocServer,
        route: &str,
        query: &[(String, String)],
    ) -> Result<Passed, DocSourceError> {
        let query: Vec<_> = query.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let asked = Asked {
            method: &Method::GET,
            route,
            query: &query,
        };
        let answer = self.road.ask(server, asked).await?;
        let json = answer.content_type == "application/json"
            && serde_json::from_slice::<serde::de::IgnoredAny>(&answer.body).is_ok();
        if !json {
            return Err(told(&answer, route));
        }
        Ok(Passed {
            status: answer.status.as_u16(),
            body: answer.body,
        })
    }
}

#[async_trait]
impl DocPages for Docmgr {
    async fn pass(
        &self,
        server: &DocServer,
        route: &str,
        query: &[(String, String)],
        within: Duration,
    ) -> Result<Passed, DocSourceError> {
        in_time(server, within, self.passed(server, route, query)).await
    }

    async fn ticket(
        &self,
        server: &DocServer,
        ticket: &str,
        within: Duration,
    ) -> Result<Option<TicketPage>, DocSourceError> {
        in_time(server, within, self.ticket_page(server, ticket)).await
    }

    async fn document(
        &self,
        server: &DocServer,
        path: &str,
        within: Duration,
    ) -> Result<Option<Document>, DocSourceError> {
        in_time(server, within, self.document_text(server, path)).await
    }
}

fn document_row(answer: DocumentRowAnswer) -> Option<DocumentRow> {
    (!answer.path.is_empty() && stays_inside(&answer.path)).then(|| DocumentRow {
        title: one_line(&answer.title, TITLE),
        doc_type: one_line(&answer.doc_type, WORD),
        status: one_line(&answer.status, WORD),
        updated_at: instant(&answer.last_updated).ok().flatten(),
        path: answer.path,
    })
}
