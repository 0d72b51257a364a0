//! The deadlines that hold from a state's entry on, as the status keeps them: a later edit of the policy does not move a
//! clock that runs. Pure.

use super::crd::{Priority, SlaSnapshot, ThreadState};
use crate::kernel::ladder::Ladder;
use crate::kernel::length::{length, written};
use crate::policy::{ByPriority, SlaPolicy};

/// What the policy says now for a state that is entered with this priority; nothing where no clock runs.
pub fn taken(policy: &SlaPolicy, revision: Option<&str>, state: ThreadState, priority: Priority) -> SlaSnapshot {
    let by = match state {
        ThreadState::New => &policy.new,
        ThreadState::WaitingHuman => &policy.waiting_human,
        ThreadState::Triaged | ThreadState::WaitingOperator | ThreadState::Answered | ThreadState::Closed => {
            return SlaSnapshot::default();
        }
    };
    let ladder = of(by, priority);
    SlaSnapshot {
        levels: ladder.rungs().iter().copied().map(written).collect(),
        repeat_every: ladder.repeat().map(written),
        revision: revision.map(str::to_owned),
    }
}

fn of(by: &ByPriority, priority: Priority) -> &Ladder {
    match priority {
        Priority::Low => &by.low,
        Priority::Normal => &by.normal,
        Priority::High => &by.high,
        Priority::Urgent => &by.urgent,
    }
}

/// The ladder that was snapshotted. One that cannot be read (somebody wrote the status by hand) never escalates.
pub fn ladder(snapshot: &SlaSnapshot) -> Ladder {
    let rungs: Option<Vec<_>> = snapshot.levels.iter().map(|level| length(level).ok()).collect();
    let repeat = match &snapshot.repeat_every {
        Some(every) => length(every).map(Some),
        None => Ok(None),
    };
    let read = rungs.zip(repeat.ok());
    read.and_then(|(rungs, repeat)| Ladder::new(rungs, repeat).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_snapshot_is_the_ladder_of_its_state_and_priority() {
        let urgent = Ladder::new(
            vec![Duration::from_secs(90), Duration::from_hours(30)],
            Some(Duration::from_mins(5)),
        );
        let mut policy = SlaPolicy::default();
        policy.waiting_human.urgent = urgent.clone().unwrap();
        let taken = taken(&policy, Some("sha256:x"), ThreadState::WaitingHuman, Priority::Urgent);
        assert_eq!(taken.levels, ["1m30s", "30h"]);
        assert_eq!(ladder(&taken), urgent.unwrap());
        let new = super::taken(&policy, None, ThreadState::New, Priority::Urgent);
        assert_eq!(new.levels, ["30m"]);
    }

    #[test]
    fn without_a_clock_there_is_no_ladder() {
        for state in [
            ThreadState::Triaged,
            ThreadState::Answered,
            ThreadState::Closed,
            ThreadState::WaitingOperator,
        ] {
            let taken = taken(&SlaPolicy::default(), None, state, Priority::High);
            assert_eq!(ladder(&taken), Ladder::default());
        }
        let broken = SlaSnapshot {
            levels: vec!["soon".into()],
            ..SlaSnapshot::default()
        };
        assert_eq!(ladder(&broken), Ladder::default());
    }
}
