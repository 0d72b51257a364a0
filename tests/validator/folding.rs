//! What must hold of the read models. Pure: evidence in, flaws out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::evidence::{Evidence, Object};

pub fn folded_is_rebuilt(evidence: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    if evidence.behind != 0 {
        wrong.push(format!("{} events are not folded", evidence.behind));
    }
    let (folded, rebuilt): (BTreeSet<_>, BTreeSet<_>) =
        (evidence.folded.iter().collect(), evidence.rebuilt.iter().collect());
    wrong.extend(
        folded
            .difference(&rebuilt)
            .map(|row| format!("a rebuild would not give {row}")),
    );
    wrong.extend(
        rebuilt
            .difference(&folded)
            .map(|row| format!("only a rebuild gives {row}")),
    );
    wrong
}

pub fn folded_is_thread(evidence: &Evidence) -> Vec<String> {
    let rows: Vec<Value> = evidence
        .folded
        .iter()
        .filter_map(|row| serde_json::from_str(row).ok())
        .filter(|row: &Value| row["table"] == "forum_threads")
        .collect();
    let by_uid: BTreeMap<_, _> = rows
        .iter()
        .filter_map(|row| Some((row["uid"].as_str()?, row)))
        .collect();
    let threads = evidence.objects.iter().filter(|object| object.kind == "ForumThread");
    let mut wrong = Vec::new();
    for thread in threads.filter(|thread| !thread.journal.is_empty()) {
        match by_uid.get(thread.uid.as_str()) {
            None => wrong.push(format!("{} is not folded", thread.name)),
            Some(row) => wrong.extend(differences(thread, row)),
        }
    }
    wrong
}

fn differences(thread: &Object, row: &Value) -> Vec<String> {
    let (spec, status) = (&thread.spec, &thread.status);
    let pairs = [
        ("title", &spec["title"]),
        ("ticket", &spec["ticket"]),
        ("state", &status["state"]),
        ("waiting_on", &status["waitingOn"]),
        ("priority", &status["priority"]),
        ("assignee", &status["assignedTo"]["name"]),
        ("post_count", &status["postCount"]),
        ("escalation_count", &status["sla"]["escalationCount"]),
        ("deleted_at", &Value::Null),
    ];
    let differs = pairs.iter().filter(|(column, shown)| {
        let none_yet = *column == "escalation_count" && shown.is_null();
        row[*column] != **shown && !none_yet
    });
    differs
        .map(|(column, shown)| format!("{}: {column} is folded as {} and is {shown}", thread.name, row[*column]))
        .collect()
}
