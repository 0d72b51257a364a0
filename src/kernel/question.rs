//! The words that questions are told apart by, as events and read models spell them, and whose turn it is. Pure; the
//! resource has its own types of the same words (`forum_thread/crd.rs`), and a test holds the two together.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Not one of the words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is none of: {known}")]
pub struct UnknownWord {
    given: String,
    known: String,
}

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($word:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($word),+ }

        impl $name {
            /// Every word, in order.
            pub const ALL: &'static [Self] = &[$(Self::$word),+];

            /// As it is written everywhere.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$word => stringify!($word)),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            /// Upper and lower case count as the same: people type it.
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                Self::ALL.iter().copied().find(|w| w.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| UnknownWord {
                    given: text.to_owned(),
                    known: Self::ALL.iter().map(|w| w.as_str()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}

words! {
    /// Where a question stands.
    QuestionState { New, Triaged, WaitingOperator, WaitingHuman, Answered, Closed }
}
words! {
    /// How urgent it is, least first.
    Urgency { Low, Normal, High, Urgent }
}
words! {
    /// Who takes part.
    Participant { Agent, Operator, Human }
}
words! {
    /// Whose turn it is.
    Turn { Agent, Operator, Human, Nobody }
}

impl From<Participant> for Turn {
    fn from(of: Participant) -> Self {
        match of {
            Participant::Agent => Self::Agent,
            Participant::Operator => Self::Operator,
            Participant::Human => Self::Human,
        }
    }
}

/// Whose turn it is: in New and Triaged of whoever it was given to, else of an operator; after an answer of whoever asked.
pub fn turn(state: QuestionState, assignee: Option<Participant>, asked_by: Option<Participant>) -> Turn {
    match state {
        QuestionState::New | QuestionState::Triaged => assignee.map_or(Turn::Operator, Turn::from),
        QuestionState::WaitingOperator => Turn::Operator,
        QuestionState::WaitingHuman => Turn::Human,
        QuestionState::Answered => asked_by.map_or(Turn::Nobody, Turn::from),
        QuestionState::Closed => Turn::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_whatever_its_case_and_a_wrong_one_names_the_right_ones() {
        assert_eq!("waitinghuman".parse(), Ok(QuestionState::WaitingHuman));
        let wrong = "urgnt".parse::<Urgency>().unwrap_err().to_string();
        assert_eq!(wrong, "'urgnt' is none of: Low, Normal, High, Urgent");
    }

    #[test]
    fn an_answered_question_is_the_turn_of_who_asked() {
        let asked = Some(Participant::Agent);
        assert_eq!(
            turn(QuestionState::Answered, Some(Participant::Human), asked),
            Turn::Agent
        );
        assert_eq!(
            turn(QuestionState::Triaged, Some(Participant::Human), asked),
            Turn::Human
        );
        assert_eq!(turn(QuestionState::Closed, None, asked), Turn::Nobody);
    }
}
