//! What is known of the relay: for metrics, readiness and the Lease. Pure.

use std::time::Duration;

use super::RelayError;
use super::carry::Acknowledged;
use super::position::LeaseMark;
use crate::kernel::moment::Moment;
use crate::ports::outbox::LogState;

/// A picture of the relay at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayStatus {
    /// The sink answered last time.
    pub connected: bool,
    /// Events that wait in the outbox.
    pub unsent: i64,
    /// When the oldest of them was recorded.
    pub oldest_unsent: Option<Moment>,
    /// How far the current log was sent; belongs on the Lease.
    pub mark: Option<LeaseMark>,
    /// Why the last round failed; `None` once one went well.
    pub last_error: Option<String>,
}

impl RelayStatus {
    /// How long the oldest unsent event has been waiting; zero if none is.
    pub fn oldest_unsent_age(&self, now: Moment) -> Duration {
        self.oldest_unsent.map_or(Duration::ZERO, |oldest| now.since(oldest))
    }

    pub(super) fn see(&mut self, log: &LogState) {
        self.unsent = log.unsent;
        self.oldest_unsent = log.oldest_unsent;
        self.mark = Some(LeaseMark::of(log));
    }

    /// Counts off what was marked; asking the database instead would make it count the whole outbox for each.
    pub(super) fn sent(&mut self, sent: Acknowledged) {
        self.unsent = self.unsent.saturating_sub_unsigned(sent.rows).max(0);
        self.oldest_unsent = Some(sent.recorded_at).filter(|_| self.unsent > 0);
        let of_its_log = self.mark.as_mut().filter(|mark| mark.epoch_ms == sent.last.epoch_ms);
        if let Some(mark) = of_its_log {
            mark.sequence = sent.last.sequence;
        }
    }

    pub(super) fn connect(&mut self) {
        self.connected = true;
        self.last_error = None;
    }

    pub(super) fn fail(&mut self, error: &RelayError) {
        self.last_error = Some(error.to_string());
        if matches!(error, RelayError::Sink(_)) {
            self.connected = false;
        }
    }
}
