//! The merge rule: a table of cases, and its five promises for all inputs.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn at(s: i64) -> Moment {
    Moment::from_millis(s * 1000).unwrap()
}

fn said(updated: i64) -> Held {
    Held::Listed(Said {
        title: "Log in again".into(),
        status: "active".into(),
        topics: vec!["auth".into()],
        updated_at: Some(at(updated)),
    })
}

fn repo(name: &str, home: Option<&str>, held: Held) -> Candidate {
    Candidate {
        endpoint: name.into(),
        kind: CandidateKind::Repo,
        repo: "docs".into(),
        home: home.map(str::to_owned),
        web_url: Some(format!("http://{name}/")),
        reachable: true,
        indexed_at: Some(at(900)),
        stale_after: Duration::from_secs(600),
        held,
    }
}

fn workspace(run: &str, held: Held) -> Candidate {
    Candidate {
        endpoint: format!("{run}--a-1"),
        kind: CandidateKind::Workspace {
            run_uid: run.into(),
            own: true,
        },
        ..repo(&format!("{run}--a-1"), Some("/docs"), held)
    }
}

struct Case {
    owner: Option<&'static str>,
    active: &'static [&'static str],
    candidates: Vec<Candidate>,
    /// `kind endpoint reason`.
    authority: &'static str,
    /// `endpoint reason`, in their order.
    alternates: &'static [&'static str],
}

fn judged(case: &Case, recorded: Option<&Record>) -> Judgement {
    let active = case.active.iter().map(|r| (*r).to_owned()).collect();
    let question = Question {
        ticket: "A-1",
        home: Some("/docs"),
        home_repo: "docs",
        owner: case.owner,
        active: &active,
        recorded,
    };
    judge(&question, &case.candidates, at(1000))
}

fn words(authority: &Authority) -> String {
    let endpoint = authority.endpoint.as_deref().unwrap_or("-");
    format!("{} {endpoint} {}", authority.kind.as_str(), authority.reason)
}

fn case(
    owner: Option<&'static str>,
    active: &'static [&'static str],
    candidates: Vec<Candidate>,
    authority: &'static str,
    alternates: &'static [&'static str],
) -> Case {
    Case {
        owner,
        active,
        candidates,
        authority,
        alternates,
    }
}

fn home() -> Candidate {
    repo("docs", Some("/docs"), said(10))
}

/// Each case has its authority, and every loser its reason.
fn hold(cases: &[Case]) {
    for case in cases {
        let judgement = judged(case, None);
        assert_eq!(words(&judgement.authority), case.authority);
        let told: Vec<_> = judgement
            .alternates
            .iter()
            .map(|a| format!("{} {}", a.endpoint, a.reason))
            .collect();
        assert_eq!(told, case.alternates, "{}", case.authority);
        let warnings = usize::from(case.active.len() > 1);
        assert_eq!(judgement.warnings.len(), warnings, "{}", case.authority);
    }
}

/// The owner's workspace of another ticket: a clone of the same home, so it lists this one too.
fn sibling(run: &str, held: Held) -> Candidate {
    Candidate {
        endpoint: format!("{run}--b-2"),
        kind: CandidateKind::Workspace {
            run_uid: run.into(),
            own: false,
        },
        ..workspace(run, held)
    }
}

#[test]
fn the_workspace_of_another_ticket_never_rules_however_late_it_was_changed() {
    hold(&[
        case(
            Some("r1"),
            &["r1"],
            vec![sibling("r1", said(99)), workspace("r1", said(1))],
            "Workspace r1--a-1 RunActive",
            &["r1--b-2 OtherTicket"],
        ),
        case(
            Some("r1"),
            &["r1"],
            vec![sibling("r1", said(99)), home()],
            "Repo docs RepoOfHome",
            &["r1--b-2 OtherTicket"],
        ),
    ]);
}

#[test]
fn the_owners_workspace_rules_if_it_lists_the_ticket() {
    hold(&[
        case(
            Some("r1"),
            &["r1"],
            vec![home(), workspace("r1", said(1))],
            "Workspace r1--a-1 RunActive",
            &["docs WorkspaceRules"],
        ),
        case(
            Some("r1"),
            &["r1"],
            vec![home(), workspace("r1", Held::Unlisted)],
            "Repo docs RepoOfHome",
            &["r1--a-1 TicketNotListed"],
        ),
        case(
            Some("r1"),
            &["r1"],
            vec![home(), workspace("r1", Held::NotAsked)],
            "Repo docs RepoOfHome",
            &["r1--a-1 NeverAnswered"],
        ),
        case(
            Some("r1"),
            &["r1", "r2"],
            vec![workspace("r2", said(99)), workspace("r1", said(1)), home()],
            "Workspace r1--a-1 RunActive",
            &["docs WorkspaceRules", "r2--a-1 NotOwner"],
        ),
    ]);
}

