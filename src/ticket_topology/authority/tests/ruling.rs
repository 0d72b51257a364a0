//! Tables: who rules, and why each other lost.

use super::{Candidate, Held, at, case, hold, home, repo, said, sibling, workspace};

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
