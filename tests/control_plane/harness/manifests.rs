//! Manifests as people write them.

use serde_json::{Value, json};

use super::repositories::Repository;

/// A Run over repositories; `rest` is merged into its spec.
pub fn run(name: &str, tickets: &[&str], repos: &[(&str, &Repository)], rest: Value) -> Value {
    let repos: Vec<_> = repos
        .iter()
        .map(|(name, r)| json!({"name": name, "url": r.url()}))
        .collect();
    let mut spec = json!({"tickets": tickets, "repos": repos});
    merge(&mut spec, rest);
    json!({"apiVersion": "metawsm.dev/v1alpha1", "kind": "Run", "metadata": {"name": name}, "spec": spec})
}

/// A topology written by hand.
pub fn topology(name: &str, ticket: &str, home: (&str, &str)) -> Value {
    json!({
        "apiVersion": "metawsm.dev/v1alpha1", "kind": "TicketTopology", "metadata": {"name": name},
        "spec": {"ticket": ticket, "docHomeRepo": home.0, "docHomeURL": home.1},
    })
}

/// A repository's endpoint, written by hand, that is asked every second; `rest` is merged into its spec.
pub fn endpoint(name: &str, url: &str, home: (&str, &str), rest: Value) -> Value {
    let mut spec = json!({"kind": "Repo", "url": url, "repo": home.0, "repoURL": home.1, "interval": "1s"});
    merge(&mut spec, rest);
    json!({"apiVersion": "metawsm.dev/v1alpha1", "kind": "DocEndpoint", "metadata": {"name": name}, "spec": spec})
}

/// JSON merge patch (RFC 7396): objects are merged, `null` removes, anything else replaces.
pub fn merge(into: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *into = patch;
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    let target = into.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            target.remove(&key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), value);
        }
    }
}
