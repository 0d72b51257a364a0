//! Which rows of a list are taken, and what of them is shown. Pure; what a stranger wrote never passes unbounded.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sha2::{Digest as _, Sha256};

use super::wire::{TicketAnswer, instant};
use crate::kernel::shown_text::{misleads, one_line};
use crate::kernel::ticket::is_ticket;
use crate::ports::doc_source::{RefusedRow, TicketRow};

/// Characters of a title, and of a word such as a status.
const TITLE: usize = 200;
const WORD: usize = 64;
/// Words of a list.
const WORDS: usize = 16;
/// Bytes of a path: what common file systems take below a root.
const PATH: usize = 1024;
/// Refused rows that are told; the others are only counted.
const TOLD: usize = 16;
/// Characters of a refused name.
const SHOWN: usize = 63;

/// The rows of one list while it is read.
#[derive(Debug, Default)]
pub struct Rows {
    taken: Vec<TicketRow>,
    /// Names of tickets whose very same row came again.
    again: BTreeSet<String>,
    /// Hashes of name and front page: their size must not be a stranger's choice.
    seen: HashSet<[u8; 32]>,
    refused: Vec<RefusedRow>,
    refused_count: usize,
}

/// Whether a row was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    First,
    /// The very same front page again.
    Again,
}

impl Rows {
    /// Takes or refuses one row.
    pub fn put(&mut self, answer: TicketAnswer) -> Seen {
        let key = Sha256::new()
            .chain_update(&answer.ticket)
            .chain_update([0])
            .chain_update(&answer.index_path);
        if !self.seen.insert(key.finalize().into()) {
            if is_ticket(&answer.ticket) {
                self.again.insert(answer.ticket);
            }
            return Seen::Again;
        }
        match row(answer) {
            Ok(row) => self.taken.push(row),
            Err(refused) => {
                self.refused_count += 1;
                if self.refused.len() < TOLD {
                    self.refused.push(refused);
                }
            }
        }
        Seen::First
    }

    /// How many rows were there, refused ones too.
    pub fn len(&self) -> usize {
        self.taken.len() + self.refused_count
    }

    /// What was taken, the names that came twice, how many rows were refused and the first of them.
    pub fn end(self) -> (Vec<TicketRow>, Vec<String>, usize, Vec<RefusedRow>) {
        let mut names: BTreeMap<String, (usize, &str)> = BTreeMap::new();
        for row in &self.taken {
            names
                .entry(row.ticket.to_ascii_lowercase())
                .or_insert((0, &row.ticket))
                .0 += 1;
        }
        for name in &self.again {
            names.entry(name.to_ascii_lowercase()).or_insert((1, name)).0 += 1;
        }
        let twice = names.into_values().filter(|(count, _)| *count > 1);
        let duplicates = twice.map(|(_, name)| name.to_owned()).collect();
        (self.taken, duplicates, self.refused_count, self.refused)
    }
}

/// A row as it may be kept.
///
/// # Errors
/// Its name is none, or its paths lead elsewhere.
pub fn row(answer: TicketAnswer) -> Result<TicketRow, RefusedRow> {
    let refuse = |why: &str| RefusedRow {
        shown: shown(&answer.ticket),
        why: why.to_owned(),
    };
    if !is_ticket(&answer.ticket) {
        return Err(refuse(
            "its name is no ticket: 1 to 63 letters, digits, '_', '.' or '-', beginning and ending with a letter or digit, no \
             two of the marks side by side; rename it with docmgr",
        ));
    }
    if !stays_inside(&answer.ticket_dir) || !stays_inside(&answer.index_path) {
        return Err(refuse("its paths do not stay inside of the docs root"));
    }
    Ok(TicketRow {
        title: one_line(&answer.title, TITLE),
        status: one_line(&answer.status, WORD),
        intent: one_line(&answer.intent, WORD),
        topics: words(&answer.topics),
        owners: words(&answer.owners),
        updated_at: instant(&answer.updated_at).ok().flatten(),
        ticket: answer.ticket,
        ticket_dir: answer.ticket_dir,
        index_path: answer.index_path,
    })
}

/// Whether a path is relative to the docs root and stays below it. An empty one names nothing, which is fine.
pub fn stays_inside(path: &str) -> bool {
    let odd = |part: &str| matches!(part, "." | ".." | "");
    path.is_empty()
        || (path.len() <= PATH && !path.chars().any(|c| misleads(c) || c == '\\') && !path.split('/').any(odd))
}

fn words(list: &[String]) -> Vec<String> {
    list.iter().take(WORDS).map(|word| one_line(word, WORD)).collect()
}

fn shown(name: &str) -> String {
    let plain = |c: char| match c {
        c if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') => c,
        _ => '?',
    };
    name.chars().take(SHOWN).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(ticket: &str, index: &str) -> TicketAnswer {
        let text = serde_json::json!({"ticket": ticket, "indexPath": index, "title": "a\u{1b}b", "topics": null});
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn hostile_names_are_counted_and_never_shown_as_they_are() {
        let mut rows = Rows::default();
        let long = "x".repeat(10_240);
        for name in [
            "<script>alert(1)</script>",
            "a\u{1b}[2J",
            "../../etc",
            "",
            "a b",
            &long,
            "\u{202e}A-1",
        ] {
            rows.put(answer(name, "i.md"));
        }
        rows.put(answer("A-1", "../i.md"));
        rows.put(answer("A-2", "/etc/passwd"));
        rows.put(answer("A-3", "a/index.md"));
        assert_eq!(rows.len(), 10);
        let (taken, duplicates, count, refused) = rows.end();
        assert_eq!(taken.iter().map(|r| r.ticket.as_str()).collect::<Vec<_>>(), ["A-3"]);
        assert_eq!(taken[0].title, "a\u{fffd}b");
        assert_eq!((duplicates, count), (vec![], 9));
        assert!(
            refused
                .iter()
                .all(|r| !r.shown.contains(['<', '\u{1b}', '/', ' ']) && r.shown.len() <= 63)
        );
    }

    #[test]
    fn one_name_on_two_front_pages_is_kept_twice_and_told() {
        let mut rows = Rows::default();
        assert_eq!(rows.put(answer("DUP-1", "a/index.md")), Seen::First);
        assert_eq!(rows.put(answer("dup-1", "b/index.md")), Seen::First);
        assert_eq!(rows.put(answer("DUP-1", "a/index.md")), Seen::Again);
        let (taken, duplicates, ..) = rows.end();
        assert_eq!((taken.len(), duplicates), (2, vec!["DUP-1".to_owned()]));
    }
}
