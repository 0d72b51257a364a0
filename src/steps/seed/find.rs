//! Which of the front pages found is the ticket's, and what to say when there is none or more than one. Pure.

use std::path::PathBuf;

use super::frontmatter::FrontPage;
use crate::ports::executor::StepError;

/// A front page and the folder that it makes a ticket's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Relative to the repository.
    pub directory: PathBuf,
    pub page: FrontPage,
}

/// How many places a message names at most.
const NAMED: usize = 5;

/// The ticket's folder, `None` if there is none. The exact id wins over one that differs in case.
///
/// # Errors
/// `TicketDocsAmbiguous` where several folders claim the ticket; `place` says where they lie.
pub fn directory_of(ticket: &str, candidates: &[Candidate], place: &str) -> Result<Option<PathBuf>, StepError> {
    let with = |same: &dyn Fn(&str) -> bool| -> Vec<&PathBuf> {
        let mut found: Vec<_> = candidates
            .iter()
            .filter(|c| matches!(&c.page, FrontPage::Of(id) if same(id)))
            .map(|c| &c.directory)
            .collect();
        found.sort();
        found
    };
    let exact = with(&|id| id == ticket);
    let found = if exact.is_empty() {
        with(&|id| id.eq_ignore_ascii_case(ticket))
    } else {
        exact
    };
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some((*one).clone())),
        many => {
            let names = many
                .iter()
                .take(NAMED)
                .map(|d| format!("\"{}\"", d.display()))
                .collect::<Vec<_>>()
                .join(" and ");
            let more = if many.len() > NAMED { " and more" } else { "" };
            let why = format!(
                "ticket {ticket} has {} document folders in {place}: {names}{more}; keep one",
                many.len()
            );
            Err(StepError::lasting("TicketDocsAmbiguous", why))
        }
    }
}

/// The refusal where a ticket has no documents, with every way out.
pub fn not_found(ticket: &str, docs_path: &str, place: &str, candidates: &[Candidate]) -> StepError {
    let broken: Vec<_> = candidates.iter().filter(|c| c.page == FrontPage::Unreadable).collect();
    let hint = match broken.first() {
        None => String::new(),
        Some(first) => {
            format!(
                " ({} front pages there cannot be read, such as \"{}\")",
                broken.len(),
                first.directory.display()
            )
        }
    };
    let why = format!(
        "no index.md below \"{docs_path}\" in {place} has \"DocType: index\" and \"Ticket: {ticket}\"{hint}; create the \
         ticket's documents there (docmgr ticket create-ticket --ticket {ticket}), or choose docSeedMode: None, or \
         mode: Bootstrap with a brief"
    );
    StepError::lasting("TicketDocsNotFound", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(directory: &str, ticket: &str) -> Candidate {
        Candidate {
            directory: directory.into(),
            page: FrontPage::Of(ticket.into()),
        }
    }

    #[test]
    fn the_exact_id_wins_over_another_case() {
        let pages = [candidate("t/a", "abc-1"), candidate("t/b", "ABC-1")];
        assert_eq!(directory_of("ABC-1", &pages, "x").unwrap(), Some("t/b".into()));
        assert_eq!(directory_of("ABC-1", &pages[..1], "x").unwrap(), Some("t/a".into()));
        assert_eq!(directory_of("ABC-2", &pages, "x").unwrap(), None);
    }

    #[test]
    fn two_folders_are_both_named() {
        let pages = [candidate("t/b", "A-1"), candidate("t/a", "A-1")];
        let error = directory_of("A-1", &pages, "the home").unwrap_err();
        assert_eq!((error.reason.as_str(), error.retriable), ("TicketDocsAmbiguous", false));
        assert!(error.message.contains("\"t/a\" and \"t/b\""), "{}", error.message);
    }

    #[test]
    fn the_refusal_names_a_page_that_cannot_be_read() {
        let broken = Candidate {
            directory: "t/broken".into(),
            page: FrontPage::Unreadable,
        };
        let error = not_found("A-1", "ttmp", "the home", &[broken]);
        assert!(error.message.contains("t/broken") && error.message.contains("docSeedMode: None"));
    }
}
