//! One byte form for a JSON value, so that a hash over it means something. Pure.

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// JSON without white space and with sorted keys, whatever order the map keeps. A struct is written in the order of its
/// fields: those that are hashed so have them sorted, and a test that says so.
pub fn canonical_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A value whose objects are written with their keys sorted, at every depth.
pub struct Sorted<'a>(pub &'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(map) => SortedMap(map).serialize(to),
            Value::Array(items) => to.collect_seq(items.iter().map(Sorted)),
            leaf @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => leaf.serialize(to),
        }
    }
}

/// The same of an object.
pub struct SortedMap<'a>(pub &'a Map<String, Value>);

impl Serialize for SortedMap<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut fields: Vec<_> = self.0.iter().collect();
        fields.sort_unstable_by_key(|(key, _)| *key);
        let mut map = to.serialize_map(Some(fields.len()))?;
        for (key, value) in fields {
            map.serialize_entry(key, &Sorted(value))?;
        }
        map.end()
    }
}

/// `sha256:` and the hex digest.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_sorted_at_every_depth() {
        let value = json!({"b": [1, {"z": null, "a": "\"x\""}], "a": true});
        assert_eq!(
            canonical_json(&Sorted(&value)),
            r#"{"a":true,"b":[1,{"a":"\"x\"","z":null}]}"#
        );
    }
}
