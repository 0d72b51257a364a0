//! What a resource kind must bring along to be driven. No kind is named here.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use kube::core::object::{HasSpec, HasStatus};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::kind_status::CommonStatus;
use crate::kernel::event::DomainEvent;
use crate::kernel::journal::{JournalEntry, Transition};
use crate::kernel::moment::Moment;
use crate::kernel::outcome::Failure;
use crate::kernel::plan::Plan;
use crate::kernel::subject::Subject;
use crate::ports::journal::Mirror;

/// How a transition is told to somebody who runs `kubectl describe`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub warning: bool,
    /// The reason word: the same as in the condition.
    pub reason: String,
    /// What the controller did, in CamelCase; also what tells two notes of one reason apart.
    pub action: String,
    pub text: String,
}

/// A driven resource kind: what it knows, what it decides, what it does.
#[async_trait]
pub trait Kind: Send + Sync + 'static {
    type Resource: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + HasSpec<Spec: Serialize>
        + HasStatus<Status = Self::Status>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static;
    type Status: CommonStatus;
    /// Everything that `decide` may know.
    type Observed: Send + Sync;
    /// One thing done to the outside world.
    type Effect: Debug + Send + Sync;

    /// `Run`, `TicketTopology`, …
    const NAME: &'static str;
    /// Field manager of its status.
    const MANAGER: &'static str;
    /// Its finalizer.
    const FINALIZER: &'static str;
    /// Objects per page of a list. A page is in memory as it came, before anything is pruned.
    const PAGE: u32 = 500;

    fn status(object: &Self::Resource) -> Option<&Self::Status> {
        object.status()
    }

    /// The spec as the text of its JSON, for the mirror.
    fn spec(object: &Self::Resource) -> String {
        Mirror::text(object.spec())
    }

    /// Takes out of an object what the cache need not hold. What is left must ask for something to be done whenever the
    /// whole object does, and for the next look at the same time; what is done is then decided on the object read whole.
    fn prune(_object: &mut Self::Resource) {}

    /// Whether [`Self::prune`] took something out of this one.
    fn is_pruned(_object: &Self::Resource) -> bool {
        false
    }

    /// The part of a status that this kind's driver writes; other writers' parts are taken out.
    fn own_part(status: Self::Status) -> Self::Status {
        status
    }

    /// Reads all that may be known; decides nothing. `room`: how many transitions the journal can take now.
    async fn observe(&self, object: &Arc<Self::Resource>, room: usize) -> Result<Self::Observed, Failure>;

    /// The decision: pure and infallible. An impossible spec is a plan that says `Stalled`.
    fn decide(observed: &Self::Observed, now: Moment) -> Plan<Self::Status, Self::Effect>;

    /// Performs one effect; repeating it is harmless.
    async fn apply(&self, object: &Self::Resource, effect: &Self::Effect) -> Result<(), Failure>;

    /// The event of a journal entry, where it has one; a pure function of its arguments.
    fn event_of(subject: &Subject, entry: &JournalEntry) -> Option<DomainEvent>;

    /// Adds to an event what its object says for ever: immutable and append-only fields of the spec. What is too long
    /// for a journal entry comes from there; the event stays a function of what never changes.
    fn complete(_object: &Self::Resource, event: DomainEvent) -> DomainEvent {
        event
    }

    /// The Kubernetes Event of a journal entry, where it deserves one.
    fn note_of(entry: &JournalEntry) -> Option<Note>;

    /// A journal entry was just written; for counting.
    fn written(&self, _entry: &JournalEntry) {}

    /// The object goes or went without a pass of its own: what is kept of it in memory goes too.
    fn forget(&self, _uid: &str) {}

    /// What is recorded of an object that vanished while nobody watched.
    fn vanished() -> Transition;

    /// As [`Self::vanished`], with what was last known of it.
    fn vanished_from(_mirror: &Mirror) -> Transition {
        Self::vanished()
    }
}

/// The subject that an object is in audit and events.
pub fn subject_of<K: Kind>(object: &K::Resource) -> Subject {
    let meta = object.meta();
    Subject {
        kind: K::NAME.to_owned(),
        namespace: meta.namespace.clone().unwrap_or_default(),
        name: meta.name.clone().unwrap_or_default(),
        uid: meta.uid.clone().unwrap_or_default(),
    }
}
