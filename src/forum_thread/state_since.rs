//! Since when a thread is in its state. Pure.
//!
//! No field of the spec says so, and none could be trusted to. A thread entered the state that it was made with when it
//! was made; a later state no later than the last write of whoever owns `spec.state` in `managedFields`. Posts by the
//! same writer move that time, so it is an upper bound: a clock may start late by that much, and never early.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;

use crate::kernel::moment::Moment;

/// The earliest time among those who own `spec.state`; `None` where nobody is known to.
pub fn owned_since(managed_fields: &[ManagedFieldsEntry]) -> Option<Moment> {
    let owners = managed_fields.iter().filter(|entry| {
        let fields = entry.fields_v1.as_ref().map(|f| &f.0);
        let owns = fields.is_some_and(|f| f.get("f:spec").is_some_and(|spec| spec.get("f:state").is_some()));
        owns && entry.subresource.as_deref().unwrap_or_default().is_empty()
    });
    owners
        .filter_map(|entry| Some(Moment::new(entry.time.as_ref()?.0)))
        .min()
}

/// The time that counts: never before the last one, nor after now.
pub fn state_since(owned: Option<Moment>, last: Option<Moment>, now: Moment) -> Moment {
    let found = owned.unwrap_or(now).min(now);
    last.map_or(found, |last| found.max(last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn at(second: i64) -> Moment {
        Moment::from_millis(second * 1000).unwrap()
    }

    fn entry(second: i64, subresource: &str, fields: &Value) -> ManagedFieldsEntry {
        serde_json::from_value(json!({
            "manager": "m", "operation": "Update", "time": at(second), "subresource": subresource, "fieldsV1": fields,
        }))
        .unwrap()
    }

    #[test]
    fn the_owner_of_the_state_says_when_and_nobody_else() {
        let fields = [
            entry(50, "", &json!({"f:spec": {"f:state": {}, "f:posts": {}}})),
            entry(40, "", &json!({"f:spec": {"f:posts": {}}})),
            entry(30, "status", &json!({"f:status": {"f:state": {}}})),
            entry(20, "", &json!({"f:metadata": {"f:finalizers": {}}})),
        ];
        assert_eq!(owned_since(&fields), Some(at(50)));
        assert_eq!(owned_since(&fields[1..]), None);
    }

    #[test]
    fn of_two_owners_the_earlier_one_entered_it() {
        let fields = [50, 45, 60].map(|s| entry(s, "", &json!({"f:spec": {"f:state": {}}})));
        assert_eq!(owned_since(&fields), Some(at(45)));
    }

    #[test]
    fn the_time_is_never_before_the_last_one_nor_after_now() {
        let table = [
            (Some(50), Some(40), 60, 50),
            (Some(30), Some(40), 60, 40),
            (Some(90), Some(40), 60, 60),
            (None, Some(40), 60, 60),
            (None, None, 60, 60),
            (Some(50), Some(40), 20, 40),
        ];
        for (owned, last, now, expected) in table {
            let since = state_since(owned.map(at), last.map(at), at(now));
            assert_eq!(since, at(expected), "{owned:?} {last:?} {now}");
        }
    }
}
