//! What to do about the Lease, told from how it was last seen and for how long it stood still. Looks at nothing itself.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;

/// The Lease as last seen, and since when it looked like that on our clock.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) lease: Lease,
    pub(super) since: Instant,
}

/// What to do about the Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Create,
    Take,
    Renew,
    Wait,
}

pub(super) fn decide(seen: Option<&Seen>, me: &str, now: Instant, duration: Duration) -> Move {
    let Some(seen) = seen else {
        return Move::Create;
    };
    let spec = seen.lease.spec.clone().unwrap_or_default();
    match spec.holder_identity.as_deref() {
        Some(holder) if holder == me => Move::Renew,
        None | Some("") => Move::Take,
        Some(_) => {
            let theirs = spec
                .lease_duration_seconds
                .and_then(|s| u64::try_from(s).ok())
                .map(Duration::from_secs);
            if now.duration_since(seen.since) >= theirs.unwrap_or(duration).max(duration) {
                Move::Take
            } else {
                Move::Wait
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::coordination::v1::LeaseSpec;

    use super::*;

    fn seen(holder: &str, since: Instant) -> Seen {
        let spec = LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(15),
            ..LeaseSpec::default()
        };
        Seen {
            lease: Lease {
                spec: Some(spec),
                ..Lease::default()
            },
            since,
        }
    }

    #[test]
    fn a_lease_is_taken_only_when_free_or_still_for_its_whole_duration() {
        let (start, s) = (Instant::now(), Duration::from_secs);
        assert_eq!(decide(None, "me", start, s(15)), Move::Create);
        assert_eq!(
            decide(Some(&seen("me", start)), "me", start + s(60), s(15)),
            Move::Renew
        );
        assert_eq!(decide(Some(&seen("", start)), "me", start, s(15)), Move::Take);
        assert_eq!(
            decide(Some(&seen("you", start)), "me", start + s(14), s(15)),
            Move::Wait
        );
        assert_eq!(
            decide(Some(&seen("you", start)), "me", start + s(15), s(15)),
            Move::Take
        );
        assert_eq!(
            decide(Some(&seen("you", start)), "me", start + s(7), s(6)),
            Move::Wait,
            "their duration counts too"
        );
    }
}
