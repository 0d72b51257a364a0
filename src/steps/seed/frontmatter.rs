//! Reads the head of a docmgr document: which ticket it belongs to and whether it is a front page. Pure; the text was
//! written by anybody, so the YAML is parsed with a small budget and never trusted.

use serde::Deserialize;

/// How much of a document is read to find its head; a head of docmgr has under 2 KiB.
pub const HEAD_LIMIT: usize = 64 * 1024;

/// The keys that matter here.
#[derive(Debug, Default, Deserialize)]
struct Head {
    #[serde(rename = "Ticket", default)]
    ticket: Option<String>,
    #[serde(rename = "DocType", default)]
    doc_type: Option<String>,
}

/// What a document's head says about tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrontPage {
    /// `DocType: index` of this ticket.
    Of(String),
    /// Something else, or no head at all.
    No,
    /// There is a head, but its YAML cannot be read; docmgr does not see such a ticket either.
    Unreadable,
}

/// Judges the beginning of a document.
pub fn front_page(beginning: &[u8]) -> FrontPage {
    let text = String::from_utf8_lossy(beginning);
    let Some(head) = head_of(&text) else {
        return FrontPage::No;
    };
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_anchors: 0, max_aliases: 0, max_depth: 16, max_nodes: 5_000, },
    };
    match serde_saphyr::from_str_with_options::<Head>(&head, options) {
        Ok(Head {
            ticket: Some(ticket),
            doc_type: Some(doc_type),
        }) if doc_type == "index" => FrontPage::Of(ticket),
        Ok(_) => FrontPage::No,
        Err(_) => FrontPage::Unreadable,
    }
}

/// The lines between a first line `---` and the next one.
fn head_of(text: &str) -> Option<String> {
    let mut lines = text.lines();
    if lines.next()?.trim_end() != "---" {
        return None;
    }
    let mut head = String::new();
    for line in lines {
        if line.trim_end() == "---" {
            return Some(head);
        }
        head.push_str(line.trim_end_matches('\r'));
        head.push('\n');
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_judged() {
        let of = |ticket: &str| FrontPage::Of(ticket.to_owned());
        let table = [
            ("---\nTitle: x\nTicket: A-1\nDocType: index\n---\n# x\n", of("A-1")),
            ("---\r\nTicket: \"A-1\"\r\nDocType: index\r\n---\r\n", of("A-1")),
            ("---\nTicket: 101\nDocType: index\n---\n", of("101")),
            ("---\nTicket: 012\nDocType: index\n---\n", of("012")),
            (
                "---\nTicket: A-1\nTopics:\n    - a\nOwners: []\nDocType: index\n---\n",
                of("A-1"),
            ),
            ("---\nTicket: A-1\nDocType: reference\n---\n", FrontPage::No),
            ("---\nticket: A-1\nDocType: index\n---\n", FrontPage::No),
            ("\n---\nTicket: A-1\nDocType: index\n---\n", FrontPage::No),
            ("\u{feff}---\nTicket: A-1\nDocType: index\n---\n", FrontPage::No),
            ("---\nTicket: A-1\nDocType: index\n", FrontPage::No),
            (
                "---\nTicket: A-1\nStatus: [active\nDocType: index\n---\n",
                FrontPage::Unreadable,
            ),
            (
                "---\nTicket: A-1\nTicket: A-2\nDocType: index\n---\n",
                FrontPage::Unreadable,
            ),
            (
                "---\na: &x [1]\nb: [*x, *x]\nTicket: A-1\nDocType: index\n---\n",
                FrontPage::Unreadable,
            ),
            ("no head", FrontPage::No),
        ];
        for (text, expected) in table {
            assert_eq!(front_page(text.as_bytes()), expected, "{text:?}");
        }
    }
}
