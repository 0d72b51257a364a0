//! A question's life as people lead it, and what came of it as lines that do not depend on when. Interrupts nothing.

use serde_json::{Value, json};

use super::harness::forum::{question, say};
use super::harness::history::column;
use super::harness::people::Person;
use super::harness::stage::{Stage, is_calm};

/// Facts that say when, and how late.
const PASSING: [&str; 5] = ["since", "stateSince", "deadline", "late", "lateBySeconds"];

/// What the digest is made of: audit log, events, read model, archive.
const QUERIES: [&str; 4] = [
    "SELECT json_object('what', 'fact', 'name', name, 'type', type, 'cause', cause, 'facts', json(facts), 'actor', \
     actor_type || ' ' || actor_name) FROM audit_log WHERE kind = 'ForumThread'",
    "SELECT json_object('what', 'event', 'name', subject, 'type', event_type, 'cause', causation_id, 'actor', \
     actor_type || ' ' || actor_name || ' ' || actor_attested, 'run', run_id, 'ticket', ticket, 'facts', json(data)) \
     FROM events WHERE event_type GLOB 'forum.*'",
    "SELECT json_object('what', 'shown', 'name', name, 'state', state, 'turn', waiting_on, 'priority', priority, \
     'assignee', assignee, 'posts', post_count, 'escalated', escalation_count, 'level', level, 'facts', json_object( \
     'closed', closed_at IS NOT NULL, 'gone', deleted_at IS NOT NULL, 'inferred', deleted_inferred)) \
     FROM forum_thread_views",
    "SELECT json_object('what', 'archived', 'name', name, 'facts', json(object -> '$.spec'), \
     'state', object ->> '$.status.state', 'recorded', object ->> '$.status.postCount') FROM forum_archive",
];

/// A question is asked, escalated, handed on, escalated again, answered, closed, archived, and gone.
pub async fn a_whole_life(stage: &Stage) {
    let admin = Person::admin(&stage.cluster);
    let more = json!({"choices": ["left", "right"], "runRef": {"name": "r"}});
    stage.create(&question("asked", more)).await;
    escalated(stage, "asked", "New").await;
    let to = json!({"type": "Human", "name": "ada"});
    let handed = json!({"spec": {"state": "WaitingHuman", "assignee": to, "priority": "Urgent"}});
    admin.merge("asked", handed).await.expect("it may be handed on");
    escalated(stage, "asked", "WaitingHuman").await;
    let answer = json!({"id": "a1", "kind": "Answer", "body": "Left.", "inReplyTo": "q1", "choice": "left"});
    say(&admin, "asked", answer, "Answered").await;
    let answered = |t: &Value| t["status"]["state"] == "Answered";
    stage.until("ForumThread", "asked", "it is answered", answered).await;
    let closed = json!({"spec": {"state": "Closed"}});
    admin.merge("asked", closed).await.expect("it may be closed");
    stage.until_gone("ForumThread", "asked").await;
}

/// The deadline of this state passed.
pub async fn escalated(stage: &Stage, name: &str, entered: &str) {
    let judge = |t: &Value| t["status"]["state"] == entered && t["status"]["sla"]["level"] == 1;
    stage.until("ForumThread", name, "it is escalated", judge).await;
}

/// What was recorded, told, shown and archived by this controller, without when; and what the threads that are left say.
pub async fn digest(stage: &Stage, controller: &str, left: &[&str]) -> Vec<String> {
    let database = stage.controller(controller).data.join("metawsm.db");
    let mut lines = Vec::new();
    for query in QUERIES {
        for row in column(&database, query).await {
            let mut row: Value = serde_json::from_str(&row).unwrap();
            let facts = row["facts"].as_object_mut().unwrap();
            facts.retain(|name, _| !PASSING.contains(&name.as_str()));
            lines.push(row.to_string().replace(stage.namespace(), "NAMESPACE"));
        }
    }
    for name in left {
        let thread = stage.until("ForumThread", name, "no pass over it fails", is_calm).await;
        let conditions = thread["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let words = |c: &Value| format!("{name} {} {} {}", c["type"], c["status"], c["reason"]);
        lines.extend(conditions.iter().map(words));
    }
    lines.sort();
    lines
}
