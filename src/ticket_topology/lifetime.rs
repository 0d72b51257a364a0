//! How long a topology lives without claims. Pure; sees the topology alone, and deletes nothing.

use std::time::Duration;

use kube::ResourceExt as _;

use super::crd::{CANONICAL_SINCE, Claim, MADE_BY, MADE_BY_RUN, TicketTopology};
use super::events::OWNER_CHANGED;
use crate::kernel::moment::Moment;

/// A topology that a Run made and never claimed (it crashed in between) goes after so long.
const UNCLAIMED: Duration = Duration::from_mins(1);

/// What becomes of a topology as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Runs work on the ticket.
    Claimed,
    /// A person wrote it: it goes when a person deletes it.
    ByHand,
    /// The documents of the ticket are canonical history: it goes when a person deletes it.
    Canonical,
    /// Runs made it and none needs it: it goes after so long, at once where that is nothing.
    Going(Duration),
}

/// The lifetime of a topology that these claims stand on.
pub fn lifetime(topology: &TicketTopology, claims: &[Claim], now: Moment) -> Lifetime {
    if !claims.is_empty() {
        return Lifetime::Claimed;
    }
    if is_canonical(topology) {
        return Lifetime::Canonical;
    }
    if topology.labels().get(MADE_BY).is_none_or(|v| v != MADE_BY_RUN) {
        return Lifetime::ByHand;
    }
    let status = topology.status.as_ref();
    let journal = status.map(|s| s.journal.as_slice()).unwrap_or_default();
    if journal.iter().any(|e| e.kind == OWNER_CHANGED) {
        return Lifetime::Going(Duration::ZERO);
    }
    let born = topology.creation_timestamp().map_or(now, |t| Moment::new(t.0));
    Lifetime::Going(UNCLAIMED.saturating_sub(now.since(born)))
}

/// Any value counts, lest a mistyped date costs the ticket its history; an empty one is as none.
fn is_canonical(topology: &TicketTopology) -> bool {
    let since = topology.annotations().get(CANONICAL_SINCE);
    since.is_some_and(|value| !value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticket_topology::events::owner_changed;
    use serde_json::json;

    fn topology(by_run: bool, canonical: Option<&str>, was_claimed: bool) -> TicketTopology {
        let mut made: TicketTopology = serde_json::from_value(json!({
            "apiVersion": "metawsm.dev/v1alpha1", "kind": "TicketTopology",
            "metadata": { "name": "a-1", "creationTimestamp": "2026-11-21T12:00:00Z" },
            "spec": { "ticket": "A-1", "docHomeRepo": "docs", "docHomeURL": "/repos/docs" },
        }))
        .unwrap();
        if by_run {
            made.labels_mut().insert(MADE_BY.to_owned(), MADE_BY_RUN.to_owned());
        }
        if let Some(since) = canonical {
            made.annotations_mut()
                .insert(CANONICAL_SINCE.to_owned(), since.to_owned());
        }
        if was_claimed {
            let mut journal = crate::kernel::journal::Journal::new("u", &[]);
            journal.append(born(), vec![owner_changed("A-1", None, None)]);
            made.status.get_or_insert_default().journal = journal.into_entries();
        }
        made
    }

    fn born() -> Moment {
        Moment::new("2026-11-21T12:00:00Z".parse().unwrap())
    }

    fn claim() -> Claim {
        Claim {
            run_uid: "u".to_owned(),
            run_name: "r".to_owned(),
            home_url: "/repos/docs".to_owned(),
            since: born(),
        }
    }

    #[test]
    fn without_claims_one_by_hand_stays_and_one_by_a_run_goes_unless_it_is_canonical() {
        let at_once = Lifetime::Going(Duration::ZERO);
        let table = [
            (false, None, Lifetime::ByHand),
            (false, Some("2026-11-21"), Lifetime::Canonical),
            (true, None, at_once),
            (true, Some("2026-11-21T12:30:00Z"), Lifetime::Canonical),
            (true, Some("since the release"), Lifetime::Canonical),
            (true, Some(" "), at_once),
            (true, Some(""), at_once),
        ];
        for (by_run, canonical, expected) in table {
            let judged = lifetime(&topology(by_run, canonical, true), &[], born());
            assert_eq!(judged, expected, "by a Run: {by_run}, canonical: {canonical:?}");
            let claimed = lifetime(&topology(by_run, canonical, true), &[claim()], born());
            assert_eq!(claimed, Lifetime::Claimed);
        }
    }

    #[test]
    fn one_that_was_never_claimed_waits_a_minute_for_the_run_that_made_it() {
        let made = topology(true, None, false);
        assert_eq!(
            lifetime(&made, &[], born().plus(Duration::from_secs(20))),
            Lifetime::Going(Duration::from_secs(40))
        );
        assert_eq!(
            lifetime(&made, &[], born().plus(Duration::from_mins(5))),
            Lifetime::Going(Duration::ZERO)
        );
    }
}
