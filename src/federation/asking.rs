//! Asks one server again and again, and refreshes it where that was announced: one thing at a time per server, so a refresh
//! is always alone. Tells the catalogue; decides nothing about any object.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use rand::RngExt as _;
use tokio::sync::Notify;
use tracing::{debug, error};

use super::known::{Facts, latency_step, step};
use super::prober::Hands;
use super::round::{self, Answer};
use super::schedule;
use super::target::{Place, Problem, Target};
use crate::failpoint::{boundary, sabotaged};
use crate::kernel::moment::Moment;

/// How long a refresh may take: the real program needs a third of a second for 900 documents.
const REFRESH_LIMIT: Duration = Duration::from_mins(1);
/// Rounds in a row that make another latency worth a write: a busy machine is slow now and then.
const PATIENCE: u32 = 10;
/// After a bug of ours: long enough not to fill the log with it.
const AFTER_PANIC: Duration = Duration::from_secs(5);
/// How long somebody sleeps who is woken by a change.
const LONG: Duration = Duration::from_hours(1);

/// The task of one endpoint. What panics in it ends a round and not the asking.
pub async fn ask_for_ever(hands: Arc<Hands>, uid: String, wake: Arc<Notify>) {
    while AssertUnwindSafe(rounds(&hands, &uid, &wake))
        .catch_unwind()
        .await
        .is_err()
    {
        error!(uid, "asking an endpoint panicked, and goes on; this is a bug");
        tokio::time::sleep(AFTER_PANIC).await;
    }
}

/// Round after round, until the endpoint is gone.
async fn rounds(hands: &Hands, uid: &str, wake: &Notify) {
    let (mut failures, mut outside): (u32, u32) = (0, 0);
    let mut wait = hands
        .catalogue
        .of(uid)
        .map_or(Duration::ZERO, |(target, _)| schedule::first(target.interval, dice()));
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = wake.notified() => {}
        }
        let Some((target, known)) = hands.catalogue.of(uid) else {
            return;
        };
        if let Some(flight) = known.flight.filter(|f| f.outcome.is_none()) {
            refresh(hands, &target, flight.announced).await;
        }
        if target.place == Place::Paused {
            hands.tell(hands.catalogue.told(uid, None, |known| known.asked = true));
            wait = LONG;
            continue;
        }
        failures = one_round(hands, &target, failures, &mut outside).await;
        wait = schedule::pause(target.interval, failures, dice());
    }
}

fn dice() -> f64 {
    rand::rng().random_range(0.0..1.0)
}

/// Asks once and tells the catalogue; how many rounds failed in a row by now.
async fn one_round(hands: &Hands, target: &Target, failures: u32, outside: &mut u32) -> u32 {
    let known = hands.catalogue.facts(&target.uid);
    let began = Instant::now();
    let asked = match &target.place {
        Place::Nowhere(problem) => Err(problem.clone()),
        Place::Paused | Place::Written { .. } | Place::Served { .. } => {
            within_budget(hands, target, known.as_ref(), failures).await
        }
    };
    let took = began.elapsed();
    boundary("federation.after_answer");
    match asked {
        Ok((answer, took)) => {
            hands.metrics.answered(target, &answer.facts, took);
            answered(hands, target, answer, outside);
            0
        }
        Err(problem) => {
            let failures = failures.saturating_add(1);
            hands.metrics.failed(target, problem.code, took);
            debug!(
                namespace = target.namespace,
                endpoint = target.name,
                code = problem.code,
                "no answer"
            );
            if !sabotaged("sabotage.federation.keeps_failures_quiet") {
                failed(hands, target, &problem, failures);
            }
            failures
        }
    }
}

