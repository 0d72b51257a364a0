//! The TicketTopology kind: who owns a ticket's documents.
//!
//! ```text
//! made (by a Run or by hand) ─▶ claimed ─▶ … ─▶ last claim gone ─▶ deleted by itself, if Runs made it
//!                                                                     └▶ stays, if it is canonical or by hand
//! ```
//!
//! Claims are written by Runs, each its own; this driver writes all the rest of the status and never a claim.

mod apply;
pub mod authority;
mod candidate;
pub mod crd;
mod decide;
mod events;
mod lifetime;
mod observe;
mod ownership;
pub mod release;
mod sources;
mod verdicts;

use std::sync::Arc;

use async_trait::async_trait;
use kube::Client;
use kube::runtime::reflector::Store;

use crate::controller::kind::{Kind, Note};
use crate::controller::runner::Guarded;
use crate::doc_endpoint::crd::DocEndpoint;
use crate::federation::Prober;
use crate::kernel::event::DomainEvent;
use crate::kernel::finalizers;
use crate::kernel::journal::{JournalEntry, Transition};
use crate::kernel::moment::Moment;
use crate::kernel::outcome::Failure;
use crate::kernel::plan::Plan;
use crate::kernel::subject::Subject;
use crate::run::crd::Run;
use crd::{TicketTopology, TicketTopologyStatus};

/// What the driver of topologies works with.
pub struct TopologyKind {
    pub client: Client,
    pub runs: Store<Guarded<Run>>,
    pub endpoints: Store<Guarded<DocEndpoint>>,
    pub prober: Arc<Prober>,
}

#[async_trait]
impl Kind for TopologyKind {
    type Resource = TicketTopology;
    type Status = TicketTopologyStatus;
    type Observed = observe::Observed;
    type Effect = decide::Effect;

    const NAME: &'static str = "TicketTopology";
    const MANAGER: &'static str = "metawsm-topology";
    const FINALIZER: &'static str = finalizers::TOPOLOGY.finalizer;

    fn own_part(status: TicketTopologyStatus) -> TicketTopologyStatus {
        TicketTopologyStatus {
            claims: Vec::new(),
            ..status
        }
    }

    async fn observe(&self, object: &Arc<TicketTopology>, _room: usize) -> Result<observe::Observed, Failure> {
        observe::observe(self, object).await
    }

    fn decide(observed: &observe::Observed, now: Moment) -> Plan<TicketTopologyStatus, decide::Effect> {
        decide::decide(observed, now)
    }

    async fn apply(&self, object: &TicketTopology, effect: &decide::Effect) -> Result<(), Failure> {
        apply::apply(self, object, effect).await
    }

    fn event_of(subject: &Subject, entry: &JournalEntry) -> Option<DomainEvent> {
        events::event_of(subject, entry)
    }

    fn note_of(entry: &JournalEntry) -> Option<Note> {
        events::note_of(entry)
    }

    fn vanished() -> Transition {
        events::deleted(None, true)
    }
}

/// The pure parts, for tests of the kinds against each other.
#[cfg(test)]
pub mod pure {
    pub use super::decide::{Effect, decide};
    pub use super::observe::Observed;
    pub use super::sources::Sources;
}
