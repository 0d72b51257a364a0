//! What docmgr's answers look like, and when a text is a time. Reads JSON; judges nothing. Unknown fields are passed over,
//! every list may be null.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::kernel::moment::Moment;

/// `workspace/status`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusAnswer {
    pub root: String,
    #[serde(default)]
    pub repo_root: String,
    pub indexed_at: String,
    pub docs_indexed: u64,
    #[serde(default)]
    pub fts_available: bool,
}

/// `index/refresh`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefreshAnswer {
    pub refreshed: bool,
    pub indexed_at: String,
    pub docs_indexed: u64,
}

/// One page of a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "T: DeserializeOwned"))]
pub struct Page<T> {
    pub total: u64,
    #[serde(deserialize_with = "list")]
    pub results: Vec<T>,
    pub next_cursor: String,
}

/// One row of `workspace/tickets`, and `tickets/get`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketAnswer {
    pub ticket: String,
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub intent: String,
    #[serde(default, deserialize_with = "list")]
    pub topics: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    pub owners: Vec<String>,
    #[serde(default)]
    pub updated_at: String,
    #[serde(default)]
    pub ticket_dir: String,
    #[serde(default)]
    pub index_path: String,
}

/// One row of `tickets/docs`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DocumentRowAnswer {
    pub path: String,
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub doc_type: String,
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub last_updated: String,
}

/// `docs/get`; `doc` is missing where the frontmatter is unreadable.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DocumentAnswer {
    pub path: String,
    pub doc: Option<FrontAnswer>,
    pub body: String,
}

/// The frontmatter of a document.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FrontAnswer {
    #[serde(default)]
    pub title: String,
}

/// The envelope of every error.
#[derive(Debug, Deserialize)]
pub struct ErrorAnswer {
    pub error: ErrorBody,
}

/// What went wrong, by docmgr's words.
#[derive(Debug, Deserialize)]
pub struct ErrorBody {
    pub code: String,
    #[serde(default)]
    pub message: String,
}

fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(from)?.unwrap_or_default())
}

/// The instant of a time in any zone. The year 1 means that nobody knows, and so does an empty text.
///
/// # Errors
/// The text is no time at all.
pub fn instant(text: &str) -> Result<Option<Moment>, jiff::Error> {
    if text.is_empty() {
        return Ok(None);
    }
    let at: Timestamp = text.parse()?;
    Ok((at > KNOWN_FROM).then(|| Moment::new(at)))
}

/// 1900: no document is older, and Go's year 1 is before it in every zone.
const KNOWN_FROM: Timestamp = Timestamp::constant(-2_208_988_800, 0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_instants_whatever_their_zone_and_precision() {
        let at = |text: &str| instant(text).unwrap();
        assert_eq!(
            at("2026-11-21T08:36:44.977177998Z"),
            at("2026-11-21T09:36:44.977+01:00")
        );
        assert_eq!(at("2026-11-21T08:36:44Z").unwrap().as_millis(), 1_795_250_204_000);
        for unknown in ["", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"] {
            assert_eq!(at(unknown), None, "{unknown}");
        }
        for wrong in ["yesterday", "2026-11-21", "2026-11-21 08:36"] {
            assert!(instant(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_null_is_an_empty_list_and_a_missing_list_of_results_is_wrong() {
        let page = |text: &str| serde_json::from_str::<Page<TicketAnswer>>(text);
        assert!(
            page(r#"{"total":0,"results":null,"nextCursor":""}"#)
                .unwrap()
                .results
                .is_empty()
        );
        let row = r#"{"total":1,"results":[{"ticket":"A-1","topics":null}],"nextCursor":""}"#;
        assert!(page(row).unwrap().results[0].topics.is_empty());
        for wrong in [
            "{}",
            "[]",
            "null",
            r#"{"total":0,"nextCursor":""}"#,
            r#"{"total":0,"results":{},"nextCursor":""}"#,
            r#"{"total":1,"results":[{"ticket":5}],"nextCursor":""}"#,
        ] {
            assert!(page(wrong).is_err(), "{wrong}");
        }
    }
}
