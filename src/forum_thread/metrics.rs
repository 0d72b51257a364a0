//! Numbers about threads and their deadlines. Counting only.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// All numbers of the forum's clock.
#[derive(Clone, Debug)]
pub struct ForumMetrics {
    pub escalations: Counter,
    pub lateness: Histogram,
    pub clock_jumps: Counter,
    /// Threads whose deadline passed a while ago without an escalation, as of the last audit.
    pub missed: Gauge,
    /// When the audit last found none, in seconds since 1970; 0 before.
    pub audited_at: Gauge,
    /// How long ago that is, as of the last audit.
    pub audit_age: Gauge,
    /// 1 while the API server stamps who writes.
    pub attesting: Gauge,
}

impl Default for ForumMetrics {
    fn default() -> Self {
        Self {
            escalations: Counter::default(),
            lateness: Histogram::new(exponential_buckets(0.125, 4.0, 10)),
            clock_jumps: Counter::default(),
            missed: Gauge::default(),
            audited_at: Gauge::default(),
            audit_age: Gauge::default(),
            attesting: Gauge::default(),
        }
    }
}

impl ForumMetrics {
    /// Makes the numbers visible.
    pub fn register(&self, to: &mut Registry) {
        to.register(
            "metawsm_sla_escalations",
            "Escalations requested",
            self.escalations.clone(),
        );
        to.register_with_unit(
            "metawsm_sla_lateness",
            "How long after its deadline an escalation was decided",
            Unit::Seconds,
            self.lateness.clone(),
        );
        to.register(
            "metawsm_clock_jumps",
            "Jumps of the wall clock",
            self.clock_jumps.clone(),
        );
        to.register(
            "metawsm_sla_missed",
            "Threads overdue without an escalation, as the auditor found last",
            self.missed.clone(),
        );
        to.register(
            "metawsm_sla_audit_success_timestamp_seconds",
            "When the auditor last found every overdue thread escalated; 0 before the first time",
            self.audited_at.clone(),
        );
        to.register_with_unit(
            "metawsm_sla_audit_age",
            "How long ago the auditor last found every overdue thread escalated",
            Unit::Seconds,
            self.audit_age.clone(),
        );
        to.register(
            "metawsm_forum_attesting",
            "1 while the API server stamps who writes to a thread",
            self.attesting.clone(),
        );
    }
}
