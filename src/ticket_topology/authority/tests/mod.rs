//! The merge rule: a table of cases, and its five promises for all inputs.

mod promises;
mod record;
mod ruling;

use std::time::Duration;

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

fn alone(candidate: Candidate) -> Case {
    Case {
        owner: Some("r1"),
        active: &["r1"],
        candidates: vec![candidate],
        authority: "",
        alternates: &[],
    }
}
