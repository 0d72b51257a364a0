//! Runs the cases of a crash matrix side by side, and judges how each ends by how the undisturbed story ends. Knows no
//! story.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::{FutureExt as _, StreamExt as _};
use metawsm::failpoint::Caller;
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;

use super::crash_keeper::Point;
use super::crash_story::Ending;

/// Which cases are tried: the same in every run, so that a change is judged by what it changed. `METAWSM_TEST_SEED`
/// takes others.
const SEED: u64 = 20_261_121;
/// Stories side by side: they mostly wait.
const JOBS: usize = 3;

/// The cases of one matrix, and how many of them a bounded run tries.
pub struct Cases {
    /// Part of every run.
    pub always: Vec<Vec<Point>>,
    pub points: Vec<(&'static str, Caller)>,
    pub singles: usize,
    pub pairs: usize,
}

impl Cases {
    /// Each point in every way that its caller knows.
    fn singles(&self) -> Vec<Vec<Point>> {
        let actions = |caller| match caller {
            Caller::Goes => &["kill", "panic", "pause"][..],
            Caller::Fails => &["kill", "panic", "pause", "error"][..],
        };
        let points = self.points.iter();
        points
            .flat_map(|(name, caller)| actions(*caller).iter().map(|a| vec![Point::new(name, a)]))
            .collect()
    }

    /// Each kill, and each while it recovers from that.
    fn pairs(&self) -> Vec<Vec<Point>> {
        let kill = |(name, _): &(&str, Caller)| Point::new(name, "kill");
        let points = self.points.iter();
        points
            .flat_map(|a| self.points.iter().map(move |b| vec![kill(a), kill(b)]))
            .collect()
    }

    fn chosen(self) -> Vec<Vec<Point>> {
        if let Ok(case) = std::env::var("METAWSM_TEST_CASE") {
            return case.split(',').map(parsed).collect();
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
        let singles = some(self.singles(), most("METAWSM_CRASH_SINGLES", bounded(self.singles)));
        let pairs = some(self.pairs(), most("METAWSM_CRASH_PAIRS", bounded(self.pairs)));
        let missing = self.always.into_iter().filter(|case| !singles.contains(case)).collect();
        [missing, singles, pairs].concat()
    }
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

/// A case from its name.
pub fn parsed(case: &str) -> Vec<Point> {
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
    for line in want.keys().chain(have.keys()).collect::<BTreeSet<_>>() {
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

/// Tells the story undisturbed and with every case; each must end alike.
///
/// # Panics
/// Where one does not; the message names the cases.
pub async fn end_alike(cases: Cases, told: impl AsyncFn(&[Point]) -> Ending) {
    let (started, told) = (Instant::now(), &told);
    let undisturbed = told(&[]).await;
    let found = wrong(&undisturbed, &undisturbed.digest);
    assert_eq!(found, Vec::<String>::new(), "undisturbed");
    let expected = &undisturbed.digest;
    println!(
        "crash matrix: undisturbed story of {} lines in {:.1?}",
        expected.len(),
        started.elapsed()
    );
    let cases = cases.chosen();
    let (all, jobs) = (cases.len(), most("METAWSM_CRASH_JOBS", JOBS));
    let tries = futures::stream::iter(cases).map(|case| async move {
        let began = Instant::now();
        // What fails in one story must not end the others.
        let ended = AssertUnwindSafe(told(&case)).catch_unwind().await;
        let (second, found) = match &ended {
            Ok(ending) => (ending.happened.get(1).copied(), wrong(ending, expected)),
            Err(_) => (
                None,
                vec!["the story did not come to its end; its panic says where".to_owned()],
            ),
        };
        report(&case, began.elapsed(), &found);
        (case, second, found)
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
