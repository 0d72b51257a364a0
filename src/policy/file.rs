//! Reads a policy file, whole or not at all: an unknown key, a length of time that is none, levels that do not rise are
//! refused with the place in the file. Pure: the text comes in.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::rules::SlaFile;
use super::{AutoDraft, Policy, Retention, Target};
use crate::kernel::length::length;

/// The most bytes that are read: a thousand times what any policy needs, far below what a ConfigMap can hold.
pub const LIMIT: usize = 256 << 10;
/// The most webhooks: each is told of every escalation.
const TARGETS: usize = 16;

/// Why a text is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PolicyError {
    /// Where in the structure, like `sla.states.New.levels`; empty for the whole.
    pub path: String,
    /// Line and column, from 1, where known.
    pub place: Option<(u64, u64)>,
    pub message: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.place {
            write!(f, "line {line}, column {column}: ")?;
        }
        if !self.path.is_empty() && self.path != "." {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Reads a policy. An empty file is the default policy.
///
/// # Errors
/// The first thing that is wrong, and where.
pub fn read(text: &str) -> Result<Policy, PolicyError> {
    let whole = |message: String| PolicyError {
        path: String::new(),
        place: None,
        message,
    };
    if text.len() > LIMIT {
        return Err(whole(format!(
            "the file has {} bytes; at most {LIMIT} are read",
            text.len()
        )));
    }
    let blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#') || line.trim() == "---";
    if text.lines().all(blank) {
        return Ok(Policy::default());
    }
    let options = serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! { max_anchors: 16, max_aliases: 64, max_depth: 16, max_nodes: 5_000, },
    };
    let mut path = String::new();
    let parsed = serde_saphyr::with_deserializer_from_str_with_options(text, options, |yaml| {
        serde_path_to_error::deserialize::<_, PolicyFile>(yaml).map_err(|error| {
            path = error.path().to_string();
            error.into_inner()
        })
    });
    parsed.map(Policy::from).map_err(|error| PolicyError {
        path,
        place: error.location().map(|at| (at.line(), at.column())),
        message: first_line(&error.without_snippet().to_string()),
    })
}

/// The parser adds the place in its own words; ours stands before it.
fn first_line(said: &str) -> String {
    let line = said.lines().next().unwrap_or_default();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let line = match line.split_once(": ") {
        Some((before, rest)) if before.starts_with("line ") => rest,
        _ => line,
    };
    let end = line.rfind(" at line ").unwrap_or(line.len());
    line[..end].to_owned()
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PolicyFile {
    #[serde(default)]
    sla: SlaFile,
    #[serde(default = "on")]
    docs_sync: bool,
    #[serde(default)]
    auto_triage: bool,
    auto_draft: Option<AutoDraftFile>,
    #[serde(default)]
    notify: Targets,
    #[serde(default)]
    retention: RetentionFile,
}

fn on() -> bool {
    true
}

impl From<PolicyFile> for Policy {
    fn from(file: PolicyFile) -> Self {
        Self {
            sla: file.sla.resolved(),
            docs_sync: file.docs_sync,
            auto_triage: file.auto_triage,
            auto_draft: file.auto_draft.map(|draft| AutoDraft {
                command: draft.command.0,
            }),
            notify: file.notify.0,
            retention: Retention {
                closed_threads: file.retention.closed_threads.map(|l| l.0),
                events: file.retention.events.map(|l| l.0),
            },
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AutoDraftFile {
    command: Words,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RetentionFile {
    closed_threads: Option<Length>,
    events: Option<Length>,
}

/// A length of time.
pub(super) struct Length(pub Duration);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        length(&text)
            .map(Self)
            .map_err(|why| de::Error::custom(format!("'{text}' is no length of time: {why}")))
    }
}

/// A command line: at least one word.
struct Words(Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(from)?;
        match words.first().is_none_or(String::is_empty) {
            true => Err(de::Error::custom("a command needs at least the name of a program")),
            false => Ok(Self(words)),
        }
    }
}

/// Webhooks with names of their own.
#[derive(Default)]
struct Targets(Vec<Target>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetFile {
    name: String,
    url: String,
}

impl<'de> Deserialize<'de> for Targets {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let files = Vec::<TargetFile>::deserialize(from)?;
        if files.len() > TARGETS {
            return Err(de::Error::custom(format!(
                "there are {} targets; at most {TARGETS} are possible",
                files.len()
            )));
        }
        let mut targets: Vec<Target> = Vec::new();
        for TargetFile { name, url } in files {
            let known = url::Url::parse(&url).is_ok_and(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
            if !known {
                return Err(de::Error::custom(format!("'{url}' is no http or https address")));
            }
            if name.is_empty() || targets.iter().any(|t| t.name == name) {
                return Err(de::Error::custom(format!(
                    "give each target a name of its own; '{name}' is none"
                )));
            }
            targets.push(Target { name, url });
        }
        Ok(Self(targets))
    }
}

impl Policy {
    /// Keys that are understood and have no effect in this version, where they differ from what happens without them.
    pub fn without_effect(&self) -> Vec<&'static str> {
        let usual = Self::default();
        [
            ("docsSync", self.docs_sync != usual.docs_sync),
            ("autoTriage", self.auto_triage != usual.auto_triage),
            ("autoDraft", self.auto_draft != usual.auto_draft),
            ("notify", self.notify != usual.notify),
        ]
        .into_iter()
        .filter_map(|(key, set)| set.then_some(key))
        .collect()
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod file_tests;
