//! The crash matrix: one story, interrupted at every failpoint in every way, and by pairs of crashes, the second while
//! it recovers from the first. Each must end as the undisturbed story does.
//!
//! `METAWSM_TEST_CASE='drive.after_effect=kill'` (or two, with `+` between) tries only that. `METAWSM_TEST_SEED` chooses
//! what a bounded run tries, `METAWSM_CRASH_SINGLES` and `METAWSM_CRASH_PAIRS` how much (`all`, or how many), and
//! `METAWSM_CRASH_JOBS` how many stories go on side by side.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{FutureExt as _, StreamExt as _};
use metawsm::failpoint::{ALL, Caller};
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;

use super::crash_keeper::Point;
use super::crash_story::{Ending, told};

/// Failpoints that this story does not come by, and why.
const ELSEWHERE: [(&str, &str); 14] = [
    (
        "forum_thread.after_archive",
        "needs a closed thread past its retention: story_forum_retention",
    ),
    (
        "forum_thread.after_remove_archived",
        "needs a closed thread past its retention: story_forum_retention",
    ),
    (
        "run.after_forget",
        "comes when an inspection is due again, by the clock",
    ),
    ("run.after_enter", "needs --max-active-runs: it writes nothing"),
    (
        "step.seed.unverified",
        "needs an agent that edits during the exchange: tests/seed_histories",
    ),
    (
        "step.seed.after_putting_back",
        "needs an agent that edits during the exchange: tests/seed_histories",
    ),
    (
        "housekeeping.after_workspace_rename",
        "needs folders as old as their retention",
    ),
    (
        "housekeeping.after_folder_rename",
        "needs folders as old as their retention",
    ),
    (
        "housekeeping.after_cache_rename",
        "needs folders as old as their retention",
    ),
    (
        "service.after_setback",
        "needs a server that ends by itself: tests/services",
    ),
    ("undecodable.after_release", "needs an object that the schema refuses"),
    (
        "relay.after_new_log",
        "needs a database older than the stream: tests/history",
    ),
    ("recover.after_adopt", "needs a lost database: crash_lost_database"),
    (
        "step.seed.between_renames",
        "only where the file system cannot exchange two folders",
    ),
];

/// Cases that once found a bug: part of every run.
const FOUND: [&str; 3] = [
    "sqlite.after_commit=panic",
    "vanished.before_record=error",
    "executor.after_spawn=panic",
];

/// What a bounded run tries: about a minute and a half on two busy cores.
const SINGLES: usize = 10;
const PAIRS: usize = 3;
/// Which ones: the same in every run, so that a change is judged by what it changed. `METAWSM_TEST_SEED` takes others.
const SEED: u64 = 20_261_121;
/// Stories side by side: they mostly wait.
const JOBS: usize = 3;

fn reachable() -> impl Iterator<Item = (&'static str, Caller)> {
    ALL.into_iter()
        .filter(|(name, _)| !ELSEWHERE.iter().any(|(n, _)| n == name))
}

fn singles() -> Vec<Vec<Point>> {
    let actions = |caller| match caller {
        Caller::Goes => &["kill", "panic", "pause"][..],
        Caller::Fails => &["kill", "panic", "pause", "error"][..],
    };
    reachable()
        .flat_map(|(name, caller)| actions(caller).iter().map(move |a| vec![Point::new(name, a)]))
        .collect()
}

fn pairs() -> Vec<Vec<Point>> {
    let kill = |name| Point::new(name, "kill");
    let names: Vec<_> = reachable().map(|(name, _)| name).collect();
    names
        .iter()
        .flat_map(|a| names.iter().map(move |b| vec![kill(a), kill(b)]))
        .collect()
}

/// How many of a list are wanted.
fn most(variable: &str, bounded: usize) -> usize {
    match std::env::var(variable).as_deref() {
        Ok("all") => usize::MAX,
        Ok(count) => count
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is 'all' or a number, not '{count}'")),
        Err(_) => bounded,
    }
}

