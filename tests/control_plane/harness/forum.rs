//! Threads as people write them, policies for them, and what the history says about one.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::history::column;
use super::people::Person;

/// A question on a ticket; `rest` is merged into its spec.
pub fn question(name: &str, rest: Value) -> Value {
    let mut spec = json!({
        "ticket": "A-1", "title": "Which one?", "posts": [{"id": "q1", "kind": "Question", "body": "Left or right?"}],
    });
    super::manifests::merge(&mut spec, rest);
    json!({"apiVersion": "metawsm.dev/v1alpha1", "kind": "ForumThread", "metadata": {"name": name}, "spec": spec})
}

/// Writes a policy beside the controller's data and gives its path.
pub fn policy(folder: &Path, text: &str) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join("policy.yaml");
    let fresh = folder.join("policy.new");
    std::fs::write(&fresh, text).unwrap();
    std::fs::rename(fresh, &path).unwrap();
    path
}

/// Adds a post and changes the state in one write.
pub async fn say(who: &Person, thread: &str, post: Value, state: &str) {
    let operations = json!([
        {"op": "add", "path": "/spec/posts/-", "value": post}, {"op": "add", "path": "/spec/state", "value": state},
    ]);
    who.patch(thread, operations).await.expect("it may be said");
}

/// The types of a thread's events, in the order of their numbers.
pub async fn events_of(database: &Path, thread: &str) -> Vec<String> {
    column(database, &query("event_type", thread)).await
}

/// What a thread's events of one type say.
pub async fn told(database: &Path, thread: &str, event_type: &str) -> Vec<Value> {
    let rows = column(
        database,
        &format!(
            "{} AND event_type = '{event_type}' ORDER BY sequence",
            where_thread("data", thread)
        ),
    )
    .await;
    rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect()
}

fn where_thread(what: &str, thread: &str) -> String {
    format!("SELECT {what} FROM events WHERE subject LIKE 'ForumThread/%/{thread}'")
}

fn query(what: &str, thread: &str) -> String {
    format!("{} ORDER BY sequence", where_thread(what, thread))
}
