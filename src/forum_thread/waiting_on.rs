//! Whose turn it is on a thread. Pure.

use super::crd::{Assignee, Party, ThreadState, WaitingOn};

/// Who has to act next: in New and Triaged whoever it was given to, else an operator; after an answer whoever asked.
pub fn waiting_on(state: ThreadState, assignee: Option<&Assignee>, asked_by: Option<Party>) -> WaitingOn {
    match state {
        ThreadState::New | ThreadState::Triaged => assignee.map_or(WaitingOn::Operator, |a| turn(a.kind)),
        ThreadState::WaitingOperator => WaitingOn::Operator,
        ThreadState::WaitingHuman => WaitingOn::Human,
        ThreadState::Answered => asked_by.map_or(WaitingOn::Nobody, turn),
        ThreadState::Closed => WaitingOn::Nobody,
    }
}

fn turn(party: Party) -> WaitingOn {
    match party {
        Party::Agent => WaitingOn::Agent,
        Party::Operator => WaitingOn::Operator,
        Party::Human => WaitingOn::Human,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_says_whose_turn_it_is() {
        let human = Assignee {
            kind: Party::Human,
            name: "ada".into(),
        };
        let table = [
            (ThreadState::New, None, None, WaitingOn::Operator),
            (ThreadState::New, Some(&human), None, WaitingOn::Human),
            (ThreadState::Triaged, None, Some(Party::Agent), WaitingOn::Operator),
            (ThreadState::Triaged, Some(&human), Some(Party::Agent), WaitingOn::Human),
            (ThreadState::WaitingOperator, Some(&human), None, WaitingOn::Operator),
            (ThreadState::WaitingHuman, None, None, WaitingOn::Human),
            (
                ThreadState::Answered,
                Some(&human),
                Some(Party::Agent),
                WaitingOn::Agent,
            ),
            (ThreadState::Answered, None, None, WaitingOn::Nobody),
            (ThreadState::Closed, Some(&human), Some(Party::Agent), WaitingOn::Nobody),
        ];
        for (state, assignee, asked_by, expected) in table {
            assert_eq!(waiting_on(state, assignee, asked_by), expected, "{state:?}");
        }
    }
}
