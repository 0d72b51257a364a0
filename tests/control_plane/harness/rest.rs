//! Whether a story has come to rest, by what its objects say: for Runs whose workspaces all have documents.
//! Pure.

use serde_json::Value;

use super::stage::condition;

/// The objects of a story.
pub struct Scene {
    pub runs: Vec<Value>,
    pub endpoints: Vec<Value>,
    pub topologies: Vec<Value>,
}

impl Scene {
    /// All documents are served; every endpoint was heard, and has in its index what was seeded; every topology says of
    /// its workspace what the endpoint says.
    pub fn is_at_rest(&self) -> bool {
        self.is_served() && self.is_heard() && self.topologies.iter().all(|t| self.is_ruled(t))
    }

    /// What objects look like: two scenes with the same versions are one.
    pub fn versions(&self) -> Vec<String> {
        let objects = self.runs.iter().chain(&self.endpoints).chain(&self.topologies);
        objects.map(|o| o["metadata"]["resourceVersion"].to_string()).collect()
    }

    fn is_served(&self) -> bool {
        let workspaces = |r: &Value| r["spec"]["tickets"].as_array().map_or(0, Vec::len);
        self.endpoints.len() >= self.runs.iter().map(workspaces).sum::<usize>()
            && self.runs.iter().all(|r| is_true(r, "DocsServed"))
    }

    fn is_heard(&self) -> bool {
        let pending = |e: &Value| {
            let state = &e["status"]["refresh"]["state"];
            *state == "Waiting" || *state == "Running"
        };
        let heard = |e: &Value| is_true(e, "Reachable") && !pending(e) && self.holds_its_seed(e);
        self.endpoints.iter().all(heard)
    }

    /// Always so where it is no workspace's.
    fn holds_its_seed(&self, endpoint: &Value) -> bool {
        let workspaces = self.runs.iter().filter_map(|r| r["status"]["workspaces"].as_array());
        let mut own = workspaces
            .flatten()
            .filter(|w| w["endpoint"] == endpoint["metadata"]["name"]);
        own.all(|w| w["seed"]["revision"] == endpoint["status"]["seedRevision"])
    }

    fn is_ruled(&self, topology: &Value) -> bool {
        let status = &topology["status"];
        let (authority, record) = (&status["authority"], &status["record"]);
        let mut endpoints = self.endpoints.iter();
        let endpoint = endpoints.find(|e| e["metadata"]["name"] == authority["endpoint"]);
        authority["kind"] == "Workspace"
            && endpoint.is_some_and(|e| record["indexedAt"] == e["status"]["indexedAt"] && record["stale"] != true)
    }
}

fn is_true(object: &Value, kind: &str) -> bool {
    condition(object, kind)["status"] == "True"
}
