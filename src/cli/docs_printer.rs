//! Tickets and their copies as tables. Prints nothing itself.

use super::printer::{plain, rendered, table};
use crate::kernel::moment::Moment;
use crate::ports::read_model::{TicketCopy, TicketLine};

/// Tickets, each once.
pub fn tickets(lines: &[TicketLine]) -> String {
    let mut table = table(&[
        "NAMESPACE",
        "TICKET",
        "DOC-HOME",
        "AUTHORITY",
        "ENDPOINT",
        "STATUS",
        "FRESH",
        "COPIES",
        "RUNS",
        "TITLE",
    ]);
    for line in lines {
        table.add_row([
            plain(&line.namespace),
            plain(&line.ticket),
            plain(&line.repo),
            plain(line.authority.as_deref().unwrap_or("None")),
            plain(line.endpoint.as_deref().unwrap_or("")),
            plain(&line.status),
            if line.stale { "False" } else { "True" }.to_owned(),
            line.copies.to_string(),
            line.runs.to_string(),
            plain(&line.title),
        ]);
    }
    rendered(&table)
}

/// Every copy of a ticket.
pub fn copies(copies: &[TicketCopy]) -> String {
    let mut table = table(&[
        "NAMESPACE",
        "TICKET",
        "ENDPOINT",
        "KIND",
        "REPO",
        "STATUS",
        "UPDATED",
        "INDEXED",
        "REACHABLE",
        "FRESH",
        "TITLE",
    ]);
    let at = |ms: Option<i64>| {
        ms.and_then(Moment::from_millis)
            .map(|at| at.to_string())
            .unwrap_or_default()
    };
    for copy in copies {
        table.add_row([
            plain(&copy.namespace),
            plain(&copy.ticket),
            plain(&copy.endpoint),
            plain(&copy.kind),
            plain(&copy.repo),
            plain(&copy.status),
            at(copy.updated_at_ms),
            at(copy.indexed_at_ms),
            if copy.reachable { "True" } else { "False" }.to_owned(),
            plain(&copy.fresh),
            plain(&copy.title),
        ]);
    }
    rendered(&table)
}
