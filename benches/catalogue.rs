//! How long the merge rule takes over 100,000 tickets beside a plain sort of the same rows, in one run and in turn, medians
//! of several rounds. The rows are of 200 endpoints; each ticket has two copies.
//!
//! `BENCH_ROUNDS` sets the rounds.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use metawsm::kernel::moment::Moment;
use metawsm::ticket_topology::authority::{Candidate, CandidateKind, Held, Question, Said, judge};

const TICKETS: usize = 100_000;
const COPIES: usize = 2;

/// One ticket as one endpoint lists it.
type Row = (String, Candidate);

fn main() {
    let rounds = std::env::var("BENCH_ROUNDS")
        .ok()
        .and_then(|r| r.parse().ok())
        .unwrap_or(5);
    let rows = rows();
    let (mut sorts, mut merges) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let copy = rows.clone();
        sorts.push(timed(|| sorted(copy).len()));
        let copy = rows.clone();
        merges.push(timed(|| merged(copy)));
    }
    let (sort, merge) = (median(&mut sorts), median(&mut merges));
    println!(
        "catalogue merge: {TICKETS} tickets, {} rows, median of {rounds} rounds",
        rows.len()
    );
    println!("{:>12} {:>12} {:>12}", "sort", "merge", "merge/sort");
    println!(
        "{sort:>12.1?} {merge:>12.1?} {:>12.2}",
        merge.as_secs_f64() / sort.as_secs_f64()
    );
}

fn rows() -> Vec<Row> {
    let row = |n: usize| {
        // Spread, so that no order of before helps the sort.
        let spread = n.wrapping_mul(7919) % (TICKETS * COPIES);
        let (ticket, copy) = (spread % TICKETS, spread / TICKETS);
        let said = Said {
            title: format!("Work on ticket {ticket}"),
            status: "active".to_owned(),
            topics: vec!["auth".to_owned()],
            updated_at: Moment::from_millis(i64::try_from(spread % 977).unwrap_or(0)),
        };
        let candidate = Candidate {
            endpoint: format!("docs-{}", ticket % 100 * COPIES + copy),
            kind: CandidateKind::Repo,
            repo: "docs".to_owned(),
            home: Some("/srv/docs".to_owned()),
            web_url: Some("https://docs.example.com".to_owned()),
            reachable: true,
            indexed_at: Moment::from_millis(1_000),
            stale_after: Duration::from_secs(900),
            held: Held::Listed(said),
        };
        (format!("ticket-{ticket}"), candidate)
    };
    (0..TICKETS * COPIES).map(row).collect()
}

fn updated((_, candidate): &Row) -> Option<Moment> {
    match &candidate.held {
        Held::Listed(said) => said.updated_at,
        Held::Twice | Held::Unlisted | Held::NotAsked => None,
    }
}

/// What anybody would write: by ticket, the newest first.
fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by(|a, b| (&a.0, updated(b), &a.1.endpoint).cmp(&(&b.0, updated(a), &b.1.endpoint)));
    rows
}

/// The rule: the rows by ticket, then a judgement for each.
fn merged(mut rows: Vec<Row>) -> usize {
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    let (nobody, now) = (BTreeSet::new(), Moment::from_millis(2_000).expect("a moment"));
    let mut judged = 0;
    for group in rows.chunk_by(|a, b| a.0 == b.0) {
        let question = Question {
            ticket: &group[0].0,
            home: Some("/srv/docs"),
            home_repo: "docs",
            owner: None,
            active: &nobody,
            recorded: None,
        };
        let candidates: Vec<_> = group.iter().map(|(_, candidate)| candidate.clone()).collect();
        let judgement = judge(&question, &candidates, now);
        assert_eq!(judgement.alternates.len(), candidates.len() - 1);
        judged += 1;
    }
    assert_eq!(judged, TICKETS);
    judged
}

fn timed(work: impl FnOnce() -> usize) -> Duration {
    let began = Instant::now();
    std::hint::black_box(work());
    began.elapsed()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
