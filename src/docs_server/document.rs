//! `docs/get`: one document as it is on disk now. Serves Markdown's text and what its head says, and nothing that is
//! not below the root.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal};
use super::place::{Place, normal};
use super::rows::RelatedRow;
use super::times;
use crate::kernel::document_head::{self as head, Head, NO_HEAD, Unreadable};
use crate::kernel::written::ZERO;

/// The longest document that is served; docmgr's own bound for files.
const LONGEST: u64 = 2 * 1024 * 1024;

/// Reads the document.
pub fn get(place: &Place, asked: &str) -> Answer {
    let path = relative(place, asked)?;
    let shown = path.to_string_lossy().into_owned();
    let (bytes, size, modified) = read(place, &path, asked)?;
    let text = String::from_utf8_lossy(&bytes);
    let (body, head) = match head::split(&text) {
        None => (text.as_ref(), Err(no_head())),
        Some(split) => (split.body, head::read(split.head)),
    };
    let mut answer = json!({
        "path": shown, "relatedFiles": [], "body": body,
        "stats": { "sizeBytes": size, "modTime": modified },
    });
    match head {
        Ok(head) => {
            answer["relatedFiles"] = json!(related(&head).unwrap_or_default());
            answer["doc"] = doc(&head);
        }
        Err(why) => answer["diagnostic"] = diagnostic(&shown, &text, &why),
    }
    Ok(answer)
}

/// The path below the root, by its words alone.
fn relative(place: &Place, asked: &str) -> Result<PathBuf, Refusal> {
    if asked.contains('\0') {
        return Err(Refusal::invalid("invalid path", "path", asked));
    }
    let whole = normal(&place.root.join(asked));
    let below = whole.strip_prefix(&place.root).map_err(|_| Refusal::outside())?;
    if below.as_os_str().is_empty() {
        return Err(Refusal::invalid("path refers to a directory", "path", asked));
    }
    Ok(below.to_owned())
}

fn read(place: &Place, path: &Path, asked: &str) -> Result<(Vec<u8>, u64, String), Refusal> {
    let refused = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Refusal::not_found("file", "path", asked),
        io::ErrorKind::CrossesDevices => Refusal::outside(),
        _ => Refusal::internal(format!("open {}: {error}", path.display())),
    };
    let file = place.open().and_then(|root| root.open_beneath(path)).map_err(refused)?;
    let data = file.metadata().map_err(refused)?;
    if data.is_dir() {
        return Err(Refusal::invalid("path is a directory", "path", asked));
    }
    if !data.is_file() {
        return Err(Refusal::invalid("path is not a file", "path", asked));
    }
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(refused)?;
    if bytes.len() as u64 > LONGEST {
        return Err(Refusal::too_large(asked, LONGEST));
    }
    let modified = data
        .modified()
        .ok()
        .and_then(times::of_file)
        .unwrap_or(Timestamp::UNIX_EPOCH);
    Ok((bytes, data.len(), modified.to_string()))
}

fn related(head: &Head) -> Option<Vec<RelatedRow>> {
    head.related_files
        .as_ref()
        .map(|files| files.iter().map(RelatedRow::from).collect())
}

fn doc(head: &Head) -> Value {
    json!({
        "title": head.title, "ticket": head.ticket, "status": head.status, "topics": head.topics,
        "docType": head.doc_type, "intent": head.intent, "owners": head.owners, "relatedFiles": related(head),
        "externalSources": head.external_sources, "summary": head.summary,
        "lastUpdated": head.last_updated.map_or_else(|| ZERO.to_owned(), |at| at.original()),
        "whatFor": head.what_for, "whenToUse": head.when_to_use,
    })
}

fn no_head() -> Unreadable {
    Unreadable {
        line: 0,
        problem: NO_HEAD.to_owned(),
    }
}

fn diagnostic(path: &str, text: &str, why: &Unreadable) -> Value {
    json!({
        "Tool": "docmgr", "Stage": "docmgr.frontmatter.parse", "Symptom": "yaml_syntax", "Path": path,
        "Severity": "error", "Cause": {},
        "Context": {
            "File": path, "Line": why.line, "Column": 0, "Snippet": snippet(text, why.line), "Problem": why.problem,
            "Fixes": null,
        },
    })
}

/// The line with its neighbours.
fn snippet(text: &str, line: usize) -> String {
    if line == 0 {
        return String::new();
    }
    let lines = text.lines().enumerate().map(|(place, words)| (place + 1, words));
    let near = lines.filter(|(number, _)| number.abs_diff(line) <= 1);
    let numbered: Vec<_> = near.map(|(number, words)| format!("{number:>4} | {words}")).collect();
    numbered.join("\n")
}
