//! Finds a workspace's docs service among those that the executor lists as live. Looks; changes nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use tracing::warn;

use crate::kernel::ticket::same_ticket;
use crate::ports::doc_source::{DocsDoor, LiveDocs};
use crate::ports::services::{ServiceKey, Services};

/// The door to the services of one executor.
pub struct LiveDoor {
    services: Arc<dyn Services>,
}

impl LiveDoor {
    /// The door to these.
    pub fn new(services: Arc<dyn Services>) -> Self {
        Self { services }
    }
}

#[async_trait]
impl DocsDoor for LiveDoor {
    async fn address(&self, namespace: &str, run: &str, ticket: &str) -> Option<SocketAddr> {
        self.live(namespace, run, ticket).await.map(|found| found.address)
    }

    async fn live(&self, namespace: &str, run: &str, ticket: &str) -> Option<LiveDocs> {
        let listed = match self.services.live_of(namespace, run).await {
            Ok(listed) => listed,
            Err(why) => {
                warn!(%why, "the docs services cannot be listed");
                return None;
            }
        };
        let asked_for =
            |key: &ServiceKey| key.namespace == namespace && key.run == run && same_ticket(&key.ticket, ticket);
        let mut all = listed.into_iter().filter(|service| asked_for(&service.key));
        // Two incarnations of one Run at once: neither is known to be the one that is meant.
        let found = all.next().filter(|_| all.next().is_none())?;
        Some(LiveDocs {
            address: found.addr,
            instance: found.instance,
        })
    }
}