/// Waits for a place in its lane, then asks within the endpoint's own budget. A panic is one endpoint's failure.
async fn within_budget(
    hands: &Hands,
    target: &Target,
    known: Option<&Facts>,
    failures: u32,
) -> Result<(Answer, Duration), Problem> {
    let lane = if failures == 0 { &hands.healthy } else { &hands.failing };
    let _place = lane.acquire().await;
    let began = Instant::now();
    let asking = AssertUnwindSafe(round::ask(hands, target, known)).catch_unwind();
    match tokio::time::timeout(target.timeout, asking).await {
        Ok(Ok(answer)) => answer.map(|answer| (answer, began.elapsed())),
        Ok(Err(_)) => {
            error!(
                endpoint = target.name,
                namespace = target.namespace,
                "asking panicked; this is a bug"
            );
            Err(Problem::passing(
                "AskingFailed",
                "the controller met a bug in itself here; its log says where",
            ))
        }
        Err(_) => Err(Problem::passing(
            "TimedOut",
            format!(
                "no whole answer within {:?}; if the server is healthy, raise spec.timeout",
                target.timeout
            ),
        )),
    }
}

fn answered(hands: &Hands, target: &Target, answer: Answer, outside: &mut u32) {
    let Answer { url, facts, took, rows } = answer;
    let news = hands.catalogue.told(&target.uid, rows, |known| {
        known.asked = true;
        known.facts = Some(facts);
        known.trouble = None;
        known.failures = 0;
        known.latency = Some(steady(latency_step(took, known.latency), known.latency, outside));
        known.url = Some(url);
    });
    hands.tell(news);
}

fn failed(hands: &Hands, target: &Target, problem: &Problem, failures: u32) {
    let now = hands.clock.now();
    let news = hands.catalogue.told(&target.uid, None, |known| {
        let since = match &known.trouble {
            Some((before, since)) if before.code == problem.code => *since,
            Some(_) | None => now,
        };
        known.asked = true;
        // Words that only differ in a number are not news: the first of a kind stay.
        let words = match known.trouble.take() {
            Some((before, _)) if before.code == problem.code && !is_wiring(problem) => before,
            Some(_) | None => problem.clone(),
        };
        known.trouble = Some((words, since));
        known.failures = step(failures);
    });
    hands.tell(news);
}

/// What stands in the spec may change without the code changing: those words are kept up to date.
fn is_wiring(problem: &Problem) -> bool {
    problem.needs_somebody
}

/// Has the index built anew, and tells how that went.
async fn refresh(hands: &Hands, target: &Target, announced: Moment) {
    let outcome = refreshed(hands, target).await;
    boundary("federation.after_refresh");
    hands.metrics.refreshed(outcome.is_ok());
    let news = hands.catalogue.told(&target.uid, None, |known| {
        if let Some(flight) = known.flight.as_mut().filter(|f| f.announced == announced) {
            flight.outcome = Some(outcome);
        }
    });
    hands.tell(news);
}

async fn refreshed(hands: &Hands, target: &Target) -> Result<Moment, Problem> {
    let found = round::find(hands, target).await?;
    let refreshing = AssertUnwindSafe(hands.source.refresh(&found.server, REFRESH_LIMIT)).catch_unwind();
    match tokio::time::timeout(REFRESH_LIMIT, refreshing).await {
        Ok(Ok(answer)) => answer.map(|r| r.indexed_at).map_err(round::problem),
        Ok(Err(_)) => Err(Problem::passing(
            "AskingFailed",
            "the controller met a bug in itself here; its log says where",
        )),
        Err(_) => Err(Problem::passing(
            "TimedOut",
            format!("the server was not done with its refresh within {REFRESH_LIMIT:?}"),
        )),
    }
}

/// The step of the latency that is told: another one only once so many rounds in a row were in another.
fn steady(step: Duration, told: Option<Duration>, outside: &mut u32) -> Duration {
    let Some(told) = told.filter(|told| *told != step) else {
        *outside = 0;
        return step;
    };
    *outside += 1;
    if *outside < PATIENCE {
        return told;
    }
    *outside = 0;
    step
}
