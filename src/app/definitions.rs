//! Waits until the cluster's definitions are not older than this program. The first look is taken while the Lease is asked
//! for, since both are answers of the API server that a start waits for. Changes nothing.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Client, CustomResourceExt as _};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::controller::schema;
use crate::doc_endpoint::crd::DocEndpoint;
use crate::forum_thread::crd::ForumThread;
use crate::run::crd::Run;
use crate::ticket_topology::crd::TicketTopology;

/// How often a cluster without our definitions is asked again; an answer of the first look that is older is not believed,
/// for whoever stands by may do so for days.
const RETRY: Duration = Duration::from_secs(2);

/// What a look found, and when.
type Looked = (Instant, anyhow::Result<()>);

/// The first look, under way.
pub struct Definitions {
    client: Client,
    first: JoinHandle<Looked>,
}

impl Definitions {
    /// Takes the first look.
    pub fn look(client: Client) -> Self {
        let first = tokio::spawn({
            let client = client.clone();
            async move { look(&client).await }
        });
        Self { client, first }
    }

    /// Waits until they are new enough; `false` when stopped before.
    pub async fn are_new_enough(self, stop: &CancellationToken) -> bool {
        let mut told = false;
        let mut looked = match self.first.await {
            Ok(first) if first.0.elapsed() < RETRY => first,
            _ => look(&self.client).await,
        };
        while let (_, Err(error)) = looked {
            if !told {
                warn!("waiting: {error:#}");
                told = true;
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = stop.cancelled() => return false,
            }
            looked = look(&self.client).await;
        }
        true
    }
}

async fn look(client: &Client) -> Looked {
    let asked = Instant::now();
    let checked = async {
        let ours = tokio::task::spawn_blocking(ours).await?;
        try_join_all(ours.iter().map(|definition| schema::check(client, definition))).await
    };
    (asked, checked.await.map(drop))
}

fn ours() -> [CustomResourceDefinition; 4] {
    [
        Run::crd(),
        TicketTopology::crd(),
        DocEndpoint::crd(),
        ForumThread::crd(),
    ]
}