#[test]
fn without_an_active_owner_no_workspace_rules() {
    hold(&[
        case(None, &[], vec![], "None - NoEndpoint", &[]),
        case(None, &[], vec![home()], "Repo docs RepoOfHome", &[]),
        case(
            None,
            &[],
            vec![home(), workspace("r1", said(99))],
            "Repo docs RepoOfHome",
            &["r1--a-1 RunNotActive"],
        ),
        case(
            None,
            &[],
            vec![workspace("r1", said(99))],
            "None - RunNotActive",
            &["r1--a-1 RunNotActive"],
        ),
    ]);
}

#[test]
fn among_repositories_the_home_rules_and_ties_have_an_order() {
    let later = Candidate {
        indexed_at: Some(at(950)),
        ..repo("later", Some("/docs"), said(10))
    };
    hold(&[
        case(
            None,
            &[],
            vec![repo("other", Some("/other"), said(99)), home()],
            "Repo docs RepoOfHome",
            &["other OtherHome"],
        ),
        case(
            None,
            &[],
            vec![repo("other", Some("/other"), said(99))],
            "None - OtherHome",
            &["other OtherHome"],
        ),
        case(
            None,
            &[],
            vec![repo("named", None, said(1))],
            "Repo named RepoOfHome",
            &[],
        ),
        case(
            None,
            &[],
            vec![home(), repo("newer", None, said(11))],
            "Repo newer RepoOfHome",
            &["docs Older"],
        ),
        case(
            None,
            &[],
            vec![home(), later],
            "Repo later RepoOfHome",
            &["docs IndexedEarlier"],
        ),
        case(
            None,
            &[],
            vec![repo("b", None, said(1)), repo("a", None, said(1))],
            "Repo a RepoOfHome",
            &["b NameOrder"],
        ),
        case(
            None,
            &[],
            vec![repo("docs", None, Held::Twice)],
            "None - TicketTwice",
            &["docs TicketTwice"],
        ),
    ]);
}

fn alone(candidate: Candidate) -> Case {
    Case {
        owner: Some("r1"),
        active: &["r1"],
        candidates: vec![candidate],
        authority: "",
        alternates: &[],
    }
}

#[test]
fn an_endpoint_that_cannot_be_asked_stays_the_authority_and_is_stale() {
    let down = Candidate {
        reachable: false,
        ..workspace("r1", said(1))
    };
    let judgement = judged(&alone(down), None);
    assert_eq!(words(&judgement.authority), "Workspace r1--a-1 RunActive");
    assert!(judgement.record.unwrap().stale);
    let fresh = judged(&alone(workspace("r1", said(1))), None);
    assert!(!fresh.record.unwrap().stale);
    let old = Candidate {
        indexed_at: Some(at(1)),
        ..workspace("r1", said(1))
    };
    assert!(judged(&alone(old), None).record.unwrap().stale);
}

#[test]
fn what_was_recorded_speaks_for_an_endpoint_that_was_not_asked_since_a_restart() {
    let record = judged(&alone(workspace("r1", said(1))), None).record.unwrap();
    let unasked = Candidate {
        reachable: false,
        indexed_at: None,
        ..workspace("r1", Held::NotAsked)
    };
    let judgement = judged(&alone(unasked), Some(&record));
    assert_eq!(words(&judgement.authority), "Workspace r1--a-1 RunActive");
    assert_eq!(
        judgement.record,
        Some(Record {
            stale: true,
            ..record.clone()
        })
    );
    let nobody = Case {
        owner: None,
        active: &[],
        candidates: vec![],
        authority: "",
        alternates: &[],
    };
    assert_eq!(
        judged(&nobody, Some(&record)).record,
        Some(Record { stale: true, ..record })
    );
}

#[test]
fn a_page_is_the_tickets_and_not_the_sites() {
    let web = |candidate| judged(&alone(candidate), None).authority.web_url.unwrap();
    assert_eq!(web(repo("docs", None, said(1))), "http://docs/ticket/A-1");
    let site = Candidate {
        web_url: Some("http://m/docs/team/relay/A-1/".into()),
        ..workspace("r1", said(1))
    };
    assert_eq!(web(site), "http://m/docs/team/relay/A-1/");
}

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
