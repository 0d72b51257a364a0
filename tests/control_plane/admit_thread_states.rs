//! Every transition of a thread's states, by name, on the real API server: what the table has is taken, everything else
//! is refused, and the refusal names both states.

use serde_json::json;

use crate::harness::room::{Room, answering, asking_again, thread, to_state};

const STATES: [&str; 6] = [
    "New",
    "Triaged",
    "WaitingOperator",
    "WaitingHuman",
    "Answered",
    "Closed",
];

/// The table, as design 2.4 has it. Written again on purpose: a test that reads the rule would agree with any rule.
const ALLOWED: [(&str, &[&str]); 6] = [
    (
        "New",
        &["Triaged", "WaitingOperator", "WaitingHuman", "Answered", "Closed"],
    ),
    ("Triaged", &["WaitingOperator", "WaitingHuman", "Answered", "Closed"]),
    ("WaitingOperator", &["Triaged", "WaitingHuman", "Answered", "Closed"]),
    ("WaitingHuman", &["Triaged", "WaitingOperator", "Answered", "Closed"]),
    ("Answered", &["WaitingOperator", "WaitingHuman", "Closed"]),
    ("Closed", &[]),
];

#[tokio::test]
async fn every_transition_of_the_table_is_taken_and_every_other_is_refused() {
    let room = Room::new().await;
    let mut wrong = Vec::new();
    for (from, allowed) in ALLOWED {
        for to in STATES.iter().filter(|to| **to != from) {
            let case = format!("{from} to {to}");
            let name = format!("{from}-{to}").to_lowercase();
            room.thread_in(&name, from).await;
            let change = match (from, *to) {
                (_, "Answered") => answering("a-9", to),
                ("Answered", "WaitingOperator" | "WaitingHuman") => asking_again("q-9", to),
                _ => to_state(to),
            };
            let said = room.human.patch(&name, change).await;
            match (allowed.contains(to), said) {
                (true, Ok(moved)) if moved["spec"]["state"] == **to => {}
                (false, Err((422, words))) if words.contains(&format!("state cannot go from {from} to {to}")) => {}
                (_, said) => wrong.push(format!("{case}: {said:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_thread_begins_new_or_waiting_and_nowhere_else() {
    let room = Room::new().await;
    for state in STATES {
        let said = room
            .human
            .create(&thread(&state.to_lowercase(), json!({ "state": state })))
            .await;
        match state {
            "New" | "WaitingOperator" | "WaitingHuman" => assert_eq!(said.unwrap()["spec"]["state"], state),
            _ => assert!(said.unwrap_err().1.contains("a thread begins as"), "{state}"),
        }
    }
    let made = room.agent.create(&thread("silent", json!({}))).await.unwrap();
    assert_eq!(made["spec"]["state"], "New");
    assert_eq!(made["spec"]["priority"], "Normal");
    assert_eq!(made["spec"]["docsSync"], "Default");
}

#[tokio::test]
async fn nothing_waits_without_an_open_question_and_nothing_is_answered_without_an_answer() {
    let room = Room::new().await;
    room.thread_in("answered", "Answered").await;
    for state in ["WaitingOperator", "WaitingHuman"] {
        let (_, words) = room.human.patch("answered", to_state(state)).await.unwrap_err();
        assert!(words.contains("need a Question that no Answer replies to"), "{words}");
    }
    for from in ["New", "Triaged", "WaitingOperator", "WaitingHuman"] {
        let name = format!("{from}-bare").to_lowercase();
        room.thread_in(&name, from).await;
        let (_, words) = room.human.patch(&name, to_state("Answered")).await.unwrap_err();
        assert!(words.contains("needs a new post of kind Answer"), "{words}");
    }
}

#[tokio::test]
async fn of_a_closed_thread_nothing_at_all_can_be_changed() {
    let room = Room::new().await;
    room.thread_in("closed", "Closed").await;
    let set = |field: &str, value| json!([{"op": "add", "path": format!("/spec/{field}"), "value": value}]);
    let changes = [
        set("priority", json!("Urgent")),
        set("assignee", json!({"type": "Human", "name": "ada"})),
        set("docsSync", json!("Disabled")),
        set("posts/-", json!({"id": "c-1", "kind": "Comment", "body": "Too late."})),
        set("state", json!("New")),
        set("continuedFrom", json!("other")),
    ];
    for change in changes {
        for person in [&room.human, &room.operator, &room.agent] {
            let said = person.patch("closed", change.clone()).await;
            let (_, words) = said.expect_err(&format!("{} changed it by {change}", person.name));
            assert!(words.contains("a closed thread cannot change at all"), "{words}");
            assert!(words.contains("continuedFrom"), "the way out: {words}");
        }
    }
    room.operator
        .delete("closed")
        .await
        .expect("a closed thread can be removed once it is archived");
}
