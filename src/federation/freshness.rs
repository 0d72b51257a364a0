//! Whether an index is fresh, compared as instants: clocks of different zones say the same. Pure.

use std::time::Duration;

use crate::kernel::moment::Moment;

/// Whether what a server says is fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// For so long at least, if nothing changes.
    Fresh { left: Duration },
    /// The index is older than allowed.
    Old,
    /// The server cannot be asked: it may have moved on.
    Unreachable,
    /// It does not say when its index was built, or nothing is known yet.
    Unknown,
}

/// Judges an index. One from the future (the server's clock is ahead) is as fresh as one of this moment.
pub fn freshness(indexed_at: Option<Moment>, reachable: bool, stale_after: Duration, now: Moment) -> Freshness {
    let Some(at) = indexed_at else {
        return Freshness::Unknown;
    };
    match stale_after.checked_sub(now.since(at)) {
        _ if !reachable => Freshness::Unreachable,
        Some(left) if !left.is_zero() => Freshness::Fresh { left },
        Some(_) | None => Freshness::Old,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_fresh_until_it_is_as_old_as_allowed() {
        let at = |s: i64| Moment::from_millis(s * 1000).unwrap();
        let judge =
            |indexed: i64, reachable| freshness(Some(at(indexed)), reachable, Duration::from_secs(60), at(1000));
        let fresh = |left| Freshness::Fresh {
            left: Duration::from_secs(left),
        };
        for (indexed, expected) in [
            (1000, fresh(60)),
            (941, fresh(1)),
            (940, Freshness::Old),
            (1, Freshness::Old),
            (5000, fresh(60)),
        ] {
            assert_eq!(judge(indexed, true), expected, "{indexed}");
            assert_eq!(judge(indexed, false), Freshness::Unreachable, "{indexed}");
        }
        assert_eq!(
            freshness(None, true, Duration::from_secs(60), at(0)),
            Freshness::Unknown
        );
    }
}
