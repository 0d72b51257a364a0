//! Finds a workspace's docs service among those that the executor lists as live. Looks; changes nothing. A service of a Run
//! that is gone leads nowhere, whoever bears its name now.

use std::sync::Arc;

use async_trait::async_trait;
use tracing::warn;

use crate::failpoint::sabotaged;
use crate::kernel::ticket::same_ticket;
use crate::ports::doc_source::{DocsDoor, LiveDocs};
use crate::ports::services::{ServiceKey, Services};

/// The uid of the Run that bears a name in a namespace now.
pub type Living = Box<dyn Fn(&str, &str) -> Option<String> + Send + Sync>;

/// The door to the services of one executor.
pub struct LiveDoor {
    services: Arc<dyn Services>,
    living: Living,
}

impl LiveDoor {
    /// The door to these.
    pub fn new(services: Arc<dyn Services>, living: Living) -> Self {
        Self { services, living }
    }
}

#[async_trait]
impl DocsDoor for LiveDoor {
    async fn live(&self, namespace: &str, run: &str, ticket: &str) -> Option<LiveDocs> {
        let run_uid = (self.living)(namespace, run)?;
        let listed = match self.services.live_of(namespace, run).await {
            Ok(listed) => listed,
            Err(why) => {
                warn!(%why, "the docs services cannot be listed");
                return None;
            }
        };
        let anybody = sabotaged("sabotage.docs.shows_whoever_bears_the_name");
        let is_its = |key: &ServiceKey| key.run_uid == run_uid || anybody;
        let asked_for = |key: &ServiceKey| {
            key.namespace == namespace && key.run == run && is_its(key) && same_ticket(&key.ticket, ticket)
        };
        let found = listed.into_iter().find(|service| asked_for(&service.key))?;
        Some(LiveDocs {
            address: found.addr,
            run_uid,
            instance: found.instance,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::moment::Moment;
    use crate::ports::executor::ExecutorError;
    use crate::ports::services::{DocsService, LiveService, ServiceChanged, ServiceState};

    /// Lists these services, and does nothing else.
    struct Listed(Vec<LiveService>);

    #[async_trait]
    impl Services for Listed {
        async fn start(&self, _: &ServiceKey, _: &DocsService) -> Result<(), ExecutorError> {
            Ok(())
        }
        async fn look(&self, _: &ServiceKey) -> Result<ServiceState, ExecutorError> {
            Ok(ServiceState::Absent)
        }
        async fn live(&self) -> Result<Vec<LiveService>, ExecutorError> {
            Ok(self.0.clone())
        }
        async fn live_of(&self, _: &str, _: &str) -> Result<Vec<LiveService>, ExecutorError> {
            Ok(self.0.clone())
        }
        async fn known_runs(&self) -> Result<Vec<(String, String)>, ExecutorError> {
            Ok(vec![])
        }
        async fn stop(&self, _: &str, _: &str) -> Result<(), ExecutorError> {
            Ok(())
        }
        async fn stop_all(&self, _: &str) -> Result<(), ExecutorError> {
            Ok(())
        }
        async fn next_changed(&self) -> ServiceChanged {
            std::future::pending().await
        }
    }

    fn service(run_uid: &str, ticket: &str, port: u16) -> LiveService {
        LiveService {
            key: ServiceKey {
                namespace: "team".into(),
                run: "relay".into(),
                run_uid: run_uid.into(),
                workspace: "relay--a-1".into(),
                ticket: ticket.into(),
            },
            addr: ([127, 0, 0, 1], port).into(),
            root: "/w/relay/A-1/docs/ttmp".into(),
            started: Moment::from_millis(1).unwrap(),
            instance: port.to_string(),
        }
    }

    async fn port(services: Vec<LiveService>, living: Option<&'static str>) -> Option<u16> {
        let living = move |namespace: &str, run: &str| {
            living
                .filter(|_| (namespace, run) == ("team", "relay"))
                .map(str::to_owned)
        };
        let door = LiveDoor::new(Arc::new(Listed(services)), Box::new(living));
        assert_eq!(door.live("team", "beacon", "A-1").await, None, "another run");
        door.live("team", "relay", "a-1")
            .await
            .map(|found| found.address.port())
    }

    #[tokio::test]
    async fn only_the_workspace_of_the_run_that_bears_the_name_now_is_found() {
        let (old, new, other) = (
            service("u-1", "A-1", 1),
            service("u-2", "A-1", 2),
            service("u-2", "B-1", 3),
        );
        assert_eq!(port(vec![other.clone(), new.clone()], Some("u-2")).await, Some(2));
        assert_eq!(port(vec![old.clone(), new], Some("u-2")).await, Some(2));
        assert_eq!(
            port(vec![old.clone(), other], Some("u-2")).await,
            None,
            "the workspace of the one before is nobody's"
        );
        assert_eq!(port(vec![old], None).await, None, "the Run is gone");
    }
}
