//! One controller works at a time: a Lease, judged by how long it stands still on our own clock, never by comparing
//! clocks. Loss is final: the process drains and ends. Nothing here fences stores; no write starts after the deadline.

mod judge;
mod leadership;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::Client;
use kube::api::Api;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use self::judge::{Move, Seen, decide};
pub use self::leadership::Leadership;
use super::finalizer::post_params;
use crate::failpoint::{boundary, sabotaged};
use crate::kernel::finalizers::LEASE_MANAGER;
use crate::ports::clock::Clock;

/// Annotation on the Lease: how far the event log had come, so that a restored database is noticed.
const LOG_MARK: &str = "metawsm.dev/log";
/// Who stands by and hears nothing for so many durations of the Lease ends: a new start reads addresses, tokens and
/// authorities anew. With the default of 15 s it is two minutes; tokens and authorities in files are read again in one.
const UNHEARD: u32 = 8;

/// Names and times of the election.
#[derive(Clone, Debug)]
pub struct LeaseConfig {
    pub namespace: String,
    pub name: String,
    /// Who we are; must differ between processes.
    pub identity: String,
    /// A Lease that stood still for so long may be taken.
    pub duration: Duration,
    /// Without a successful renewal for so long we stop writing and leave. Less than `duration`.
    pub renew_deadline: Duration,
    /// Between two tries.
    pub retry: Duration,
}

/// Takes part in the election.
pub struct Elector {
    api: Api<Lease>,
    config: LeaseConfig,
    clock: Arc<dyn Clock>,
    leadership: Leadership,
    mark: watch::Receiver<Option<String>>,
    seen: Option<Seen>,
    /// When the API server last answered us.
    heard: Instant,
    /// The last round failed, and that was told.
    failing: bool,
}

impl Elector {
    /// `mark`: what to note on the Lease with each renewal.
    pub fn new(
        client: Client,
        config: LeaseConfig,
        clock: Arc<dyn Clock>,
        mark: watch::Receiver<Option<String>>,
    ) -> Self {
        let api = Api::namespaced(client, &config.namespace);
        Self {
            api,
            config,
            clock,
            leadership: Leadership::default(),
            mark,
            seen: None,
            heard: Instant::now(),
            failing: false,
        }
    }

    /// The handle that writers ask.
    pub fn leadership(&self) -> Leadership {
        self.leadership.clone()
    }

