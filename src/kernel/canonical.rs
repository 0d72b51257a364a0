//! One byte form for a JSON value, so that a hash over it means something. Pure.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// JSON without white space and with sorted keys, whatever order the map keeps.
pub fn canonical_json(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<_> = map.keys().collect();
            keys.sort();
            write_list(out, ('{', '}'), keys, |key, out| {
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_value(&map[key.as_str()], out);
            });
        }
        Value::Array(items) => write_list(out, ('[', ']'), items, write_value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => out.push_str(&value.to_string()),
    }
}

fn write_list<T>(
    out: &mut String,
    (open, close): (char, char),
    items: impl IntoIterator<Item = T>,
    write: impl Fn(T, &mut String),
) {
    out.push(open);
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(close);
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
        assert_eq!(canonical_json(&value), r#"{"a":true,"b":[1,{"a":"\"x\"","z":null}]}"#);
    }
}
