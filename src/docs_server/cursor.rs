//! The cursor of a page: an offset into a list, in the form that docmgr gives it. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Payload {
    #[serde(default)]
    v: i64,
    #[serde(default)]
    o: i64,
}

/// The cursor that continues at that offset.
pub fn encode(offset: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("{{\"v\":1,\"o\":{offset}}}"))
}

/// The offset of a cursor; an empty one is the beginning.
///
/// # Errors
/// What is wrong with it.
pub fn decode(cursor: &str) -> Result<usize, String> {
    let cursor = cursor.trim();
    if cursor.is_empty() {
        return Ok(0);
    }
    let bytes = URL_SAFE_NO_PAD
        .decode(cursor)
        .map_err(|e| format!("invalid cursor: {e}"))?;
    let payload: Payload = serde_json::from_slice(&bytes).map_err(|e| format!("invalid cursor: {e}"))?;
    if payload.v != 1 {
        return Err(format!("invalid cursor version: {}", payload.v));
    }
    usize::try_from(payload.o).map_err(|_| format!("invalid cursor offset: {}", payload.o))
}

/// One page of a list and the cursor of the next one, empty at the end.
pub fn page<T>(rows: &[T], offset: usize, size: usize) -> (&[T], String) {
    let begin = offset.min(rows.len());
    let end = begin.saturating_add(size).min(rows.len());
    let next = if end < rows.len() { encode(end) } else { String::new() };
    (&rows[begin..end], next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cursors_are_docmgrs_own() {
        assert_eq!(encode(2), "eyJ2IjoxLCJvIjoyfQ");
        assert_eq!(decode("eyJ2IjoxLCJvIjo5OTl9"), Ok(999));
        assert_eq!(
            decode("eyJ2IjoyLCJvIjoxfQ"),
            Err("invalid cursor version: 2".to_owned())
        );
        for bad in ["not-a-cursor", "====", "e30"] {
            assert!(decode(bad).is_err(), "{bad}");
        }
        assert!(decode(&URL_SAFE_NO_PAD.encode(r#"{"v":1,"o":-1}"#)).is_err());
    }

    proptest! {
        #[test]
        fn pages_of_any_size_give_every_row_once(rows in 0usize..2500, size in 1usize..1200) {
            let rows: Vec<usize> = (0..rows).collect();
            let (mut seen, mut cursor) = (Vec::new(), String::new());
            loop {
                let (page, next) = page(&rows, decode(&cursor).unwrap(), size);
                prop_assert!(page.len() <= size);
                seen.extend_from_slice(page);
                if next.is_empty() {
                    break;
                }
                prop_assert!(!page.is_empty());
                cursor = next;
            }
            prop_assert_eq!(seen, rows);
        }
    }
}
