//! Waiting for something to come true, by looking again and again until a deadline. The only place that sleeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

/// What a whole story may take from one step to the next on two cores that others keep busy too: a deadline costs nothing
/// but where a test fails.
pub const PATIENCE: Duration = Duration::from_secs(240);
/// How often it is looked again: often enough that nobody waits, seldom enough to leave the cores to the others.
const GLANCE: Duration = Duration::from_millis(60);

/// `METAWSM_TEST_PATIENCE` cuts every deadline to so many seconds: for tests that are meant to fail.
fn cut(deadline: Duration) -> Duration {
    let most = std::env::var("METAWSM_TEST_PATIENCE").ok();
    let most = most.map(|s| Duration::from_secs(s.parse().expect("METAWSM_TEST_PATIENCE is a number of seconds")));
    most.map_or(deadline, |most| most.min(deadline))
}

/// The first answer that `look` gives; `None` when there was none before the deadline.
pub async fn first<T>(deadline: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let (started, deadline) = (Instant::now(), cut(deadline));
    loop {
        if let Some(found) = look().await {
            return Some(found);
        }
        if started.elapsed() >= deadline {
            return None;
        }
        tokio::time::sleep(GLANCE).await;
    }
}

/// The first answer that `look` gives.
///
/// # Panics
/// When there was none within [`PATIENCE`]; the message says what was waited for.
pub async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    within(PATIENCE, what, look).await
}

/// As [`eventually`], with a deadline of its own.
pub async fn within<T>(deadline: Duration, what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = first(deadline, look).await;
    found.unwrap_or_else(|| panic!("not within {deadline:?}: {what}"))
}

/// Looks for a while and fails as soon as `look` finds something: for what must not happen.
pub async fn never_within(length: Duration, what: &str, look: impl AsyncFnMut() -> Option<String>) {
    if let Some(found) = first(length, look).await {
        panic!("must not happen: {what}: {found}");
    }
}

/// For how long the machine kept this process from going on, and with it those that are tested: for what has to happen
/// within a time that is measured from outside. On a runtime with several threads.
pub struct Standstill {
    lost: Arc<AtomicU64>,
    watch: JoinHandle<()>,
}

impl Standstill {
    pub fn from_now() -> Self {
        let lost = Arc::new(AtomicU64::new(0));
        let counted = lost.clone();
        let watch = tokio::spawn(async move {
            loop {
                let glanced = Instant::now();
                tokio::time::sleep(GLANCE).await;
                let late = glanced.elapsed().saturating_sub(2 * GLANCE);
                counted.fetch_add(u64::try_from(late.as_millis()).unwrap(), Ordering::Relaxed);
            }
        });
        Self { lost, watch }
    }

    pub fn so_far(&self) -> Duration {
        Duration::from_millis(self.lost.load(Ordering::Relaxed))
    }
}

impl Drop for Standstill {
    fn drop(&mut self) {
        self.watch.abort();
    }
}
