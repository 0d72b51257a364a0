//! Numbers about servers of documents. Counting only.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::known::Facts;
use super::target::{Copy, Target};

/// Labels of what belongs to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EndpointLabels {
    pub namespace: String,
    pub endpoint: String,
}

/// Labels of rounds: `code` is `ok` or the reason word.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RoundLabels {
    pub kind: &'static str,
    pub code: &'static str,
}

/// Labels of refreshes: `ok` or `failed`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RefreshLabels {
    pub result: &'static str,
}

/// All numbers of federation.
#[derive(Clone)]
pub struct FederationMetrics {
    up: Family<EndpointLabels, Gauge>,
    indexed: Family<EndpointLabels, Gauge>,
    tickets: Family<EndpointLabels, Gauge>,
    rounds: Family<RoundLabels, Counter>,
    seconds: Family<RefreshLabels, Histogram>,
    refreshes: Family<RefreshLabels, Counter>,
}

impl Default for FederationMetrics {
    fn default() -> Self {
        Self {
            up: Family::default(),
            indexed: Family::default(),
            tickets: Family::default(),
            rounds: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 4.0, 8))),
            refreshes: Family::default(),
        }
    }
}

impl FederationMetrics {
    /// Makes the numbers visible.
    pub fn register(&self, to: &mut Registry) {
        for kind in ["Repo", "Workspace"] {
            drop(self.rounds.get_or_create(&RoundLabels { kind, code: "ok" }));
        }
        for result in ["ok", "failed"] {
            drop(self.seconds.get_or_create(&RefreshLabels { result }));
            drop(self.refreshes.get_or_create(&RefreshLabels { result }));
        }
        to.register(
            "metawsm_docs_endpoint_up",
            "1 while the endpoint answers as it should",
            self.up.clone(),
        );
        to.register(
            "metawsm_docs_indexed_timestamp_seconds",
            "When the endpoint's index was built, by its own clock; its age is time() minus this",
            self.indexed.clone(),
        );
        to.register(
            "metawsm_docs_tickets",
            "Tickets that the endpoint lists",
            self.tickets.clone(),
        );
        to.register(
            "metawsm_docs_rounds",
            "Rounds of questions by kind of endpoint and outcome",
            self.rounds.clone(),
        );
        to.register(
            "metawsm_docs_round_seconds",
            "Length of rounds of questions",
            self.seconds.clone(),
        );
        to.register(
            "metawsm_docs_refreshes",
            "Refreshes asked of servers",
            self.refreshes.clone(),
        );
    }

    /// Shows the numbers that only an endpoint brings, for the reference of all numbers.
    pub fn sample(&self) {
        let none = EndpointLabels {
            namespace: String::new(),
            endpoint: String::new(),
        };
        for family in [&self.up, &self.indexed, &self.tickets] {
            drop(family.get_or_create(&none));
        }
    }

    /// A round was answered.
    pub fn answered(&self, target: &Target, facts: &Facts, took: Duration) {
        let labels = labels(target);
        self.up.get_or_create(&labels).set(1);
        self.tickets.get_or_create(&labels).set(facts.tickets);
        if let Some(at) = facts.indexed_at {
            self.indexed.get_or_create(&labels).set(at.as_millis() / 1000);
        }
        self.round(target, "ok", took);
    }

    /// A round failed.
    pub fn failed(&self, target: &Target, code: &'static str, took: Duration) {
        self.up.get_or_create(&labels(target)).set(0);
        self.round(target, code, took);
    }

    /// A refresh ended.
    pub fn refreshed(&self, well: bool) {
        let result = if well { "ok" } else { "failed" };
        self.refreshes.get_or_create(&RefreshLabels { result }).inc();
    }

    /// The endpoint is gone.
    pub fn forget(&self, target: &Target) {
        let labels = labels(target);
        self.up.remove(&labels);
        self.indexed.remove(&labels);
        self.tickets.remove(&labels);
    }

    fn round(&self, target: &Target, code: &'static str, took: Duration) {
        let kind = match target.copy {
            Copy::Repo => "Repo",
            Copy::Workspace => "Workspace",
        };
        self.rounds.get_or_create(&RoundLabels { kind, code }).inc();
        let result = if code == "ok" { "ok" } else { "failed" };
        let seconds = self.seconds.get_or_create(&RefreshLabels { result }).clone();
        seconds.observe(took.as_secs_f64());
    }
}

fn labels(target: &Target) -> EndpointLabels {
    EndpointLabels {
        namespace: target.namespace.clone(),
        endpoint: target.name.clone(),
    }
}
