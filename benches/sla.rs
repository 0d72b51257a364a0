//! How long 100,000 deadlines of one second take in the pure engine: what is due, and what falls due next, for each.
//! Beside it, in the same run and in turn, a plain sort of 100,000 deadlines. Goal: well below the second in which they
//! fall due.

use std::hint::black_box;
use std::time::{Duration, Instant};

use metawsm::forum_thread::sla::Entry;
use metawsm::kernel::ladder::Ladder;
use metawsm::kernel::moment::Moment;

const MANY: i64 = 100_000;

fn main() {
    let rungs = (1..=10).map(|n| Duration::from_secs(n * 1800)).collect();
    let ladder = Ladder::new(rungs, Some(Duration::from_secs(600))).expect("it is a ladder");
    let now = Moment::from_millis(1_800_000_000_000).expect("a moment");
    // Spread over the ladder and its repeats, all due within the last second.
    let entries: Vec<_> = (0..MANY).map(|n| entry(&ladder, now, n)).collect();
    let rounds = std::env::var("BENCH_ROUNDS")
        .ok()
        .and_then(|r| r.parse().ok())
        .unwrap_or(9_usize);
    let (mut engine, mut sorts) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let started = Instant::now();
        let due: usize = entries
            .iter()
            .map(|e| e.due(now).len() + usize::from(black_box(e.deadline()).is_some()))
            .sum();
        engine.push(started.elapsed());
        assert_eq!(due, 2 * entries.len(), "each has one level due and one to come");
        let mut deadlines: Vec<_> = entries
            .iter()
            .map(|e| (e.since.as_millis() * 48_271) % 2_147_483_647)
            .collect();
        let started = Instant::now();
        deadlines.sort_unstable();
        black_box(&deadlines);
        sorts.push(started.elapsed());
    }
    engine.sort_unstable();
    sorts.sort_unstable();
    let (engine, sort) = (engine[rounds / 2], sorts[rounds / 2]);
    println!(
        "{MANY} deadlines, median of {rounds}: engine {engine:.1?}, sort {sort:.1?}, ratio {:.1}",
        engine.as_secs_f64() / sort.as_secs_f64()
    );
    assert!(
        engine < Duration::from_secs(1),
        "they fall due faster than they are told"
    );
}

fn entry(ladder: &Ladder, now: Moment, n: i64) -> Entry<'_> {
    let level = u32::try_from(n % 30).unwrap_or(0) + 1;
    let zero = Moment::from_millis(0).expect("a moment");
    let offset = ladder
        .deadline(zero, level)
        .expect("the last level repeats")
        .as_millis();
    Entry {
        since: Moment::from_millis(now.as_millis() - offset - n % 1000).expect("a moment"),
        ladder,
        fired: level - 1,
    }
}
