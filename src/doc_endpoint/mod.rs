//! The DocEndpoint kind: one server of documents, asked at every interval what it knows and how fresh that is.
//!
//! ```text
//! made ─▶ not asked yet ─▶ Reachable ◀──▶ down or mis-wired (the last good answer is kept, and said to be stale)
//!                              └─ Fresh ◀──▶ stale ─ refresh, on request or after a seed ─▶ Fresh
//! ```
//!
//! Woken by the prober's news and by the Run whose workspace it serves. No pass ever waits for a server. The endpoint of a
//! Run that is gone goes too, as the cluster's garbage collector would have it.

mod aim;
mod apply;
pub mod crd;
mod decide;
mod events;
mod observe;
mod refresh;
pub mod secret;
mod status;
#[cfg(test)]
mod tests;
mod verdicts;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kube::Client;
use kube::runtime::reflector::Store;

use crate::controller::kind::{Kind, Note};
use crate::controller::runner::Guarded;
use crate::federation::Prober;
use crate::kernel::event::DomainEvent;
use crate::kernel::finalizers;
use crate::kernel::journal::{JournalEntry, Transition};
use crate::kernel::moment::Moment;
use crate::kernel::outcome::Failure;
use crate::kernel::plan::Plan;
use crate::kernel::subject::Subject;
use crate::run::crd::Run;
use crd::{DocEndpoint, DocEndpointStatus};

/// What the settings say about endpoints.
#[derive(Clone, Debug)]
pub struct DocEndpointSettings {
    /// Namespaces in which Secrets may be read; `*` for all.
    pub secret_namespaces: Vec<String>,
    /// The least time between two refreshes of one server.
    pub refresh_interval: Duration,
    /// Where people reach the controller's own HTTP server.
    pub public_url: Option<String>,
}

/// What the driver of endpoints works with.
pub struct DocEndpointKind {
    pub client: Client,
    pub runs: Store<Guarded<Run>>,
    pub prober: Arc<Prober>,
    pub settings: Arc<DocEndpointSettings>,
}

#[async_trait]
impl Kind for DocEndpointKind {
    type Resource = DocEndpoint;
    type Status = DocEndpointStatus;
    type Observed = observe::Observed;
    type Effect = decide::Effect;

    const NAME: &'static str = "DocEndpoint";
    const MANAGER: &'static str = "metawsm-docendpoint";
    const FINALIZER: &'static str = finalizers::DOC_ENDPOINT.finalizer;

    async fn observe(&self, object: &Arc<DocEndpoint>, _room: usize) -> Result<observe::Observed, Failure> {
        observe::observe(self, object).await
    }

    fn decide(observed: &observe::Observed, now: Moment) -> Plan<DocEndpointStatus, decide::Effect> {
        decide::decide(observed, now)
    }

    async fn apply(&self, object: &DocEndpoint, effect: &decide::Effect) -> Result<(), Failure> {
        apply::apply(self, object, effect).await
    }

    fn event_of(subject: &Subject, entry: &JournalEntry) -> Option<DomainEvent> {
        events::event_of(subject, entry)
    }

    fn note_of(entry: &JournalEntry) -> Option<Note> {
        events::note_of(entry)
    }

    fn forget(&self, uid: &str) {
        self.prober.forget(uid);
    }

    fn vanished() -> Transition {
        events::deleted(None, true)
    }
}
