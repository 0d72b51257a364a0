//! What must hold of each question's own history. Pure: evidence in, flaws out.

use std::collections::{BTreeMap, BTreeSet};

use metawsm::kernel::moment::Moment;
use serde_json::Value;

use super::evidence::{Evidence, Fact, Object};

/// The facts of each thread in the order of their numbers, with what they say.
fn histories(evidence: &Evidence) -> BTreeMap<&str, Vec<(&Fact, Value)>> {
    let mut found: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    let facts = evidence.audit.iter().filter(|fact| fact.kind == "ForumThread");
    for fact in facts {
        let said = serde_json::from_str(&fact.facts).unwrap_or_default();
        found.entry(&fact.uid).or_default().push((fact, said));
    }
    found
}

/// Each post and each line of admission is recorded once and in order, and the states lead to the one that holds.
pub fn thread_is_recorded(evidence: &Evidence) -> Vec<String> {
    let histories = histories(evidence);
    let threads = evidence.objects.iter().filter(|object| object.kind == "ForumThread");
    let mut wrong = Vec::new();
    for thread in threads {
        let none = Vec::new();
        let history = histories.get(thread.uid.as_str()).unwrap_or(&none);
        let flaws = against_its_history(thread, history);
        wrong.extend(flaws.into_iter().map(|flaw| format!("{}: {flaw}", thread.name)));
    }
    wrong
}

fn against_its_history(thread: &Object, history: &[(&Fact, Value)]) -> Vec<String> {
    let (spec, status) = (&thread.spec, &thread.status);
    let mut wrong = Vec::new();
    let begins: Vec<_> = history
        .iter()
        .filter(|(f, _)| f.entry_type == "Opened")
        .map(|(f, _)| f.seq)
        .collect();
    if begins != [1] {
        wrong.push(format!("it is opened by the facts {begins:?}"));
    }
    let of = |list: &Value, field: &str| -> Vec<Value> {
        let list = list.as_array().into_iter().flatten();
        list.map(|item| item[field].clone()).collect()
    };
    let told = history.iter().filter(|(f, _)| f.entry_type == "Posted");
    let (ids, seqs): (Vec<_>, Vec<_>) = told.map(|(f, said)| (said["id"].clone(), Value::from(f.seq))).unzip();
    if ids != of(&spec["posts"], "id") || ids != of(&status["posts"], "id") || seqs != of(&status["posts"], "seq") {
        wrong.push(format!("its posts are recorded as {ids:?} under {seqs:?}"));
    }
    let lines: Vec<_> = history
        .iter()
        .filter(|(_, said)| said["num"].is_number())
        .map(|(_, said)| said["num"].clone())
        .collect();
    if lines != of(&spec["changes"], "num") {
        wrong.push(format!("its lines of changes are recorded as {lines:?}"));
    }
    let mut state = Value::Null;
    for (fact, said) in history {
        match fact.entry_type.as_str() {
            "Opened" => state = said["state"].clone(),
            "StateChanged" if said["from"] == state => state = said["to"].clone(),
            "StateChanged" => wrong.push(format!("{} leaves {}, and it was {state}", fact.seq, said["from"])),
            _ => {}
        }
    }
    if state != spec["state"] || state != status["state"] {
        wrong.push(format!("its history ends as {state}, its spec says {}", spec["state"]));
    }
    wrong
}

/// A level is escalated at most once in each state that was entered, in order, never before its deadline.
pub fn escalated_once(evidence: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    for (uid, history) in histories(evidence) {
        let (mut last, mut count) = (0, 0);
        for (fact, said) in &history {
            match fact.entry_type.as_str() {
                "Opened" | "StateChanged" => last = 0,
                "Escalated" => {
                    let level = said["level"].as_i64().unwrap_or_default();
                    if level <= last {
                        wrong.push(format!(
                            "{}: level {level} after {last}, in fact {}",
                            fact.name, fact.seq
                        ));
                    }
                    if !is_over(&said["deadline"], &fact.at) {
                        wrong.push(format!("{}: at {} before {}", fact.name, fact.at, said["deadline"]));
                    }
                    (last, count) = (level, count + 1);
                }
                _ => {}
            }
        }
        let object = evidence.objects.iter().find(|object| object.uid == uid);
        let shown = object.and_then(|object| object.status["sla"]["escalationCount"].as_i64());
        if object.is_some() && shown.unwrap_or_default() != count {
            wrong.push(format!("{uid}: {count} escalations are recorded, {shown:?} shown"));
        }
    }
    wrong
}

fn is_over(deadline: &Value, at: &str) -> bool {
    let moment = |text: &str| text.parse::<Moment>().ok();
    deadline
        .as_str()
        .and_then(moment)
        .is_some_and(|deadline| Some(deadline) <= moment(at))
}

/// What is archived was closed, is kept with every word, and has left the cluster.
pub fn archive_is_whole(evidence: &Evidence) -> Vec<String> {
    let alive: BTreeSet<_> = evidence.objects.iter().map(|object| object.uid.as_str()).collect();
    let histories = histories(evidence);
    let mut wrong = Vec::new();
    for kept in &evidence.archived {
        let object: Value = serde_json::from_str(&kept.object).unwrap_or_default();
        let name = &kept.name;
        if object["spec"]["state"] != "Closed" || object["metadata"]["uid"] != kept.uid.as_str() {
            wrong.push(format!("{name} is archived as {}", object["spec"]["state"]));
        }
        if alive.contains(kept.uid.as_str()) {
            wrong.push(format!("{name} is archived and still there"));
        }
        let posts = object["spec"]["posts"].as_array().cloned().unwrap_or_default();
        let history = histories.get(kept.uid.as_str()).into_iter().flatten();
        let told: Vec<_> = history
            .filter(|(f, _)| f.entry_type == "Posted")
            .map(|(_, said)| &said["id"])
            .collect();
        if told != posts.iter().map(|post| &post["id"]).collect::<Vec<_>>() {
            wrong.push(format!("{name} is archived with other posts than {told:?}"));
        }
        for post in &posts {
            let said = |event: &&Value| event["id"] == post["id"];
            let events = evidence.events.iter();
            let added: Vec<Value> = events
                .filter(|e| e.subject_uid == kept.uid && e.event_type == "forum.post.added")
                .filter_map(|e| serde_json::from_str(&e.data).ok())
                .collect();
            // Where the event was folded away, there is nothing to compare with but that something was said.
            let body = added.iter().find(said).map_or(&post["body"], |event| &event["body"]);
            if post["body"] != *body || body.as_str().is_none_or(str::is_empty) {
                wrong.push(format!("{name} is archived without what post {} says", post["id"]));
            }
        }
    }
    wrong
}