    /// Waits until the Lease is ours; the mark that the last leader left on it. `None` when stopped before.
    ///
    /// # Errors
    /// [`Unheard`] when the API server did not answer us for long.
    pub async fn acquire(&mut self, stop: &CancellationToken) -> Result<Option<LastMark>, Unheard> {
        let mut told = false;
        self.heard = Instant::now();
        while !stop.is_cancelled() {
            if self.round().await {
                info!(lease = self.config.name, identity = self.config.identity, "leading");
                return Ok(Some(LastMark(self.marked())));
            }
            if self.heard.elapsed() >= self.config.duration * UNHEARD && !sabotaged("sabotage.lease.stands_by_for_ever")
            {
                return Err(Unheard(self.heard.elapsed()));
            }
            if let (false, Some(seen)) = (told, &self.seen) {
                let holder = seen.lease.spec.as_ref().and_then(|s| s.holder_identity.clone());
                info!(
                    holder = holder.unwrap_or_default(),
                    "another controller leads; standing by"
                );
                told = true;
            }
            tokio::select! {
                () = tokio::time::sleep(self.config.retry) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(None)
    }

    /// Renews until `stop`, then gives the Lease back; returns earlier only when it is lost.
    pub async fn keep(mut self, stop: CancellationToken) -> Result<(), LeaseLost> {
        loop {
            let until = self.leadership.until().ok_or(LeaseLost)?;
            let pause = self.config.retry.min(until.saturating_duration_since(Instant::now()));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {
                    self.give_back().await;
                    return Ok(());
                }
            }
            if sabotaged("sabotage.lease.compares_clocks") && self.is_old_by_the_wall_clock() {
                return Err(LeaseLost);
            }
            let left = until.saturating_duration_since(Instant::now());
            let renewed = tokio::time::timeout(left, self.round()).await.unwrap_or(false);
            if !renewed && Instant::now() >= until && !sabotaged("sabotage.lease.never_lost") {
                self.leadership.extend(None);
                warn!("the lease could not be renewed in time");
                return Err(LeaseLost);
            }
        }
    }

    /// One look and at most one write; whether the Lease is ours.
    async fn round(&mut self) -> bool {
        let started = Instant::now();
        match tokio::time::timeout(self.config.renew_deadline, self.try_round()).await {
            Ok(Ok(true)) => {
                self.failing = false;
                self.leadership.extend(Some(started + self.config.renew_deadline));
                true
            }
            Ok(Err(error)) => {
                if std::mem::replace(&mut self.failing, true) {
                    debug!(%error, "lease round failed");
                } else {
                    warn!(%error, "the lease cannot be looked at; trying again");
                }
                false
            }
            Ok(Ok(false)) => {
                self.failing = false;
                false
            }
            Err(_) => false,
        }
    }

    async fn try_round(&mut self) -> Result<bool, kube::Error> {
        let now = Instant::now();
        let found = self.api.get_opt(&self.config.name).await?;
        self.heard = Instant::now();
        self.note(found, now);
        let step = decide(
            self.seen.as_ref(),
            &self.config.identity,
            Instant::now(),
            self.config.duration,
        );
        let written = match step {
            Move::Wait => return Ok(false),
            Move::Create => self.api.create(&post_params(LEASE_MANAGER), &self.next(step)).await,
            Move::Take | Move::Renew => {
                self.api
                    .replace(&self.config.name, &post_params(LEASE_MANAGER), &self.next(step))
                    .await
            }
        };
        match written {
            Ok(lease) => {
                boundary("lease.after_write");
                self.note(Some(lease), Instant::now());
                Ok(true)
            }
            Err(kube::Error::Api(answer)) if answer.is_conflict() || answer.is_already_exists() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What nobody may ask: clocks jump.
    fn is_old_by_the_wall_clock(&self) -> bool {
        let renewed = self
            .seen
            .as_ref()
            .and_then(|seen| seen.lease.spec.as_ref()?.renew_time.clone());
        let age = renewed.map(|at| self.clock.now().timestamp().duration_since(at.0).unsigned_abs());
        age.is_some_and(|age| age > self.config.duration)
    }

    fn note(&mut self, found: Option<Lease>, now: Instant) {
        let unchanged = matches!((&self.seen, &found), (Some(seen), Some(lease)) if seen.lease.spec == lease.spec);
        let since = self.seen.as_ref().filter(|_| unchanged).map_or(now, |s| s.since);
        self.seen = found.map(|lease| Seen { lease, since });
    }

    fn next(&self, step: Move) -> Lease {
        let now = MicroTime(self.clock.now().timestamp());
        let old = self.seen.as_ref().map(|s| s.lease.clone()).unwrap_or_default();
        let spec = old.spec.clone().unwrap_or_default();
        let transitions = spec.lease_transitions.unwrap_or(0) + i32::from(step == Move::Take);
        let mut annotations: BTreeMap<_, _> = old.metadata.annotations.clone().unwrap_or_default();
        if let Some(mark) = self.mark.borrow().clone().filter(|_| step == Move::Renew) {
            annotations.insert(LOG_MARK.to_owned(), mark);
        }
        Lease {
            metadata: ObjectMeta {
                name: Some(self.config.name.clone()),
                namespace: Some(self.config.namespace.clone()),
                annotations: Some(annotations).filter(|a| !a.is_empty()),
                ..old.metadata
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.config.identity.clone()),
                acquire_time: if step == Move::Renew {
                    spec.acquire_time
                } else {
                    Some(now.clone())
                },
                renew_time: Some(now),
                lease_duration_seconds: i32::try_from(self.config.duration.as_secs()).ok(),
                lease_transitions: Some(transitions),
                ..spec
            }),
        }
    }

    fn marked(&self) -> Option<String> {
        self.seen
            .as_ref()?
            .lease
            .metadata
            .annotations
            .as_ref()?
            .get(LOG_MARK)
            .cloned()
    }

    async fn give_back(&mut self) {
        let mut lease = self.next(Move::Renew);
        if let Some(spec) = lease.spec.as_mut() {
            spec.holder_identity = Some(String::new());
        }
        self.leadership.extend(None);
        let params = post_params(LEASE_MANAGER);
        let given = tokio::time::timeout(
            Duration::from_secs(5),
            self.api.replace(&self.config.name, &params, &lease),
        );
        if let Ok(Err(error)) = given.await {
            debug!(%error, "lease not given back; it will expire");
        }
    }
}

/// What the last leader left on the Lease, if anything.
pub struct LastMark(pub Option<String>);

/// Who stands by cannot tell any more whether anybody leads.
#[derive(Debug, thiserror::Error)]
#[error(
    "failed to look at the lease for {} s: the API server refuses us or is not where it was (its address, our token, its \
     authority); ending, so that the next start reads them anew", .0.as_secs()
)]
pub struct Unheard(Duration);

/// The Lease is somebody else's now.
#[derive(Debug, thiserror::Error)]
#[error("lost the lease: another controller may lead now")]
pub struct LeaseLost;
