//! Who is woken by a change of whom: what a kind decides on besides its own object. Decides nothing.

use std::sync::Arc;

use kube::ResourceExt as _;
use kube::runtime::reflector::{ObjectRef, Store};
use tokio::sync::Notify;

use crate::controller::caches::Caches;
use crate::controller::index::Index;
use crate::controller::runner::{Guarded, Pokes};
use crate::doc_endpoint::crd::DocEndpoint;
use crate::kernel::ticket::{topology_name, workspace_name};
use crate::run::crd::Run;
use crate::ticket_topology::crd::TicketTopology;

/// What two do about a Run that changed.
pub fn both(
    one: impl Fn(&Guarded<Run>) + Send + 'static,
    other: impl Fn(&Guarded<Run>) + Send + 'static,
) -> impl Fn(&Guarded<Run>) + Send + 'static {
    move |run| {
        one(run);
        other(run);
    }
}

/// A Run that changed wakes the endpoints of its workspaces: it may have been seeded, or be on its way out. The tickets of
/// one that cannot be read are unknown: it wakes the endpoints that were made for it.
pub fn endpoints_of(
    endpoints: Store<Guarded<DocEndpoint>>,
    wake: Pokes<DocEndpoint>,
) -> impl Fn(&Guarded<Run>) + Send + 'static {
    move |run| match &run.0 {
        Ok(run) => {
            for ticket in &run.spec.tickets {
                let name = workspace_name(&run.name_any(), ticket);
                let _ = wake.send(ObjectRef::new(&name).within(&run.namespace().unwrap_or_default()));
            }
        }
        Err(broken) => {
            let uid = broken.metadata.uid.clone().unwrap_or_default();
            for endpoint in endpoints.state_filter(|endpoint| endpoint.0.as_ref().is_ok_and(|e| is_for(e, &uid))) {
                let _ = wake.send(ObjectRef::from_obj(endpoint.as_ref()));
            }
        }
    }
}

fn is_for(endpoint: &DocEndpoint, run_uid: &str) -> bool {
    endpoint.spec.run_ref.as_ref().is_some_and(|named| named.uid == run_uid)
}

/// A Run that changed may move the line of those that wait for a place, beside what `then` does.
pub fn run_changed(
    then: impl Fn(&Guarded<Run>) + Send + 'static,
    line_moved: Arc<Notify>,
) -> impl Fn(&Guarded<Run>) + Send + 'static {
    move |run| {
        then(run);
        line_moved.notify_one();
    }
}

/// A Run that changed wakes the topologies of its tickets: their claims may be abandoned now. The tickets of one that
/// cannot be read are unknown: it wakes the topologies that it claims.
pub fn topologies_of(
    topologies: Store<Guarded<TicketTopology>>,
    wake: Pokes<TicketTopology>,
) -> impl Fn(&Guarded<Run>) + Send + 'static {
    move |run| match &run.0 {
        Ok(run) => {
            for ticket in &run.spec.tickets {
                let topology = ObjectRef::new(&topology_name(ticket)).within(&run.namespace().unwrap_or_default());
                let _ = wake.send(topology);
            }
        }
        Err(broken) => {
            let uid = broken.metadata.uid.clone().unwrap_or_default();
            let claimed = topologies.state_filter(|topology| topology.0.as_ref().is_ok_and(|t| claims(t, &uid)));
            for topology in claimed {
                let _ = wake.send(ObjectRef::from_obj(topology.as_ref()));
            }
        }
    }
}

fn claims(topology: &TicketTopology, run_uid: &str) -> bool {
    let status = topology.status.as_ref();
    status.is_some_and(|s| s.claims.iter().any(|claim| claim.run_uid == run_uid))
}

/// An endpoint that changed wakes the Run whose workspace has its name: the Run's own, or one in its way.
pub fn run_of(wake: Pokes<Run>) -> impl Fn(&Guarded<DocEndpoint>) + Send + 'static {
    move |endpoint| {
        let name = endpoint.name_any();
        if let Some((run, _)) = name.split_once("--") {
            let _ = wake.send(ObjectRef::new(run).within(&endpoint.namespace().unwrap_or_default()));
        }
    }
}

/// A topology that changed wakes every Run that wants its ticket. While the caches are filled for the first time it need
/// not look for them: every Run has a pass once they are.
pub fn runs_of(
    wanting: Index<Run>,
    wake: Pokes<Run>,
    caches: Caches,
) -> impl Fn(&Guarded<TicketTopology>) + Send + 'static {
    move |topology| {
        if !caches.are_complete() {
            return;
        }
        let namespace = topology.namespace().unwrap_or_default();
        for run in wanting.named(&namespace, &topology.name_any()) {
            let _ = wake.send(ObjectRef::new(&run).within(&namespace));
        }
    }
}
