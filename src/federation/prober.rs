//! Whom to ask and whom no more: a task for each server, and what those tasks work with. Decides nothing about any object.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::AbortHandle;

use super::asking::ask_for_ever;
use super::catalogue::{Catalogue, News};
use super::metrics::FederationMetrics;
use super::target::{Problem, Target};
use crate::kernel::moment::Moment;
use crate::ports::clock::Clock;
use crate::ports::doc_source::{DocSource, DocsDoor};
use crate::ports::secrets::Credential;

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
    pub catalogue: Arc<Catalogue>,
    news: mpsc::UnboundedSender<News>,
    pub healthy: Semaphore,
    pub failing: Semaphore,
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

    /// Asks that endpoint from now on, in this way. Repeating it asks once more. `told`: the latency that was told of
    /// it before this process began; it is only told otherwise with the same patience as always.
    pub fn ask(&self, target: Target, told: Option<Duration>) {
        let uid = target.uid.clone();
        let news = self.hands.catalogue.retarget(target, told);
        self.hands.tell(Some(news));
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asking) = tasks.get(&uid) {
            asking.wake.notify_one();
        } else {
            let wake = Arc::new(Notify::new());
            let task = tokio::spawn(ask_for_ever(self.hands.clone(), uid.clone(), wake.clone()));
            let task = task.abort_handle();
            tasks.insert(uid, Asking { wake, task });
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
    /// Passes news on, if there are any.
    pub fn tell(&self, news: Option<News>) {
        if let Some(news) = news {
            let _ = self.news.send(news);
        }
    }
}
