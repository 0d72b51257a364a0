//! The prober against servers that answer, hang, die and panic; time is the test's own.

mod asking;
mod door;
mod mirroring;
mod servers;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc::UnboundedReceiver;

use self::servers::Servers;
use super::metrics::FederationMetrics;
use super::target::{Copy, Place, Problem, Target};
use super::{CredentialSource, News, Prober, ProberSettings};
use crate::kernel::moment::Moment;
use crate::ports::clock::Clock;
use crate::ports::doc_source::{DocsDoor, LiveDocs};
use crate::ports::secrets::Credential;

const SECOND: Duration = Duration::from_secs(1);

struct Nothing;

#[async_trait]
impl DocsDoor for Nothing {
    async fn live(&self, _: &str, _: &str, _: &str) -> Option<LiveDocs> {
        None
    }
}

#[async_trait]
impl CredentialSource for Nothing {
    async fn credential(&self, _: &str, _: &str) -> Result<Credential, Problem> {
        Err(Problem::lasting("SecretNotFound", "none"))
    }
}

impl Clock for Nothing {
    fn now(&self) -> Moment {
        Moment::from_millis(1_000_000).unwrap()
    }
}

fn prober(servers: &Arc<Servers>) -> (Arc<Prober>, UnboundedReceiver<News>) {
    let (nothing, metrics) = (Arc::new(Nothing), FederationMetrics::default());
    Prober::new(
        servers.clone(),
        nothing.clone(),
        nothing.clone(),
        nothing,
        metrics,
        ProberSettings::default(),
    )
}

fn target(name: &str) -> Target {
    Target {
        uid: name.into(),
        namespace: "team".into(),
        name: name.into(),
        copy: Copy::Repo,
        repo: "docs".into(),
        home: None,
        run_uid: None,
        ticket: None,
        web_url: None,
        place: Place::Written {
            url: format!("http://{name}/"),
            secret: None,
        },
        expected_root: None,
        interval: 30 * SECOND,
        timeout: 5 * SECOND,
        stale_after: 900 * SECOND,
    }
}

fn drained(news: &mut UnboundedReceiver<News>) -> Vec<News> {
    std::iter::from_fn(|| news.try_recv().ok()).collect()
}
