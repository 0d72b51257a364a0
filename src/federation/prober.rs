//! Asks every server again and again, each in a task of its own, and refreshes where it was told to: one thing at a time
//! per server, so a refresh is always alone. Tells the catalogue; decides nothing about any object.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::FutureExt as _;
use rand::RngExt as _;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::AbortHandle;
use tracing::{debug, error};

use super::catalogue::{Catalogue, News};
use super::known::{Facts, latency_step, step};
use super::metrics::FederationMetrics;
use super::round::{self, Answer};
use super::schedule;
use super::target::{Place, Problem, Target};
use crate::failpoint::boundary;
use crate::kernel::moment::Moment;
use crate::ports::clock::Clock;
use crate::ports::doc_source::{DocSource, DocsDoor};
use crate::ports::secrets::Credential;

/// How long a refresh may take: the real program needs a third of a second for 900 documents.
const REFRESH_LIMIT: Duration = Duration::from_mins(1);

/// How long somebody sleeps who is woken by a change.
const LONG: Duration = Duration::from_hours(1);

/// Reads the Secret that opens a server.
#[async_trait]
pub trait CredentialSource: Send + Sync {
    /// What the Secret holds now.
    async fn credential(&self, namespace: &str, secret: &str) -> Result<Credential, Problem>;
}

/// What the settings say about asking.
#[derive(Clone, Copy, Debug)]
pub struct ProberSettings {
    /// Rounds at the same time among servers that answered last time, or were never asked.
    pub healthy_lane: usize,
    /// Rounds at the same time among servers that failed last time: they never take a place from the others.
    pub failing_lane: usize,
}

impl Default for ProberSettings {
    /// 64 questions take little on our side; 16 that hang take 16 connections for their timeout.
    fn default() -> Self {
        Self {
            healthy_lane: 64,
            failing_lane: 16,
        }
    }
}

/// What the tasks work with.
pub struct Hands {
    pub source: Arc<dyn DocSource>,
    pub door: Arc<dyn DocsDoor>,
    pub credentials: Arc<dyn CredentialSource>,
    pub clock: Arc<dyn Clock>,
    pub metrics: FederationMetrics,
    catalogue: Arc<Catalogue>,
    news: mpsc::UnboundedSender<News>,
    healthy: Semaphore,
    failing: Semaphore,
}

/// The prober.
pub struct Prober {
    hands: Arc<Hands>,
    tasks: Mutex<HashMap<String, Asking>>,
}

struct Asking {
    wake: Arc<Notify>,
    task: AbortHandle,
}

impl Prober {
    /// A prober that asks nobody yet, and where its news come out.
    pub fn new(
        source: Arc<dyn DocSource>,
        door: Arc<dyn DocsDoor>,
        credentials: Arc<dyn CredentialSource>,
        clock: Arc<dyn Clock>,
        metrics: FederationMetrics,
        settings: ProberSettings,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<News>) {
        let (news, told) = mpsc::unbounded_channel();
        let hands = Hands {
            source,
            door,
            credentials,
            clock,
            metrics,
            catalogue: Arc::default(),
            news,
            healthy: Semaphore::new(settings.healthy_lane),
            failing: Semaphore::new(settings.failing_lane),
        };
        let prober = Self {
            hands: Arc::new(hands),
            tasks: Mutex::default(),
        };
        (Arc::new(prober), told)
    }

    /// What is known.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.hands.catalogue
    }

    /// Asks that endpoint from now on, in this way. Repeating it asks once more.
    pub fn ask(&self, target: Target) {
        let uid = target.uid.clone();
        let news = self.hands.catalogue.retarget(target);
        self.hands.tell(news);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        match tasks.get(&uid) {
            Some(asking) => asking.wake.notify_one(),
            None => {
                let wake = Arc::new(Notify::new());
                let task = tokio::spawn(ask_for_ever(self.hands.clone(), uid.clone(), wake.clone()));
                let task = task.abort_handle();
                tasks.insert(uid, Asking { wake, task });
            }
        }
    }

    /// Asks that endpoint once more, now: its server came or went.
    pub fn nudge(&self, namespace: &str, name: &str) {
        let Some(uid) = self.hands.catalogue.named(namespace, name) else {
            return;
        };
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asking) = tasks.get(&uid) {
            asking.wake.notify_one();
        }
    }

    /// Stops asking it and forgets what it said.
    pub fn forget(&self, uid: &str) {
        let gone = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
        if let Some(asking) = gone {
            asking.task.abort();
        }
        let known = self.hands.catalogue.of(uid);
        if let Some((target, _)) = known {
            self.hands.metrics.forget(&target);
        }
        let news = self.hands.catalogue.forget(uid);
        self.hands.tell(news);
    }

    /// Begins the refresh that was announced at that moment, unless it is known already.
    pub fn refresh(&self, uid: &str, announced: Moment) {
        if !self.hands.catalogue.take_off(uid, announced) {
            return;
        }
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asking) = tasks.get(uid) {
            asking.wake.notify_one();
        }
    }
}

impl Hands {
    fn tell(&self, news: Option<News>) {
        if let Some(news) = news {
            let _ = self.news.send(news);
        }
    }
}

/// The task of one endpoint.
async fn ask_for_ever(hands: Arc<Hands>, uid: String, wake: Arc<Notify>) {
    let mut failures: u32 = 0;
    let mut wait = hands
        .catalogue
        .of(&uid)
        .map_or(Duration::ZERO, |(target, _)| schedule::first(target.interval, dice()));
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = wake.notified() => {}
        }
        let Some((target, known)) = hands.catalogue.of(&uid) else {
            return;
        };
        if let Some(flight) = known.flight.filter(|f| f.outcome.is_none()) {
            refresh(&hands, &target, flight.announced).await;
        }
        if target.place == Place::Paused {
            hands.tell(hands.catalogue.told(&uid, None, |known| known.asked = true));
            wait = LONG;
            continue;
        }
        failures = one_round(&hands, &target, failures).await;
        wait = schedule::pause(target.interval, failures, dice());
    }
}

fn dice() -> f64 {
    rand::rng().random_range(0.0..1.0)
}

/// Asks once and tells the catalogue; how many rounds failed in a row by now.
async fn one_round(hands: &Hands, target: &Target, failures: u32) -> u32 {
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
            answered(hands, target, answer, took);
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
            failed(hands, target, &problem, failures);
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

fn answered(hands: &Hands, target: &Target, answer: Answer, took: Duration) {
    let Answer { url, facts, rows } = answer;
    let news = hands.catalogue.told(&target.uid, rows, |known| {
        known.asked = true;
        known.facts = Some(facts);
        known.trouble = None;
        known.failures = 0;
        known.latency = Some(latency_step(took, known.latency));
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
    let server = round::server(hands, target).await?;
    let refreshing = AssertUnwindSafe(hands.source.refresh(&server, REFRESH_LIMIT)).catch_unwind();
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
