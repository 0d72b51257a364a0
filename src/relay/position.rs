//! What to do when database, stream and Lease disagree about how far events were sent. Pure: values in, decision out.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::ports::outbox::{LogState, StreamPosition};

/// How far a controller had sent, kept on the Lease: outlives database and Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseMark {
    pub log_id: Uuid,
    pub epoch_ms: i64,
    pub sequence: i64,
}

impl LeaseMark {
    /// How far the current log was sent; sequence 0 where nothing of it was.
    pub fn of(log: &LogState) -> Self {
        let sequence = match log.sent {
            Some(sent) if sent.epoch_ms == log.identity.epoch_ms => sent.sequence,
            Some(_) | None => 0,
        };
        Self {
            log_id: log.identity.log_id,
            epoch_ms: log.identity.epoch_ms,
            sequence,
        }
    }
}

impl fmt::Display for LeaseMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}-{}", self.log_id, self.epoch_ms, self.sequence)
    }
}

/// The annotation holds something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to parse a lease mark: expected <log id>/<epoch ms>-<sequence>")]
pub struct NotALeaseMark;

impl FromStr for LeaseMark {
    type Err = NotALeaseMark;

    fn from_str(text: &str) -> Result<Self, NotALeaseMark> {
        let parsed = || {
            let (log_id, position) = text.split_once('/')?;
            let (epoch_ms, sequence) = position.split_once('-')?;
            let (epoch_ms, sequence) = (epoch_ms.parse().ok()?, sequence.parse().ok()?);
            Some(Self {
                log_id: log_id.parse().ok()?,
                epoch_ms,
                sequence,
            })
        };
        parsed().ok_or(NotALeaseMark)
    }
}

/// What to do before the next event is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// They agree, or the stream has what was not yet marked as sent.
    Continue,
    /// The stream lost what had been sent: send everything after `after` (`None`: from the beginning) again.
    Rewind { after: Option<StreamPosition> },
    /// The world has seen numbers that this database does not know: its next ones would be taken for old.
    BeginLog {
        /// The new log's epoch must be greater.
        after_ms: i64,
    },
}

/// Compares the database's log with the end of the ordered stream and with the mark on the Lease.
pub fn reconcile_position(log: &LogState, stream: Option<StreamPosition>, lease_mark: Option<LeaseMark>) -> Decision {
    let head = StreamPosition {
        epoch_ms: log.identity.epoch_ms,
        sequence: log.last_sequence,
    };
    let behind_stream = stream.is_some_and(|stream| stream > head);
    if behind_stream || lease_mark.is_some_and(|mark| behind_mark(log, mark)) {
        let epochs = [
            Some(head.epoch_ms),
            stream.map(|s| s.epoch_ms),
            lease_mark.map(|m| m.epoch_ms),
        ];
        let after_ms = epochs.into_iter().flatten().fold(head.epoch_ms, i64::max);
        return Decision::BeginLog { after_ms };
    }
    if stream < log.sent {
        return Decision::Rewind { after: stream };
    }
    Decision::Continue
}