fn cases() -> Vec<Vec<Point>> {
    if let Ok(case) = std::env::var("METAWSM_TEST_CASE") {
        return vec![parsed(&case)];
    }
    let seed = std::env::var("METAWSM_TEST_SEED").ok().and_then(|s| s.parse().ok());
    let seed = seed.unwrap_or(SEED);
    println!("crash matrix: METAWSM_TEST_SEED={seed}");
    let mut dice = rand::rngs::StdRng::seed_from_u64(seed);
    let mut some = |mut all: Vec<Vec<Point>>, most: usize| {
        all.shuffle(&mut dice);
        all.truncate(most);
        all
    };
    let every = std::env::var("METAWSM_TEST_FULL").is_ok_and(|v| v == "1");
    let bounded = |count| if every { usize::MAX } else { count };
    let singles = some(singles(), most("METAWSM_CRASH_SINGLES", bounded(SINGLES)));
    let found = FOUND
        .into_iter()
        .map(parsed)
        .filter(|case| !singles.contains(case))
        .collect();
    [
        found,
        singles,
        some(pairs(), most("METAWSM_CRASH_PAIRS", bounded(PAIRS))),
    ]
    .concat()
}

fn parsed(case: &str) -> Vec<Point> {
    let point = |text: &str| {
        let (name, action) = text.split_once('=').expect("a case is <failpoint>=<action>");
        Point::new(name, action)
    };
    case.split('+').map(point).collect()
}

fn name_of(case: &[Point]) -> String {
    case.iter().map(Point::to_string).collect::<Vec<_>>().join("+")
}

/// What is wrong with how a story ended.
fn wrong(ending: &Ending, undisturbed: &[String]) -> Vec<String> {
    let mut wrong: Vec<_> = ending
        .flaws
        .iter()
        .map(|f| format!("{:?}: {}", f.broken, f.what))
        .collect();
    wrong.extend(ending.leaks.iter().cloned());
    let (want, have) = (counted(undisturbed), counted(&ending.digest));
    for line in want
        .keys()
        .chain(have.keys())
        .collect::<std::collections::BTreeSet<_>>()
    {
        let (want, have) = (want.get(line).unwrap_or(&0), have.get(line).unwrap_or(&0));
        if want != have {
            wrong.push(format!("{have} times instead of {want}: {line}"));
        }
    }
    if !ending.happened.first().unwrap_or(&true) {
        wrong.push("the story did not come by this failpoint".to_owned());
    }
    wrong
}

fn counted(lines: &[String]) -> BTreeMap<&String, usize> {
    let mut counts = BTreeMap::new();
    for line in lines {
        *counts.entry(line).or_insert(0) += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_stories_end_as_the_undisturbed_one() {
    let started = Instant::now();
    let undisturbed = told(&[]).await;
    assert_eq!(
        wrong(&undisturbed, &undisturbed.digest),
        Vec::<String>::new(),
        "undisturbed"
    );
    println!(
        "crash matrix: undisturbed story of {} lines in {:.1?}",
        undisturbed.digest.len(),
        started.elapsed()
    );
    let expected = Arc::new(undisturbed.digest);
    let cases = cases();
    let (all, jobs) = (cases.len(), most("METAWSM_CRASH_JOBS", JOBS));
    let tries = futures::stream::iter(cases).map(|case| {
        let expected = expected.clone();
        async move {
            let began = Instant::now();
            // What fails in one story must not end the others.
            let ended = AssertUnwindSafe(told(&case)).catch_unwind().await;
            let (second, found) = match &ended {
                Ok(ending) => (ending.happened.get(1).copied(), wrong(ending, &expected)),
                Err(_) => (
                    None,
                    vec!["the story did not come to its end; its panic says where".to_owned()],
                ),
            };
            report(&case, began.elapsed(), &found);
            (case, second, found)
        }
    });
    let done: Vec<_> = tries.buffer_unordered(jobs).collect().await;
    let failed: Vec<_> = done
        .iter()
        .filter(|(_, _, f)| !f.is_empty())
        .map(|(c, _, _)| name_of(c))
        .collect();
    let pairs = done.iter().filter(|(c, _, _)| c.len() == 2).count();
    let twice = done.iter().filter(|(_, second, _)| *second == Some(true)).count();
    println!(
        "crash matrix: {all} stories ({pairs} with a second crash, which came in {twice}), {} failed, in {:.0?}",
        failed.len(),
        started.elapsed()
    );
    assert!(failed.is_empty(), "try one again with METAWSM_TEST_CASE: {failed:#?}");
}

fn report(case: &[Point], took: Duration, found: &[String]) {
    let verdict = if found.is_empty() { "ok" } else { "FAILED" };
    println!("crash matrix: {verdict} {} ({took:.1?})", name_of(case));
    for line in found {
        println!("    {line}");
    }
}
