//! Finds folders that nobody needs any more, tells of them, and sweeps them once they have been so for long enough.
//!
//! ```text
//! list (what lies there) ─▶ living (who is alive, asked afterwards) ─▶ ledger (since when) ─▶ judge ─▶ sweep
//! ```
//!
//! A folder of a living Run is never touched; a folder that we did not make is told of and left. Anything in doubt
//! stays. Knows nothing of Runs but their uids and paths; starts nothing for them.

pub mod found;
pub mod judge;
pub mod ledger;
mod list;
pub mod metrics;
mod sweep;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::found::{Found, Kind, Living};
use self::judge::{Retention, Verdict, judge};
use self::ledger::Ledger;
use self::list::list;
use self::metrics::HousekeepingMetrics;
use self::sweep::{Shelf, Swept};
use crate::adapters::disk;
use crate::adapters::nofollow::Folder;
use crate::kernel::moment::{Moment, in_words};
use crate::ports::clock::Clock;
use crate::ports::executor::Executor;

/// Where everything lies.
#[derive(Clone, Debug)]
pub struct Places {
    /// `<root>/<namespace>/<run>/<ticket>`, and `<root>/.orphans`.
    pub workspaces: PathBuf,
    pub caches: PathBuf,
    /// `<steps>/<run uid>`.
    pub steps: PathBuf,
    /// Where it is written down since when something is not needed.
    pub ledger: PathBuf,
    /// Only folders of this namespace are ours to judge; `None`: all.
    pub namespace: Option<String>,
}

/// How housekeeping is done.
#[derive(Clone, Debug)]
pub struct HousekeepingSettings {
    pub places: Places,
    pub interval: Duration,
    pub retention: Retention,
}

/// Who is alive: to be asked anew whenever it matters.
pub type Census = dyn Fn() -> Living + Send + Sync;

/// The housekeeper.
pub struct Housekeeper {
    settings: HousekeepingSettings,
    census: Arc<Census>,
    executor: Arc<dyn Executor>,
    clock: Arc<dyn Clock>,
    metrics: HousekeepingMetrics,
    /// What was told, with its size: orphans do not grow, and measuring reads every folder in them.
    told: BTreeMap<String, u64>,
    /// The last round, by both clocks.
    last: Option<(Moment, Instant)>,
}

impl Housekeeper {
    /// `census` must come from a complete cache.
    pub fn new(
        settings: HousekeepingSettings,
        census: Arc<Census>,
        executor: Arc<dyn Executor>,
        clock: Arc<dyn Clock>,
        metrics: HousekeepingMetrics,
    ) -> Self {
        Self {
            settings,
            census,
            executor,
            clock,
            metrics,
            told: BTreeMap::new(),
            last: None,
        }
    }