fn behind_mark(log: &LogState, mark: LeaseMark) -> bool {
    if mark.log_id == log.identity.log_id {
        mark.sequence > log.last_sequence
    } else {
        mark.epoch_ms >= log.identity.epoch_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::outbox::LogIdentity;
    use proptest::prelude::*;

    const OURS: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn at(epoch_ms: i64, sequence: i64) -> StreamPosition {
        StreamPosition { epoch_ms, sequence }
    }

    fn mark(log_id: Uuid, epoch_ms: i64, sequence: i64) -> LeaseMark {
        LeaseMark {
            log_id,
            epoch_ms,
            sequence,
        }
    }

    /// A log of epoch 10 with ten events.
    fn log(sent: Option<StreamPosition>) -> LogState {
        let identity = LogIdentity {
            log_id: OURS,
            epoch_ms: 10,
        };
        LogState {
            identity,
            last_sequence: 10,
            sent,
            unsent: 0,
            oldest_unsent: None,
        }
    }

    type Case = (
        &'static str,
        Option<StreamPosition>,
        Option<StreamPosition>,
        Option<LeaseMark>,
        Decision,
    );

    fn check(cases: &[Case]) {
        for (name, sent, stream, lease, decision) in cases {
            assert_eq!(reconcile_position(&log(*sent), *stream, *lease), *decision, "{name}");
        }
    }

    #[test]
    fn agreement_and_older_logs_go_on() {
        let all = Some(at(10, 10));
        check(&[
            ("nothing anywhere", None, None, None, Decision::Continue),
            ("all agree", all, all, Some(mark(OURS, 10, 10)), Decision::Continue),
            (
                "sent but not marked",
                Some(at(10, 4)),
                Some(at(10, 7)),
                None,
                Decision::Continue,
            ),
            ("old stream", None, Some(at(9, 400)), None, Decision::Continue),
            ("old mark", None, None, Some(mark(OTHER, 9, 400)), Decision::Continue),
        ]);
    }

    #[test]
    fn a_stream_that_lost_events_gets_them_again() {
        let all = Some(at(10, 10));
        let rewind = |after| Decision::Rewind { after };
        check(&[
            ("emptied", all, None, Some(mark(OURS, 10, 10)), rewind(None)),
            ("last writes lost", all, Some(at(10, 7)), None, rewind(Some(at(10, 7)))),
            (
                "an older log restored",
                all,
                Some(at(9, 7)),
                None,
                rewind(Some(at(9, 7))),
            ),
        ]);
    }

    #[test]
    fn a_database_that_is_behind_begins_a_log_later_than_all_seen() {
        let all = Some(at(10, 10));
        let begin = |after_ms| Decision::BeginLog { after_ms };
        check(&[
            ("restored", all, Some(at(10, 12)), None, begin(10)),
            (
                "restored, stream emptied",
                all,
                None,
                Some(mark(OURS, 10, 12)),
                begin(10),
            ),
            ("later log on the stream", all, Some(at(11, 1)), None, begin(11)),
            (
                "later log on the lease",
                None,
                None,
                Some(mark(OTHER, 12, 1)),
                begin(12),
            ),
            (
                "another of the same birth",
                None,
                None,
                Some(mark(OTHER, 10, 1)),
                begin(10),
            ),
        ]);
    }

    #[test]
    fn a_mark_comes_back_from_its_text() {
        let mark = mark(OURS, 10, 3);
        assert_eq!(mark.to_string().parse(), Ok(mark));
        for text in ["", "x", "/1-2", "00000000-0000-0000-0000-000000000001/7"] {
            assert_eq!(text.parse::<LeaseMark>(), Err(NotALeaseMark), "{text}");
        }
    }

    fn position() -> impl Strategy<Value = Option<StreamPosition>> {
        proptest::option::of((8..13_i64, 1..15_i64).prop_map(|(epoch, sequence)| at(epoch, sequence)))
    }

    fn carried_out(decision: Decision, mut log: LogState) -> LogState {
        match decision {
            Decision::Continue => {}
            Decision::Rewind { after } => log.sent = log.sent.min(after),
            Decision::BeginLog { after_ms } => {
                log.identity = LogIdentity {
                    log_id: Uuid::from_u128(3),
                    epoch_ms: after_ms + 1,
                };
                log.last_sequence = log.unsent;
            }
        }
        log
    }

    proptest! {
        #[test]
        fn at_most_two_steps_bring_agreement(
            sent in position(), stream in position(),
            lease in proptest::option::of((any::<bool>(), 8..13_i64, 0..15_i64)),
        ) {
            let sent = sent.filter(|sent| *sent <= at(10, 10));
            let lease = lease.map(|(ours, epoch, sequence)| {
                if ours { mark(OURS, 10, sequence) } else { mark(OTHER, epoch, sequence) }
            });
            let mut log = log(sent);
            for _ in 0..2 {
                log = carried_out(reconcile_position(&log, stream, lease), log);
            }
            prop_assert_eq!(reconcile_position(&log, stream, lease), Decision::Continue);
            prop_assert!(log.sent <= stream, "nothing counts as sent that the stream has not");
            let next = at(log.identity.epoch_ms, log.last_sequence + 1);
            prop_assert!(Some(next) > stream, "the next event is not taken for an old one");
        }
    }
}
