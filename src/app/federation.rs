//! Starts the prober and passes its news on to the objects that want to know. Decides nothing.

use std::sync::Arc;

use kube::ResourceExt as _;
use kube::runtime::reflector::{ObjectRef, Store};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use super::Ground;
use crate::adapters::docmgr::{Docmgr, DocsLimits};
use crate::controller::context::Shared;
use crate::controller::runner::{Guarded, Pokes};
use crate::doc_endpoint::crd::DocEndpoint;
use crate::doc_endpoint::secret::ClusterSecrets;
use crate::federation::{News, Prober, ProberSettings};
use crate::kernel::ticket::topology_name;
use crate::ports::doc_source::DocsDoor;
use crate::tasks::Tasks;
use crate::ticket_topology::crd::TicketTopology;

/// Starts them.
///
/// # Errors
/// The client cannot be made.
pub fn start_federation(
    ground: &Ground,
    tasks: &mut Tasks,
    shared: &Shared,
    topologies: Store<Guarded<TicketTopology>>,
    wake: (Pokes<DocEndpoint>, Pokes<TicketTopology>),
    door: Arc<dyn DocsDoor>,
) -> anyhow::Result<Arc<Prober>> {
    let secrets = ClusterSecrets {
        client: shared.client.clone(),
    };
    let docs = &ground.args.docs;
    let rules = docs.address_rules().map_err(anyhow::Error::msg)?;
    let limits = DocsLimits {
        max_answer_bytes: usize::try_from(docs.docs_max_answer_bytes)?,
        max_tickets: usize::try_from(docs.docs_max_tickets)?,
    };
    let (prober, news) = Prober::new(
        Arc::new(Docmgr::new(rules, limits)?),
        door,
        Arc::new(secrets),
        ground.clock.clone(),
        ground.federation_metrics.clone(),
        ProberSettings::default(),
    );
    tasks.spawn("docs news", pass_on(news, topologies, wake, ground.stop.clone()));
    Ok(prober)
}

/// News of a server wake its endpoint, and the topologies of the tickets of which it says something else.
async fn pass_on(
    mut news: UnboundedReceiver<News>,
    topologies: Store<Guarded<TicketTopology>>,
    (wake_endpoint, wake_topology): (Pokes<DocEndpoint>, Pokes<TicketTopology>),
    stop: CancellationToken,
) {
    loop {
        let told = tokio::select! {
            told = news.recv() => told,
            () = stop.cancelled() => return,
        };
        let Some(News {
            namespace,
            endpoint,
            tickets,
            for_all,
        }) = told
        else {
            return;
        };
        let _ = wake_endpoint.send(ObjectRef::new(&endpoint).within(&namespace));
        if for_all {
            let here = topologies.state_filter(|t| t.namespace().as_deref() == Some(&namespace));
            for topology in here {
                let _ = wake_topology.send(ObjectRef::from_obj(topology.as_ref()));
            }
            continue;
        }
        for ticket in tickets {
            let topology = ObjectRef::new(&topology_name(&ticket)).within(&namespace);
            if topologies.get(&topology).is_some() {
                let _ = wake_topology.send(topology);
            }
        }
    }
}
