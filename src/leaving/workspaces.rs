//! What a Run leaves on the controller's volume, as its status says: pure. Reads the status as JSON, so that a Run of another
//! version, or one that the controller could not read, is told of as well.

use serde::Serialize;
use serde_json::Value;

/// The folder of one workspace, and the work in it that may be nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    pub namespace: String,
    pub run: String,
    pub ticket: String,
    pub path: String,
    /// Clones with changes that are not committed.
    pub uncommitted: Vec<String>,
    /// Clones whose branch has commits of its own: nothing says that they were pushed.
    pub unpushed: Vec<String>,
    /// Clones that could not be looked at, with the reason.
    pub unknown: Vec<String>,
}

impl Left {
    /// Whether something in it may be lost with the volume.
    pub fn has_work(&self) -> bool {
        !(self.uncommitted.is_empty() && self.unpushed.is_empty() && self.unknown.is_empty())
    }
}

/// The workspaces that a Run's status names.
pub fn left_by(namespace: &str, run: &str, status: &Value) -> Vec<Left> {
    let workspaces = status["workspaces"].as_array().map(Vec::as_slice).unwrap_or_default();
    workspaces.iter().map(|w| left(namespace, run, w)).collect()
}

fn left(namespace: &str, run: &str, workspace: &Value) -> Left {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found = Left {
        namespace: namespace.to_owned(),
        run: run.to_owned(),
        ticket: word(&workspace["ticket"]),
        path: word(&workspace["path"]),
        uncommitted: vec![],
        unpushed: vec![],
        unknown: vec![],
    };
    for clone in workspace["repos"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let name = word(&clone["name"]);
        if clone["dirty"] == true {
            found.uncommitted.push(name.clone());
        }
        if let Some(problem) = clone["problem"].as_str() {
            found.unknown.push(format!("{name}: {problem}"));
        } else if clone["headCommit"].is_null() {
            found.unknown.push(format!("{name}: never looked at"));
        } else if clone["headCommit"] != clone["baseCommit"] {
            found.unpushed.push(name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(repos: &Value) -> Left {
        let status = json!({ "workspaces": [{ "ticket": "A-1", "path": "/w/a/relay/A-1", "repos": repos }] });
        left_by("a", "relay", &status).remove(0)
    }

    #[test]
    fn work_that_may_be_nowhere_else_is_named_by_clone() {
        let left = of(&json!([
            { "name": "clean", "baseCommit": "c", "headCommit": "c", "dirty": false },
            { "name": "changed", "baseCommit": "c", "headCommit": "c", "dirty": true },
            { "name": "ahead", "baseCommit": "c", "headCommit": "d", "dirty": false },
            { "name": "gone", "baseCommit": "c", "headCommit": "d", "problem": "the folder is missing" },
            { "name": "new", "baseCommit": "c" },
        ]));
        assert_eq!(left.uncommitted, ["changed"]);
        assert_eq!(left.unpushed, ["ahead"]);
        assert_eq!(left.unknown, ["gone: the folder is missing", "new: never looked at"]);
        assert!(left.has_work());
    }

    #[test]
    fn a_clean_workspace_is_listed_without_work_and_no_status_is_no_workspace() {
        let clean = of(&json!([{ "name": "api", "baseCommit": "c", "headCommit": "c", "dirty": false }]));
        assert!(!clean.has_work() && clean.path == "/w/a/relay/A-1");
        assert!(left_by("a", "relay", &Value::Null).is_empty());
        assert!(left_by("a", "relay", &json!({ "workspaces": "nonsense" })).is_empty());
    }
}
