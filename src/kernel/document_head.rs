//! Reads the head of a document the way docmgr does: which files have one, what makes it unreadable, and what it
//! says. Pure; the text was written by anybody, so the YAML is parsed with a small budget. Whoever looks at documents
//! (the docs server, the seed) reads their heads here: what one of them sees, the other sees too.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use super::written::Written;

/// How much of a document is read to find its head; a head of docmgr has under 2 KiB.
pub const HEAD_LIMIT: usize = 64 * 1024;

/// What docmgr says of a file that has no head.
pub const NO_HEAD: &str = "frontmatter delimiters '---' not found";

/// A file in its two parts.
#[derive(Debug, PartialEq, Eq)]
pub struct Split<'a> {
    pub head: &'a str,
    pub body: &'a str,
}

/// A head that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// In the file, from 1; 0: unknown.
    pub line: usize,
    pub problem: String,
}

/// A file that a document is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelatedFile {
    pub path: String,
    pub note: String,
}

/// What a head says. Lists are `None` where their key is missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head {
    pub title: String,
    pub ticket: String,
    pub status: String,
    pub doc_type: String,
    pub intent: String,
    pub summary: String,
    pub what_for: String,
    pub when_to_use: String,
    pub topics: Option<Vec<String>>,
    pub owners: Option<Vec<String>>,
    pub external_sources: Option<Vec<String>>,
    pub related_files: Option<Vec<RelatedFile>>,
    pub last_updated: Option<Written>,
}

type List = Option<Vec<Option<String>>>;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Raw {
    title: Option<String>,
    ticket: Option<String>,
    status: Option<String>,
    doc_type: Option<String>,
    intent: Option<String>,
    summary: Option<String>,
    what_for: Option<String>,
    when_to_use: Option<String>,
    topics: List,
    owners: List,
    external_sources: List,
    related_files: Option<Value>,
    last_updated: Stamp,
}

/// A key that is there and says nothing is an error, one that is missing is none.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "Option<String>")]
enum Stamp {
    #[default]
    Missing,
    Empty,
    Says(String),
}

impl From<Option<String>> for Stamp {
    fn from(value: Option<String>) -> Self {
        value.map_or(Self::Empty, Self::Says)
    }
}

impl Stamp {
    fn read(self) -> Result<Option<Written>, Unreadable> {
        let text = match self {
            Self::Missing => return Ok(None),
            Self::Empty => String::new(),
            Self::Says(text) => text,
        };
        Written::parse(&text).map(Some).ok_or_else(|| Unreadable {
            line: 0,
            problem: format!("yaml: LastUpdated is no date: {text:?}"),
        })
    }
}

/// Takes a file apart: a first line `---`, the head, another such line, the body. `None`: there is no head.
pub fn split(text: &str) -> Option<Split<'_>> {
    let first = text.split_inclusive('\n').next()?;
    if first.trim() != "---" {
        return None;
    }
    let mut end = first.len();
    for line in text[end..].split_inclusive('\n') {
        if line.trim() == "---" {
            let (head, body) = (&text[first.len()..end], &text[end + line.len()..]);
            return Some(Split { head, body });
        }
        end += line.len();
    }
    None
}

/// Reads a head.
///
/// # Errors
/// The line and what is wrong with it: wrong YAML, a word where a list belongs, a key twice, no usable `LastUpdated`.
pub fn read(head: &str) -> Result<Head, Unreadable> {
    if head.trim().is_empty() {
        return Err(Unreadable {
            line: 0,
            problem: "EOF".to_owned(),
        });
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_anchors: 0, max_aliases: 0, max_depth: 16, max_nodes: 5_000, },
        with_snippet: false,
    };
    let raw: Raw = serde_saphyr::from_str_with_options(&tolerant(head), options).map_err(|error| Unreadable {
        // The line after the opening `---` is the file's second.
        line: error
            .location()
            .map_or(0, |at| usize::try_from(at.line()).unwrap_or(0) + 1),
        problem: format!("yaml: {error}"),
    })?;
    let last_updated = raw.last_updated.read()?;
    Ok(Head {
        title: text(raw.title),
        ticket: text(raw.ticket),
        status: text(raw.status),
        doc_type: text(raw.doc_type),
        intent: text(raw.intent),
        summary: text(raw.summary),
        what_for: text(raw.what_for),
        when_to_use: text(raw.when_to_use),
        topics: list(raw.topics),
        owners: list(raw.owners),
        external_sources: list(raw.external_sources),
        related_files: related(raw.related_files.as_ref()),
        last_updated: last_updated.filter(|at| !at.is_zero()),
    })
}

fn text(value: Option<String>) -> String {
    value.unwrap_or_default()
}

