//! From a filter to conditions and the values they bind. Pure. Only conditions that filter stand in the statement, so
//! that the database can choose its index; values are never part of the text.

use crate::ports::journal::JournalError;
use crate::ports::questions::QuestionFilter;

/// The most words that a search may have; each is a look-up of its own.
const MOST_WORDS: usize = 16;

/// A value to bind.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    Text(String),
    Number(i64),
}

/// Conditions joined by AND, with `?` where values are bound, and the values in that order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conditions {
    parts: Vec<String>,
    pub values: Vec<Bound>,
}

impl Conditions {
    /// The filter's conditions on `t`, a row of `forum_threads`.
    ///
    /// # Errors
    /// The search has no word, or too many.
    pub fn of(filter: &QuestionFilter) -> Result<Self, JournalError> {
        let mut all = Self::default();
        if !filter.gone {
            all.add("t.deleted_at IS NULL", []);
        }
        let equal = [
            ("t.namespace = ?", &filter.namespace),
            ("t.ticket = ?", &filter.ticket),
            ("t.run_id = ?", &filter.run),
            ("t.assignee = ?", &filter.assignee),
        ];
        for (condition, value) in equal {
            if let Some(value) = value {
                all.add(condition, [Bound::Text(value.clone())]);
            }
        }
        all.any_of("t.state", filter.states.iter().map(|state| state.as_str()));
        all.any_of("t.priority", filter.priorities.iter().map(|priority| priority.as_str()));
        all.any_of("t.waiting_on", filter.waiting_on.iter().map(|turn| turn.as_str()));
        if let Some(text) = &filter.text {
            all.words(text)?;
        }
        Ok(all)
    }

    /// One more condition.
    pub fn add(&mut self, condition: &str, values: impl IntoIterator<Item = Bound>) {
        self.parts.push(condition.to_owned());
        self.values.extend(values);
    }

    /// The text after WHERE.
    pub fn text(&self) -> String {
        if self.parts.is_empty() {
            return "true".to_owned();
        }
        self.parts.join(" AND ")
    }

    fn any_of<'w>(&mut self, column: &str, words: impl Iterator<Item = &'w str>) {
        let words: Vec<_> = words.map(|word| Bound::Text(word.to_owned())).collect();
        match words.len() {
            0 => {}
            1 => self.add(&format!("{column} = ?"), words),
            n => self.add(&format!("{column} IN ({})", vec!["?"; n].join(", ")), words),
        }
    }

    fn words(&mut self, text: &str) -> Result<(), JournalError> {
        let words = phrases(text);
        if words.is_empty() {
            return Err(JournalError(format!(
                "the search '{text}' has no word: give letters or digits"
            )));
        }
        if words.len() > MOST_WORDS {
            return Err(JournalError(format!(
                "a search may have {MOST_WORDS} words, this one has {}",
                words.len()
            )));
        }
        for phrase in words {
            self.add(
                "t.uid IN (SELECT h.uid FROM forum_title_words w JOIN forum_threads h ON h.id = w.rowid
                           WHERE forum_title_words MATCH ?
                           UNION ALL
                           SELECT p.thread_uid FROM forum_body_words w JOIN forum_posts p ON p.id = w.rowid
                           WHERE forum_body_words MATCH ?)",
                [Bound::Text(phrase.clone()), Bound::Text(phrase)],
            );
        }
        Ok(())
    }
}

/// Each word of the text as a quoted phrase whose last word may go on: whatever it holds is text, never syntax.
fn phrases(text: &str) -> Vec<String> {
    text.split(|c: char| c.is_whitespace() || c == '\0')
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .map(|word| format!("\"{}\"*", word.replace('"', "\"\"")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::question::QuestionState;

    #[test]
    fn only_what_filters_stands_in_the_statement() {
        let filter = QuestionFilter {
            ticket: Some("A-1".into()),
            states: vec![QuestionState::New, QuestionState::Triaged],
            ..QuestionFilter::default()
        };
        let conditions = Conditions::of(&filter).unwrap();
        assert_eq!(
            conditions.text(),
            "t.deleted_at IS NULL AND t.ticket = ? AND t.state IN (?, ?)"
        );
        assert_eq!(conditions.values.len(), 3);
    }

    #[test]
    fn a_search_is_text_and_never_syntax() {
        assert_eq!(
            phrases("a\"b OR -c NEAR( * ^"),
            ["\"a\"\"b\"*", "\"OR\"*", "\"-c\"*", "\"NEAR(\"*"]
        );
        assert!(phrases("\" * - ()").is_empty());
    }
}
