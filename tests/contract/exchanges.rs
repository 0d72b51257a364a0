//! The recorded exchanges, by number.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// One exchange.
#[derive(Clone, Debug, Deserialize)]
pub struct Exchange {
    pub request: Asked,
    pub response: Answered,
}

/// What was asked.
#[derive(Clone, Debug, Deserialize)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: BTreeMap<String, String>,
}

/// What was answered.
#[derive(Clone, Debug, Deserialize)]
pub struct Answered {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Value,
}

impl Answered {
    /// The body as it went over the wire.
    pub fn bytes(&self) -> Vec<u8> {
        match &self.body {
            Value::String(text) => text.clone().into_bytes(),
            Value::Null => Vec::new(),
            json => serde_json::to_vec(json).unwrap(),
        }
    }
}

/// All of them.
pub fn all() -> BTreeMap<u16, Exchange> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/docmgr/http");
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        let number = path.file_name().unwrap().to_str().unwrap()[..3].parse().unwrap();
        let exchange = serde_json::from_slice(&fs::read(&path).unwrap());
        (number, exchange.unwrap_or_else(|e| panic!("{}: {e}", path.display())))
    };
    let all: BTreeMap<u16, Exchange> = fs::read_dir(folder).unwrap().map(read).collect();
    assert_eq!(all.len(), 178, "the recordings are complete");
    all
}