fn list(values: List) -> Option<Vec<String>> {
    values.map(|values| values.into_iter().map(Option::unwrap_or_default).collect())
}

/// Each entry is a path, or a mapping with `Path` and `Note` in any case; anything else is an empty entry.
fn related(value: Option<&Value>) -> Option<Vec<RelatedFile>> {
    let word = |value: &Value| match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    };
    let entry = |value: &Value| match value {
        Value::Object(map) => {
            let of = |name: &str| {
                let found = map.iter().rfind(|(key, _)| key.trim().eq_ignore_ascii_case(name));
                found.map(|(_, value)| word(value)).unwrap_or_default()
            };
            RelatedFile {
                path: of("path"),
                note: of("note"),
            }
        }
        other => RelatedFile {
            path: word(other),
            note: String::new(),
        },
    };
    Some(value?.as_array()?.iter().map(entry).collect())
}

/// Quotes plain values that people write without thinking of YAML, such as `Summary: first: this`.
fn tolerant(head: &str) -> Cow<'_, str> {
    if !head.lines().any(|line| quoted(line).is_some()) {
        return Cow::Borrowed(head);
    }
    let lines = head.lines().map(|line| quoted(line).unwrap_or_else(|| line.to_owned()));
    Cow::Owned(lines.collect::<Vec<_>>().join("\n"))
}

/// The line with its value quoted, if it needs that.
fn quoted(line: &str) -> Option<String> {
    let bare = line.trim_start_matches([' ', '\t']);
    if bare.starts_with('#') || bare.starts_with("- ") {
        return None;
    }
    let (key, value) = bare.split_once(':')?;
    let (key, value) = (key.trim(), value.trim());
    if value.is_empty() || value.starts_with(['"', '\'', '[', '{', '|', '>']) {
        return None;
    }
    let risky = value.starts_with(['@', '`', '#', '&', '*', '!', '%', '?'])
        || value.ends_with(':')
        || [": ", " #", "\t", "{{", "}}"]
            .iter()
            .any(|trouble| value.contains(trouble));
    let indent = &line[..line.len() - bare.len()];
    risky.then(|| format!("{indent}{key}: '{}'", value.replace('\'', "''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(head: &str) -> Result<Head, Unreadable> {
        read(head)
    }

    #[test]
    fn a_file_is_taken_apart_at_its_rulers() {
        let both = Split {
            head: "Title: x\n",
            body: "\n# x\n",
        };
        assert_eq!(split("---\nTitle: x\n---\n\n# x\n"), Some(both));
        assert_eq!(split("---\r\nTitle: x\r\n---\r\nb").map(|s| s.body), Some("b"));
        assert_eq!(split("---\nTitle: x\n---").map(|s| s.body), Some(""));
        for none in [
            "",
            "# x\n---\n---\n",
            "\n---\nTitle: x\n---\n",
            "\u{feff}---\nTitle: x\n---\n",
            "---\nTitle: x\n",
        ] {
            assert_eq!(split(none), None, "{none:?}");
        }
    }

    #[test]
    fn what_makes_a_ticket_vanish_is_unreadable_here_too() {
        for head in [
            "Status: [active\nTicket: A-1\n",
            "Topics: relay\n",
            "Ticket: A-1\nTicket: A-2\n",
            "LastUpdated:\n",
            "LastUpdated: soon\n",
            "",
            "a: &x [1]\nb: [*x, *x]\n",
        ] {
            assert!(of(head).is_err(), "{head:?}");
        }
        let broken = of("Title: t\nTicket: A-1\nStatus: [active\nOwners: []\n").unwrap_err();
        assert!(broken.line >= 4, "it names a line of the file: {broken:?}");
    }

    #[test]
    fn what_docmgr_reads_is_read() {
        let head = of("Title: a: b\nTicket: 012\ntopics: [x]\nUnknown: {deep: [1]}\nIntent:\nOwners: []\n").unwrap();
        assert_eq!((head.title.as_str(), head.ticket.as_str()), ("a: b", "012"));
        assert_eq!(
            (head.topics, head.owners),
            (None, Some(vec![])),
            "lower-case keys count as unset"
        );
        let head = of("Title: x\r\nLastUpdated: 2026-01-02T03:04:05.5+02:00\r\n").unwrap();
        assert_eq!(head.last_updated.unwrap().original(), "2026-01-02T03:04:05.5+02:00");
        let files = of("RelatedFiles:\n  - plain.go\n  - Path: a.go\n    Note: 'why: so'\n  - path: b.go\n")
            .unwrap()
            .related_files
            .unwrap();
        let pairs: Vec<_> = files.iter().map(|f| (f.path.as_str(), f.note.as_str())).collect();
        assert_eq!(pairs, [("plain.go", ""), ("a.go", "why: so"), ("b.go", "")]);
    }
}
