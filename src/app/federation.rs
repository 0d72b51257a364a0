//! Starts the prober, passes its news on to the objects that want to know, and opens the pages behind `/docs/`. Decides
//! nothing.

use std::sync::Arc;

use kube::ResourceExt as _;
use kube::runtime::reflector::{ObjectRef, Store};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use super::Ground;
use crate::adapters::docmgr::{Docmgr, DocsLimits};
use crate::adapters::kube_access::KubeAccess;
use crate::adapters::live_door::LiveDoor;
use crate::controller::context::Shared;
use crate::controller::runner::{Guarded, Pokes};
use crate::doc_endpoint::crd::DocEndpoint;
use crate::doc_endpoint::secret::ClusterSecrets;
use crate::federation::mirror::Mirror;
use crate::federation::{Catalogue, News, Prober, ProberSettings};
use crate::kernel::ticket::topology_name;
use crate::ports::federated::FederatedStore;
use crate::ports::services::Services;
use crate::run::crd::Run;
use crate::tasks::Tasks;
use crate::ticket_topology::crd::TicketTopology;
use crate::web::docs::Shown;

/// What federation looks at and wakes.
pub struct Around {
    pub services: Arc<dyn Services>,
    pub federated: Arc<dyn FederatedStore>,
    pub runs: Store<Guarded<Run>>,
    pub topologies: Store<Guarded<TicketTopology>>,
    pub endpoints: Store<Guarded<DocEndpoint>>,
    pub wake_endpoint: Pokes<DocEndpoint>,
    pub wake_topology: Pokes<TicketTopology>,
}

/// Starts them.
///
/// # Errors
/// The client cannot be made.
pub fn start_federation(
    ground: &Ground,
    tasks: &mut Tasks,
    shared: &Shared,
    around: Around,
) -> anyhow::Result<Arc<Prober>> {
    let docs = &ground.args.docs;
    let rules = docs.address_rules().map_err(anyhow::Error::msg)?;
    let limits = DocsLimits {
        max_answer_bytes: usize::try_from(docs.max_answer_bytes)?,
        max_tickets: usize::try_from(docs.max_tickets)?,
    };
    let docmgr = Arc::new(Docmgr::new(rules, limits)?);
    let runs = around.runs.clone();
    let living = move |namespace: &str, name: &str| runs.get(&ObjectRef::new(name).within(namespace))?.uid();
    let door = Arc::new(LiveDoor::new(around.services.clone(), Box::new(living)));
    ground.links.open(Shown {
        access: Arc::new(KubeAccess::new(shared.client.clone())),
        door: door.clone(),
        pages: docmgr.clone(),
    });
    let (prober, news) = Prober::new(
        docmgr,
        door,
        Arc::new(ClusterSecrets {
            client: shared.client.clone(),
        }),
        ground.clock.clone(),
        ground.numbers.federation.clone(),
        ProberSettings::default(),
    );
    let changed = Arc::new(Notify::new());
    start_mirror(
        ground,
        tasks,
        shared,
        &around,
        prober.catalogue().clone(),
        changed.clone(),
    );
    tasks.spawn("docs news", pass_on(news, around, changed, ground.stop.clone()));
    Ok(prober)
}

fn start_mirror(
    ground: &Ground,
    tasks: &mut Tasks,
    shared: &Shared,
    around: &Around,
    catalogue: Arc<Catalogue>,
    changed: Arc<Notify>,
) {
    let endpoints = around.endpoints.clone();
    let alive = move || endpoints.state().iter().filter_map(|e| e.uid()).collect();
    let mirror = Mirror::new(around.federated.clone(), Arc::new(alive));
    let (caches, stop) = (shared.caches.clone(), ground.stop.clone());
    tasks.spawn("docs mirror", async move {
        tokio::select! {
            () = caches.complete() => {}
            () = stop.cancelled() => return,
        }
        mirror.work(catalogue, changed, stop).await;
    });
}

/// News of a server wake its endpoint, and the topologies of the tickets of which it says something else.
async fn pass_on(mut news: UnboundedReceiver<News>, around: Around, changed: Arc<Notify>, stop: CancellationToken) {
    let Around {
        topologies,
        wake_endpoint,
        wake_topology,
        ..
    } = around;
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
        changed.notify_one();
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
