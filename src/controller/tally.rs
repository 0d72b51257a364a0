//! Counts what the conditions of objects say. Pure.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// How many objects say what, by condition and status.
pub type Tally = BTreeMap<String, BTreeMap<String, i64>>;

/// Counts anew. Conditions that were known before are counted as well, with nothing where no object has them any more.
pub fn tally<'a>(objects: impl Iterator<Item = &'a [Condition]>, before: Tally) -> Tally {
    let mut counted: Tally = before.into_keys().map(|known| (known, BTreeMap::new())).collect();
    for condition in objects.flatten() {
        let by_status = counted.entry(condition.type_.clone()).or_default();
        *by_status.entry(condition.status.clone()).or_default() += 1;
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn conditions(pairs: &[(&str, &str)]) -> Vec<Condition> {
        let one = |(kind, status): &(&str, &str)| {
            let at = "2026-11-21T12:00:00Z";
            let condition =
                json!({ "type": kind, "status": status, "reason": "A", "message": "", "lastTransitionTime": at });
            serde_json::from_value(condition).unwrap()
        };
        pairs.iter().map(one).collect()
    }

    #[test]
    fn conditions_are_counted_by_status_and_what_nobody_has_any_more_is_nothing() {
        let objects = [
            conditions(&[("Ready", "True"), ("Stalled", "False")]),
            conditions(&[("Ready", "False"), ("Stalled", "True")]),
            conditions(&[("Ready", "True")]),
        ];
        let first = tally(objects.iter().map(Vec::as_slice), Tally::new());
        assert_eq!(
            (
                first["Ready"]["True"],
                first["Ready"]["False"],
                first["Stalled"]["True"]
            ),
            (2, 1, 1)
        );
        let second = tally(std::iter::empty(), first);
        assert!(second["Ready"].is_empty() && second["Stalled"].is_empty(), "{second:?}");
    }
}
