//! Which Run's workspace is authoritative: the oldest claim. Pure.

use super::crd::{Claim, Owner};

/// The owner among the claims: the oldest, ties by uid, so that the order of the list does not matter.
pub fn owner(claims: &[Claim]) -> Option<Owner> {
    claims
        .iter()
        .min_by(|a, b| (a.since, &a.run_uid).cmp(&(b.since, &b.run_uid)))
        .map(|c| Owner {
            run_name: c.run_name.clone(),
            run_uid: c.run_uid.clone(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::moment::Moment;
    use proptest::prelude::*;

    fn claim(uid: &str, ms: i64) -> Claim {
        Claim {
            run_uid: uid.into(),
            run_name: format!("run-{uid}"),
            home_url: "/repos/docs".into(),
            since: Moment::from_millis(ms).unwrap(),
        }
    }

    #[test]
    fn the_oldest_claim_owns() {
        assert_eq!(owner(&[]), None);
        assert_eq!(owner(&[claim("b", 20), claim("a", 30)]).unwrap().run_uid, "b");
        assert_eq!(owner(&[claim("b", 20), claim("a", 20)]).unwrap().run_uid, "a");
    }

    proptest! {
        #[test]
        fn the_order_of_claims_does_not_matter(times in prop::collection::vec(0i64..5, 1..12), turn in 0usize..12) {
            let claims: Vec<_> = times.iter().enumerate().map(|(i, t)| claim(&i.to_string(), *t)).collect();
            let mut turned = claims.clone();
            turned.rotate_left(turn % claims.len());
            prop_assert_eq!(owner(&claims), owner(&turned));
        }
    }
}
