//! The ForumThread kind: a question, who has to answer it, and by when.
//!
//! ```text
//! New ──▶ Triaged ──▶ WaitingOperator ⇄ WaitingHuman ──▶ Answered ──▶ Closed
//! └─ clock ┘                            └── clock ─┘        └▶ asked again
//! ```
//!
//! People and agents write the spec. This driver records what they said and changed, in order and each once, and keeps
//! the clock: in New and WaitingHuman a question that nobody answers is escalated, exactly once per level. It writes
//! nothing but the status.

pub mod archive;
mod archiving;
pub mod attestation;
pub mod audit;
pub mod clock_guard;
pub mod crd;
mod decide;
mod draft;
mod events;
mod history;
pub mod metrics;
mod notes;
pub mod observe;
pub mod policies;
pub mod posts;
mod prune;
pub mod rules;
mod running;
mod sabotage;
pub mod sla;
mod snapshot;
mod state_since;
pub mod status;
mod summary;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::watch;

use crate::controller::kind::{Kind, Note};
use crate::kernel::event::DomainEvent;
use crate::kernel::finalizers;
use crate::kernel::journal::{JournalEntry, Transition};
use crate::kernel::moment::Moment;
use crate::kernel::outcome::Failure;
use crate::kernel::plan::Plan;
use crate::kernel::subject::Subject;
use crate::policy::live::InForce;
use crate::ports::clock::Clock;
use crate::ports::journal::Mirror;
use attestation::Attestation;
use clock_guard::ClockGuard;
use crd::{ForumThread, ForumThreadStatus};
use metrics::ForumMetrics;

/// What the driver of threads works with.
#[derive(Clone)]
pub struct ThreadKind {
    pub policy: watch::Receiver<InForce>,
    /// Whether the API server vouches for who writes.
    pub attestation: watch::Receiver<Attestation>,
    pub clock: Arc<dyn Clock>,
    /// The time since the machine's start, sleep included; it never jumps.
    pub since_boot: fn() -> Duration,
    pub guard: Arc<Mutex<ClockGuard>>,
    pub metrics: ForumMetrics,
}

#[async_trait]
impl Kind for ThreadKind {
    type Resource = ForumThread;
    type Status = ForumThreadStatus;
    type Observed = observe::Observed;
    type Effect = decide::Effect;

    const NAME: &'static str = "ForumThread";
    const MANAGER: &'static str = "metawsm-thread";
    const FINALIZER: &'static str = finalizers::THREAD.finalizer;
    /// A thread may hold 200 KiB, so that 500 of them at once would be a hundred megabytes.
    const PAGE: u32 = 50;

    fn spec(object: &ForumThread) -> String {
        let mut object = object.clone();
        prune::without_bodies(&mut object);
        Mirror::text(&object.spec)
    }

    fn prune(object: &mut ForumThread) {
        prune::prune(object);
    }

    fn is_pruned(object: &ForumThread) -> bool {
        prune::is_pruned(object)
    }

    async fn observe(&self, object: &Arc<ForumThread>, room: usize) -> Result<observe::Observed, Failure> {
        Ok(observe::observe(self, object, room))
    }

    fn decide(observed: &observe::Observed, now: Moment) -> Plan<ForumThreadStatus, decide::Effect> {
        sabotage::decided(observed, now)
    }

    async fn apply(&self, _object: &ForumThread, effect: &decide::Effect) -> Result<(), Failure> {
        match *effect {}
    }

    fn event_of(subject: &Subject, entry: &JournalEntry) -> Option<DomainEvent> {
        events::event_of(subject, entry)
    }

    fn complete(object: &ForumThread, event: DomainEvent) -> DomainEvent {
        events::complete(object, event)
    }

    fn note_of(entry: &JournalEntry) -> Option<Note> {
        notes::note_of(entry)
    }

    fn written(&self, entry: &JournalEntry) {
        if let Some(late) = events::lateness(entry) {
            self.metrics.escalations.inc();
            self.metrics.lateness.observe(late.as_secs_f64());
        }
    }

    fn vanished() -> Transition {
        events::deleted(&Value::Null, &Value::Null, &Value::Null, true)
    }

    fn vanished_from(mirror: &Mirror) -> Transition {
        let read = |text| serde_json::from_str::<Value>(text).unwrap_or_default();
        let (spec, status) = (read(&mirror.spec), read(&mirror.status));
        events::deleted(&status["state"], &spec["ticket"], &spec["runRef"]["name"], true)
    }
}
