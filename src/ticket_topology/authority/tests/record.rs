//! What is kept of an authority's answer, and when it counts as stale.

use super::{Candidate, Case, Held, Record, alone, at, judged, repo, said, words, workspace};

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
