//! Which ticket a document belongs to and whether it is a front page, by its head as docmgr and the docs server read it:
//! what is seeded is what is served. Pure.

pub use crate::kernel::document_head::HEAD_LIMIT;
use crate::kernel::document_head::{read, split};

/// What a document's head says about tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrontPage {
    /// `DocType: index` of this ticket.
    Of(String),
    /// Something else, or no head at all.
    No,
    /// There is a head that cannot be read; docmgr does not see such a ticket either.
    Unreadable,
}

/// Judges the beginning of a document.
pub fn front_page(beginning: &[u8]) -> FrontPage {
    let text = String::from_utf8_lossy(beginning);
    let Some(parts) = split(&text) else {
        return FrontPage::No;
    };
    let Ok(head) = read(parts.head) else {
        return FrontPage::Unreadable;
    };
    let ticket = head.ticket.trim();
    if head.doc_type.trim() == "index" && !ticket.is_empty() {
        FrontPage::Of(ticket.to_owned())
    } else {
        FrontPage::No
    }
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
            // docmgr writes values between quotes itself; what people write without thinking of YAML it reads all the same.
            (
                "---\nTicket: A-1\nDocType: index\nSummary: first: this\n---\n",
                of("A-1"),
            ),
            ("---\nTicket: A-1\nDocType: index\nTitle: 'it''s'\n---\n", of("A-1")),
            (
                "---\nTicket: A-1\nDocType: index\nTopics: relay\n---\n",
                FrontPage::Unreadable,
            ),
            (
                "---\nTicket: A-1\nDocType: index\nLastUpdated:\n---\n",
                FrontPage::Unreadable,
            ),
            ("---\nTicket: ' A-1 '\nDocType: index\n---\n", of("A-1")),
            ("no head", FrontPage::No),
        ];
        for (text, expected) in table {
            assert_eq!(front_page(text.as_bytes()), expected, "{text:?}");
        }
    }
}
