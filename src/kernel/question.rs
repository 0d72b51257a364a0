//! The words that questions are told apart by, as the resource, its events and the read models spell them, and whose turn
//! it is. Pure.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Not one of the words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is none of: {known}")]
pub struct UnknownWord {
    given: String,
    known: String,
}

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$usual:meta])? $word:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $($(#[$usual])? $word),+ }

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
    #[derive(Default)]
    QuestionState { #[default] New, Triaged, WaitingOperator, WaitingHuman, Answered, Closed }
}
words! {
    /// How urgent a question is, least first.
    #[derive(Default)]
    Urgency { Low, #[default] Normal, High, Urgent }
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
    fn every_state_says_whose_turn_it_is() {
        use QuestionState::{Answered, Closed, New, Triaged, WaitingHuman, WaitingOperator};
        let (human, agent) = (Some(Participant::Human), Some(Participant::Agent));
        let table = [
            (New, None, None, Turn::Operator),
            (New, human, None, Turn::Human),
            (Triaged, None, agent, Turn::Operator),
            (Triaged, human, agent, Turn::Human),
            (WaitingOperator, human, None, Turn::Operator),
            (WaitingHuman, None, None, Turn::Human),
            (Answered, human, agent, Turn::Agent),
            (Answered, None, None, Turn::Nobody),
            (Closed, human, agent, Turn::Nobody),
        ];
        for (state, assignee, asked_by, expected) in table {
            assert_eq!(turn(state, assignee, asked_by), expected, "{state}");
        }
    }
}