    /// Keeps house until asked to stop.
    pub async fn work(mut self, stop: CancellationToken) {
        loop {
            let (done, doomed) = match tokio::task::spawn_blocking(move || {
                let doomed = self.round();
                (self, doomed)
            })
            .await
            {
                Ok(done) => done,
                Err(error) => {
                    warn!(%error, "housekeeping failed; it ends here");
                    stop.cancelled().await;
                    return;
                }
            };
            self = done;
            for uid in doomed {
                self.forget_steps(&uid).await;
            }
            tokio::select! {
                () = tokio::time::sleep(self.settings.interval) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// One round; the uids of Runs whose steps are to be forgotten. What fails is told and left for the next round.
    fn round(&mut self) -> Vec<String> {
        self.keep_house().unwrap_or_else(|error| {
            warn!(%error, "housekeeping failed; trying again later");
            self.metrics.failures.inc();
            vec![]
        })
    }

    fn keep_house(&mut self) -> std::io::Result<Vec<String>> {
        let (places, now) = (self.settings.places.clone(), self.clock.now());
        let sweeper = Shelf::of(&places);
        sweeper.empty_trash(&(self.census)())?;
        // Listed first: whoever made what is there was in the cache by then, unless it is gone.
        let all = list(&places)?;
        let living = (self.census)();
        sweeper.remove_empty_runs(&living, places.namespace.as_deref())?;
        let unneeded: Vec<_> = all.iter().filter(|f| !living.needs(f)).collect();
        let mut ledger = Ledger::load(&places.ledger)?;
        ledger.follow_clocks(self.last.map(|(at, then)| (at, then.elapsed())), now);
        self.last = Some((now, Instant::now()));
        let ids: BTreeSet<_> = unneeded.iter().map(|f| f.id()).collect();
        ledger.see(&ids, now);
        let verdicts: Vec<_> = unneeded
            .iter()
            .map(|f| (*f, judge(f, ledger.since(&f.id()), now, &self.settings.retention)))
            .collect();
        self.tell(&verdicts);
        // Whatever is swept now is not in the ledger any more: what takes its name later begins anew, whenever we die.
        let doomed: Vec<_> = verdicts
            .iter()
            .filter(|(_, v)| *v == Verdict::Sweep)
            .map(|(f, _)| *f)
            .collect();
        for found in &doomed {
            ledger.forget(&found.id());
        }
        ledger.save(&places.ledger)?;
        let mut steps = vec![];
        for found in doomed {
            match &found.kind {
                Kind::Steps { uid, .. } => steps.push(uid.clone()),
                _ => self.sweep(&sweeper, found),
            }
        }
        self.count_caches(&places);
        Ok(steps)
    }

    fn sweep(&mut self, sweeper: &Shelf, found: &Found) {
        let (kind, path) = (found.kind.word(), found.path.display());
        // The census is asked once more, after what is to go was locked.
        match sweeper.sweep(found, &|| !(self.census)().needs(found)) {
            Ok(Swept::Gone) => {
                let bytes = self.told.remove(&found.id()).unwrap_or_default();
                self.metrics.swept(kind, bytes);
                info!(kind, %path, bytes, "swept");
            }
            Ok(Swept::Left(why)) => info!(kind, %path, why, "not swept"),
            Err(error) => {
                self.metrics.failures.inc();
                warn!(kind, %path, %error, "not swept; counting its age from now on");
            }
        }
    }

    async fn forget_steps(&mut self, uid: &str) {
        let living = (self.census)();
        if living.runs.contains(uid) {
            return;
        }
        match self.executor.forget_run(uid).await {
            Ok(()) => {
                self.metrics.swept("steps", 0);
                info!(kind = "steps", uid, "swept");
            }
            Err(error) => {
                self.metrics.failures.inc();
                warn!(kind = "steps", uid, %error, "not swept");
            }
        }
    }

    /// Logs each thing once and counts all.
    fn tell(&mut self, verdicts: &[(&Found, Verdict)]) {
        let ids: BTreeSet<_> = verdicts.iter().map(|(f, _)| f.id()).collect();
        self.told.retain(|id, _| ids.contains(id));
        let mut sums: BTreeMap<&'static str, (i64, u64)> = BTreeMap::new();
        for (found, verdict) in verdicts {
            let known = self.told.get(&found.id()).copied();
            let bytes = known.unwrap_or_else(|| found.measure());
            let (kind, path) = (found.kind.word(), found.path.display());
            if known.is_none() {
                match verdict {
                    Verdict::Foreign => {
                        info!(kind, %path, bytes, "lies among the workspaces and is not ours; it is left alone");
                    }
                    Verdict::Keep { left } => {
                        info!(kind, %path, bytes, left = in_words(*left), "belongs to no Run; it will be swept");
                    }
                    Verdict::Sweep => info!(kind, %path, bytes, "belongs to no Run; sweeping it now"),
                }
                self.told.insert(found.id(), bytes);
            }
            let sum = sums.entry(kind).or_default();
            (sum.0, sum.1) = (sum.0 + 1, sum.1.saturating_add(bytes));
        }
        self.metrics.show_orphans(&sums);
    }

    fn count_caches(&self, places: &Places) {
        let used = Folder::open_trusted(&places.caches).and_then(|caches| disk::used_by(&caches));
        self.metrics.show_caches(used.map_or(0, |usage| usage.bytes));
    }
}
