//! The recorded exchanges: requests and the real program's answers, and how two answers are compared.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
pub struct Recording {
    #[serde(skip)]
    pub name: String,
    pub request: Request,
    pub response: Response,
}

#[derive(Debug, Deserialize)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: serde_json::Map<String, Value>,
    pub headers: serde_json::Map<String, Value>,
    pub body: Value,
}

#[derive(Debug, Deserialize)]
pub struct Response {
    pub status: u16,
    pub headers: serde_json::Map<String, Value>,
    pub body: Value,
}

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/docmgr")
}

/// Every recording, by number.
pub fn all() -> Vec<(u32, Recording)> {
    let folder = fixtures().join("http");
    let files = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path());
    let mut all: Vec<_> = files
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let mut recording: Recording = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let number = name.split('-').next().unwrap().parse().unwrap();
            recording.name = name;
            (number, recording)
        })
        .collect();
    all.sort_by_key(|(number, _)| *number);
    all
}

impl Recording {
    /// The path with its query, where `/repo` is the repository of the test.
    pub fn target(&self, repo: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.request.query {
            query.append_pair(name, &moved(value.as_str().unwrap(), repo));
        }
        match query.finish().as_str() {
            "" => self.request.path.clone(),
            query => format!("{}?{query}", self.request.path),
        }
    }
}

/// A recorded text with the test's own repository in the place of `/repo`.
fn moved(text: &str, repo: &str) -> String {
    match text.strip_prefix("/repo") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{repo}{rest}"),
        _ => text.to_owned(),
    }
}

/// What differs between a recorded body and ours, by field; `repo` stands for `/repo`.
pub fn differences(at: &str, recorded: &Value, ours: &Value, repo: &str) -> Vec<String> {
    let field = at.rsplit('.').next().unwrap();
    match (recorded, ours) {
        (Value::Object(a), Value::Object(b)) => {
            let names: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            let missing = |name: &str, who: &str| vec![format!("{at}.{name}: only in {who}")];
            let each = names.into_iter().flat_map(|name| match (a.get(name), b.get(name)) {
                (Some(x), Some(y)) => differences(&format!("{at}.{name}"), x, y, repo),
                (None, _) => missing(name, "ours"),
                (_, None) => missing(name, "docmgr's"),
            });
            each.collect()
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let pairs = a.iter().zip(b).enumerate();
            pairs
                .flat_map(|(n, (x, y))| differences(&format!("{at}.{n}"), x, y, repo))
                .collect()
        }
        // The moment of our own index: any time in UTC.
        (Value::String(_), Value::String(y)) if field == "indexedAt" => match y.parse::<jiff::Timestamp>() {
            Ok(_) if y.ends_with('Z') => vec![],
            _ => vec![format!("{at}: {y} is no time in UTC")],
        },
        // There is no full-text index here.
        (Value::Bool(_), Value::Bool(false)) if field == "ftsAvailable" => vec![],
        // Another YAML parser has other words, and may name another line of the same head.
        (Value::String(x), Value::String(y)) if field == "Problem" && x.starts_with("yaml:") => {
            match y.starts_with("yaml:") {
                true => vec![],
                false => vec![format!("{at}: {y}")],
            }
        }
        (Value::Number(x), Value::Number(y)) if field == "Line" => {
            match (x.as_u64() == Some(0)) == (y.as_u64() == Some(0)) {
                true => vec![],
                false => vec![format!("{at}: {x} and {y}")],
            }
        }
        (Value::String(x), Value::String(y)) if field == "Snippet" => match x.is_empty() == y.is_empty() {
            true => vec![],
            false => vec![format!("{at}: {x:?} and {y:?}")],
        },
        // Go's own words for broken JSON.
        (Value::String(x), Value::String(y)) if field == "message" && x.starts_with("invalid cursor:") => {
            match y.starts_with("invalid cursor:") {
                true => vec![],
                false => vec![format!("{at}: {y}")],
            }
        }
        (Value::String(x), Value::String(y)) if moved(x, repo) == *y => vec![],
        (x, y) if x == y => vec![],
        (x, y) => vec![format!("{at}: docmgr {x}, ours {y}")],
    }
}
