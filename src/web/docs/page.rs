//! The two pages that are shown of a ticket's documents: plain HTML without script, style or image. Pure. Everything that
//! a stranger wrote passes through `escaped`.

use url::form_urlencoded::byte_serialize;

use super::target::Target;
use crate::kernel::moment::Moment;
use crate::ports::doc_pages::{Document, DocumentRow, TicketPage};

/// The page of a ticket: what it is, and its documents.
pub fn ticket(target: &Target<'_>, page: &TicketPage) -> String {
    let rows: String = page.documents.iter().map(|document| row(target, document)).collect();
    let cut = if page.cut {
        "<p>There are more documents than are listed here.</p>\n"
    } else {
        ""
    };
    let body = format!(
        "<h1>{ticket}: {title}</h1>\n<p>Status: {status}. Updated: {updated}. Run: {run}.</p>\n\
         <table>\n<tr><th>Document</th><th>Type</th><th>Status</th><th>Updated</th></tr>\n{rows}</table>\n{cut}",
        ticket = escaped(&page.ticket.ticket),
        title = escaped(&page.ticket.title),
        status = escaped(&page.ticket.status),
        updated = time(page.ticket.updated_at),
        run = escaped(target.run),
    );
    whole(&page.ticket.ticket, &body)
}

/// The page of one document.
pub fn document(target: &Target<'_>, document: &Document) -> String {
    let title = if document.title.is_empty() {
        &document.path
    } else {
        &document.title
    };
    let body = format!(
        "<p><a href=\"{back}\">{ticket}</a></p>\n<h1>{title}</h1>\n<p>{path}</p>\n<pre>{body}</pre>\n",
        back = escaped(&root(target)),
        ticket = escaped(target.ticket),
        title = escaped(title),
        path = escaped(&document.path),
        body = escaped(&document.body),
    );
    whole(title, &body)
}

/// A page that says what is wrong.
pub fn problem(what: &str) -> String {
    whole("metawsm", &format!("<p>{}</p>\n", escaped(what)))
}

fn row(target: &Target<'_>, document: &DocumentRow) -> String {
    let path: String = byte_serialize(document.path.as_bytes()).collect();
    let title = if document.title.is_empty() {
        &document.path
    } else {
        &document.title
    };
    format!(
        "<tr><td><a href=\"{root}doc?path={path}\">{title}</a></td><td>{kind}</td><td>{status}</td><td>{updated}</td></tr>\n",
        root = escaped(&root(target)),
        path = escaped(&path),
        title = escaped(title),
        kind = escaped(&document.doc_type),
        status = escaped(&document.status),
        updated = time(document.updated_at),
    )
}

fn root(target: &Target<'_>) -> String {
    format!("/docs/{}/{}/{}/", target.namespace, target.run, target.ticket)
}

fn time(at: Option<Moment>) -> String {
    at.map_or_else(|| "unknown".to_owned(), |at| at.whole_seconds().to_string())
}

fn whole(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{}</title></head>\n<body>\n{body}</body>\n</html>\n",
        escaped(title)
    )
}

/// The text with everything that HTML could read as more than text replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::target::Part;
    use super::*;
    use crate::ports::doc_source::TicketRow;

    const HOSTILE: &str = "<script>alert('x')</script>\"><img src=x onerror=y>&amp;";

    fn target() -> Target<'static> {
        Target {
            namespace: "ns",
            run: "relay",
            ticket: "A-1",
            part: Part::Ticket,
        }
    }

    #[test]
    fn nothing_of_a_stranger_becomes_markup() {
        let page = TicketPage {
            ticket: TicketRow {
                ticket: HOSTILE.into(),
                title: HOSTILE.into(),
                status: HOSTILE.into(),
                intent: String::new(),
                topics: vec![],
                owners: vec![],
                updated_at: None,
                ticket_dir: String::new(),
                index_path: String::new(),
            },
            documents: vec![DocumentRow {
                path: format!("a/{HOSTILE}.md"),
                title: HOSTILE.into(),
                doc_type: HOSTILE.into(),
                status: HOSTILE.into(),
                updated_at: None,
            }],
            cut: true,
        };
        let text = Document {
            path: HOSTILE.into(),
            title: HOSTILE.into(),
            body: format!("</pre>{HOSTILE}"),
        };
        for html in [ticket(&target(), &page), document(&target(), &text), problem(HOSTILE)] {
            for markup in ["<script", "<img", "</pre>&lt;/pre>", "onerror=y>", "'x'"] {
                assert!(!html.contains(markup), "{markup} in {html}");
            }
            assert!(html.contains("&lt;script&gt;"), "{html}");
            assert!(html.contains("&amp;amp;"), "what looks escaped is escaped again");
        }
    }

    #[test]
    fn a_document_is_linked_by_its_encoded_path() {
        let link = row(
            &target(),
            &DocumentRow {
                path: "2026/a b&c.md".into(),
                title: String::new(),
                doc_type: "reference".into(),
                status: "active".into(),
                updated_at: "2026-11-21T08:36:40.85Z".parse().ok(),
            },
        );
        assert!(
            link.contains("href=\"/docs/ns/relay/A-1/doc?path=2026%2Fa+b%26c.md\""),
            "{link}"
        );
        assert!(link.contains("2026-11-21T08:36:40Z"), "{link}");
    }
}
