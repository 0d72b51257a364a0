//! Random edits by random people: whatever they try, a post, a line and an actor that were there stay, and what is new
//! carries who wrote it. Against the real API server, a bounded number of times; `METAWSM_RANDOM_EDITS` sets how many,
//! `METAWSM_RANDOM_SEED` repeats a failure.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::harness::people::{Person, Way};
use crate::harness::room::{QUESTION, Room, both, thread};

const STATES: [&str; 6] = [
    "New",
    "Triaged",
    "WaitingOperator",
    "WaitingHuman",
    "Answered",
    "Closed",
];
const NAMES: [&str; 4] = ["ada", "olga", "system:serviceaccount:x:agent", "metawsm"];

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable)
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(otherwise)
}

fn one(random: &mut StdRng, words: &[&'static str]) -> &'static str {
    words.choose(random).copied().unwrap_or_default()
}

/// One operation of a JSON patch: some honest, most not.
fn operation(random: &mut StdRng, step: u64) -> Value {
    let name = one(random, &NAMES);
    let kind = one(random, &["Question", "Answer", "Comment", "Draft"]);
    let party = one(random, &["Human", "Operator", "Agent"]);
    let author = json!({"type": party, "name": name, "attested": random.random_bool(0.5)});
    let place = random.random_range(0..3);
    let line = json!({"num": place + 1, "actor": author, "field": "State", "from": "New", "to": one(random, &STATES)});
    let mut post = json!({"id": format!("p-{step}-{place}"), "kind": kind, "body": "a"});
    if kind == "Answer" {
        post["inReplyTo"] = json!(QUESTION);
    }
    if random.random_bool(0.5) {
        post["author"] = author.clone();
    }
    let (state, urgency) = (one(random, &STATES), one(random, &["Low", "High"]));
    match random.random_range(0..16) {
        0..=2 => json!({"op": "add", "path": "/spec/posts/-", "value": post}),
        3 => json!({"op": "add", "path": format!("/spec/posts/{place}"), "value": post}),
        4 => json!({"op": "remove", "path": format!("/spec/posts/{place}")}),
        5 => json!({"op": "replace", "path": format!("/spec/posts/{place}/author"), "value": author}),
        6 => json!({"op": "replace", "path": format!("/spec/posts/{place}/body"), "value": "b"}),
        7 | 8 => json!({"op": "replace", "path": "/spec/state", "value": state}),
        9 => json!({"op": "replace", "path": "/spec/priority", "value": urgency}),
        10 => json!({"op": "add", "path": "/spec/assignee", "value": {"type": "Operator", "name": name}}),
        11 => json!({"op": "add", "path": "/spec/changes/-", "value": line}),
        12 => json!({"op": "replace", "path": format!("/spec/changes/{place}/actor/name"), "value": name}),
        13 => json!({"op": "add", "path": "/metadata/annotations/metawsm.dev~1actor", "value": name}),
        14 => json!({"op": "add", "path": "/metadata/annotations/metawsm.dev~1command", "value": format!("c-{step}")}),
        _ => {
            json!({"op": "add", "path": "/metadata/annotations/metawsm.dev~1speaks-for", "value": format!("Human/{name}")})
        }
    }
}

/// What may not be: anything that was there has changed, or anything new carries somebody else.
fn judge(before: &Value, after: &Value, person: &Person) -> Result<(), String> {
    let list = |thread: &Value, field: &str| thread["spec"][field].as_array().cloned().unwrap_or_default();
    for (field, who) in [("posts", "author"), ("changes", "actor")] {
        let (old, new) = (list(before, field), list(after, field));
        if new.len() < old.len() || new[..old.len()] != old[..] {
            return Err(format!("{field} that were there have changed"));
        }
        for fresh in &new[old.len()..] {
            let by = &fresh[who];
            if by["name"] != *person.name || by["attested"] != true || !by["via"].is_null() {
                return Err(format!("new in {field}, not by {}: {fresh}", person.name));
            }
            if by["type"] == "Human" && person.name != "ada" {
                return Err(format!("{} passes as a human", person.name));
            }
        }
    }
    let actor = |thread: &Value| thread["metadata"]["annotations"]["metawsm.dev/actor"].clone();
    let expected = if before["spec"] == after["spec"] {
        actor(before)
    } else {
        json!(person.name)
    };
    if actor(after) != expected {
        return Err(format!("the actor is {} and should be {expected}", actor(after)));
    }
    for (field, from, to) in [
        ("State", &before["spec"]["state"], &after["spec"]["state"]),
        ("Priority", &before["spec"]["priority"], &after["spec"]["priority"]),
    ] {
        let told = list(after, "changes")[list(before, "changes").len()..]
            .iter()
            .filter(|l| l["field"] == field)
            .count();
        if told != usize::from(from != to) {
            return Err(format!("{field} went from {from} to {to} and is told {told} times"));
        }
    }
    let left = before["spec"]["state"] == "WaitingHuman" && after["spec"]["state"] != "WaitingHuman";
    if left && person.name != "ada" {
        return Err(format!("{} passed the human gate", person.name));
    }
    Ok(())
}

#[tokio::test]
async fn no_edit_of_anybody_changes_an_author_or_actor_other_than_their_own() {
    let room = Room::new().await;
    let seed = number("METAWSM_RANDOM_SEED", rand::rng().random());
    let mut random = StdRng::seed_from_u64(seed);
    let people = [&room.agent, &room.operator, &room.human];
    let (mut name, mut taken, mut threads) = (String::new(), 0, 0);
    let mut before = Value::Null;
    for step in 0..number("METAWSM_RANDOM_EDITS", 400) {
        if before.is_null() || before["spec"]["state"] == "Closed" || random.random_bool(0.03) {
            (name, threads) = (format!("random-{step}"), threads + 1);
            let state = one(&mut random, &["New", "WaitingHuman"]);
            before = room
                .agent
                .create(&thread(&name, json!({ "state": state })))
                .await
                .unwrap();
        }
        let person = *people.choose(&mut random).unwrap();
        let mut patch = json!([]);
        for _ in 0..random.random_range(1..4) {
            patch = both(patch, json!([operation(&mut random, step)]));
        }
        let Ok(after) = person.change(Way::JsonPatch, &name, &patch).await else {
            continue;
        };
        taken += 1;
        if let Err(problem) = judge(&before, &after, person) {
            panic!(
                "{problem}\nseed {seed}, step {step}, {} wrote {patch}\nbefore {before:#}\nafter {after:#}",
                person.name
            );
        }
        before = after;
    }
    println!("seed {seed}: {taken} edits were taken, on {threads} threads");
    assert!(
        taken > 20,
        "seed {seed}: only {taken} edits were taken: this shows little"
    );
}
