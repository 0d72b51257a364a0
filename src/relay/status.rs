//! What is known of the relay: for metrics, readiness and the Lease. Pure.

use std::time::Duration;

use super::RelayError;
use super::position::LeaseMark;
use crate::kernel::moment::Moment;
use crate::ports::outbox::{LogState, OutboxRow};

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

    /// Counts a batch off; asking the database instead would make it count the whole outbox for each.
    pub(super) fn sent(&mut self, rows: &[OutboxRow]) {
        let Some(last) = rows.last() else { return };
        self.unsent = self.unsent.saturating_sub_unsigned(rows.len() as u64).max(0);
        self.oldest_unsent = Some(last.envelope.recorded_at).filter(|_| self.unsent > 0);
        if let Some(mark) = self
            .mark
            .as_mut()
            .filter(|mark| mark.epoch_ms == last.position.epoch_ms)
        {
            mark.sequence = last.position.sequence;
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
