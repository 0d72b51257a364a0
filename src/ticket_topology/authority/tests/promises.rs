//! Any crowd of candidates, in any order: what always holds.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Candidate, CandidateKind, Held, Question, at, judge, repo, said, sibling, workspace};

fn any_candidate() -> impl Strategy<Value = Candidate> {
    let held = prop_oneof![
        4 => (0i64..4).prop_map(said),
        1 => Just(Held::Twice), 1 => Just(Held::Unlisted), 1 => Just(Held::NotAsked),
    ];
    let home = prop_oneof![Just(None), Just(Some("/docs")), Just(Some("/other"))];
    let run = proptest::option::of((0u8..4, prop::bool::weighted(0.8)));
    (held, home, run, any::<bool>(), 0i64..3).prop_map(|(held, home, run, reachable, indexed)| {
        let made = match run {
            Some((run, true)) => workspace(&format!("r{run}"), held),
            Some((run, false)) => sibling(&format!("r{run}"), held),
            None => repo("docs", home, held),
        };
        Candidate {
            reachable,
            indexed_at: Some(at(indexed * 400)),
            ..made
        }
    })
}

proptest! {
    #[test]
    fn the_five_promises_hold(
        candidates in prop::collection::vec(any_candidate(), 0..24),
        active in prop::collection::btree_set(0u8..4, 0..4),
        turn in 0usize..24,
    ) {
        let candidates: Vec<_> = candidates.into_iter().enumerate()
            .map(|(n, c)| Candidate { endpoint: format!("{}-{n}", c.endpoint), ..c }).collect();
        let active: BTreeSet<_> = active.into_iter().map(|r| format!("r{r}")).collect();
        let owner = active.first().map(String::as_str);
        let question = Question { ticket: "A-1", home: Some("/docs"), home_repo: "docs", owner, active: &active, recorded: None };
        let judgement = judge(&question, &candidates, at(1000));

        let mut turned = candidates.clone();
        turned.rotate_left(turn.min(candidates.len()));
        turned.reverse();
        prop_assert_eq!(&judgement, &judge(&question, &turned, at(1000)), "order does not matter");

        let winner = judgement.authority.endpoint.as_ref().map(|name| candidates.iter().find(|c| &c.endpoint == name).unwrap());
        if let Some(Candidate { kind: CandidateKind::Workspace { run_uid, own }, .. }) = winner {
            prop_assert!(active.contains(run_uid) && owner == Some(run_uid), "an inactive run's workspace never wins");
            prop_assert!(own, "another ticket's workspace never wins");
        }
        if let Some(winner) = winner.filter(|w| !w.reachable) {
            let record = judgement.record.as_ref().unwrap();
            prop_assert!(record.stale && record.source == winner.endpoint, "unreachable keeps its last answer, and is stale");
        }
        let losers = candidates.len() - usize::from(winner.is_some());
        prop_assert_eq!(judgement.alternates.len(), losers.min(16));
        prop_assert_eq!(judgement.copies, i64::try_from(candidates.len()).unwrap());
        prop_assert!(judgement.alternates.iter().all(|a| !a.reason.is_empty()), "a loser is listed with its reason");
        let living = candidates.iter().filter(|c| matches!(&c.kind, CandidateKind::Workspace { run_uid, own: true } if active.contains(run_uid)));
        prop_assert_eq!(judgement.warnings.len(), usize::from(living.count() > 1), "two living workspaces never fall together in silence");
    }
}
