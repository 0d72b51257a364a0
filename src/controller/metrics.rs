//! Numbers that the drivers count: controller-runtime's names where it has one, ours beside them. Counting only.

use std::collections::BTreeMap;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Labels of reconcile counts; `result` is `success` or a failure's class: `stalled`, `waiting`, `retry`, `quiet`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReconcileLabels {
    pub controller: &'static str,
    pub result: &'static str,
}

/// Labels of what belongs to one controller.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ControllerLabels {
    pub controller: &'static str,
}

/// Labels of counted conditions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ConditionLabels {
    pub controller: &'static str,
    pub condition: String,
    pub status: String,
}

/// Labels of requests to the API server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    pub code: String,
    pub method: String,
}

/// All numbers of the drivers.
pub struct Metrics {
    pub reconciles: Family<ReconcileLabels, Counter>,
    pub errors: Family<ControllerLabels, Counter>,
    pub panics: Family<ControllerLabels, Counter>,
    pub seconds: Family<ControllerLabels, Histogram>,
    pub active: Family<ControllerLabels, Gauge>,
    pub requests: Family<RequestLabels, Counter>,
    pub leader: Gauge,
    pub objects: Family<ControllerLabels, Gauge>,
    pub undecodable: Family<ControllerLabels, Gauge>,
    pub conditions: Family<ConditionLabels, Gauge>,
    pub journal_failures: Counter,
    pub notes_dropped: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            reconciles: Family::default(),
            errors: Family::default(),
            panics: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 4.0, 8))),
            active: Family::default(),
            requests: Family::default(),
            leader: Gauge::default(),
            objects: Family::default(),
            undecodable: Family::default(),
            conditions: Family::default(),
            journal_failures: Counter::default(),
            notes_dropped: Counter::default(),
        }
    }
}

/// Every class that a pass may end in.
const RESULTS: [&str; 5] = ["success", "retry", "stalled", "waiting", "quiet"];
/// The conditions that every kind has and that somebody may wait for: shown before there is an object.
const CONDITIONS: [&str; 3] = ["Ready", "Reconciling", "Stalled"];
/// What a condition may say.
const STATUSES: [&str; 3] = ["True", "False", "Unknown"];

impl Metrics {
    /// Shows a controller's numbers before anything happened: an increase from nothing could not be seen.
    pub fn expect(&self, controller: &'static str) {
        for result in RESULTS {
            drop(self.reconciles.get_or_create(&ReconcileLabels { controller, result }));
        }
        let label = ControllerLabels { controller };
        drop(self.errors.get_or_create(&label));
        drop(self.panics.get_or_create(&label));
        drop(self.seconds.get_or_create(&label));
        drop(self.active.get_or_create(&label));
        drop(self.objects.get_or_create(&label));
        drop(self.undecodable.get_or_create(&label));
        for condition in CONDITIONS {
            self.show_condition(controller, condition, &BTreeMap::new());
        }
    }

    /// Takes over how many objects say what of one condition.
    pub fn show_condition(&self, controller: &'static str, condition: &str, counts: &BTreeMap<String, i64>) {
        for status in STATUSES {
            let label = ConditionLabels {
                controller,
                condition: condition.to_owned(),
                status: status.to_owned(),
            };
            let count = counts.get(status).copied().unwrap_or_default();
            self.conditions.get_or_create(&label).set(count);
        }
    }

    /// Makes the numbers visible.
    pub fn register(&self, to: &mut Registry) {
        to.register(
            "controller_runtime_reconcile",
            "Passes; quiet ones gave way to another writer",
            self.reconciles.clone(),
        );
        to.register(
            "controller_runtime_reconcile_errors",
            "Failed passes, quiet ones not counted",
            self.errors.clone(),
        );
        to.register(
            "controller_runtime_reconcile_panics",
            "Panics caught in passes; each is a bug",
            self.panics.clone(),
        );
        to.register(
            "controller_runtime_reconcile_time_seconds",
            "Length of passes",
            self.seconds.clone(),
        );
        to.register(
            "controller_runtime_active_workers",
            "Passes under way",
            self.active.clone(),
        );
        to.register(
            "rest_client_requests",
            "Requests to the API server; where it gave no answer, code is error",
            self.requests.clone(),
        );
        to.register(
            "leader_election_master_status",
            "1 while this process leads",
            self.leader.clone(),
        );
        to.register("metawsm_objects", "Objects in the cache", self.objects.clone());
        to.register(
            "metawsm_undecodable_objects",
            "Objects that could not be read",
            self.undecodable.clone(),
        );
        to.register(
            "metawsm_object_conditions",
            "Objects by condition and its status, counted every 15 s",
            self.conditions.clone(),
        );
        to.register(
            "metawsm_journal_failures",
            "Failed writes of history to the database",
            self.journal_failures.clone(),
        );
        to.register(
            "metawsm_events_dropped",
            "Kubernetes Events not sent: too many waited, or the API server did not take them",
            self.notes_dropped.clone(),
        );
    }
}
