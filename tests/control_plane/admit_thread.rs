//! Admission of ForumThreads: fields, what cannot change, states, changes. The admin tries them, who passes every policy.

use serde_json::{Value, json};

use crate::admission::Base::Thread;
use crate::admission::{About, Case, spec, try_all};
use crate::harness::room::{answering, asking_again, both, comment, to_state};

const TABLE: About = About(Thread, ".spec", "state cannot go from ");
const BEGINNING: About = About(Thread, ".spec", "a thread begins as New");
const CLOSED: About = About(Thread, ".spec", "a closed thread cannot change at all");
const ANSWER_ENDS: About = About(Thread, ".spec", "a new Answer comes with state");
const ANSWERED: About = About(Thread, ".spec", "needs a new post of kind Answer");
const WAITING: About = About(Thread, ".spec", "need a Question that no Answer replies to");
const RUN_REF: About = About(Thread, ".spec", "runRef cannot be added");
const AGENT: About = About(Thread, ".spec", "agentName cannot be added");
const CONTINUED: About = About(Thread, ".spec", "continuedFrom cannot be added");
const CHOICES: About = About(Thread, ".spec", "choices cannot be added");
const CHANGES_STAY: About = About(Thread, ".spec", "changes cannot be removed");
const TICKET: About = About(Thread, ".spec.ticket", "begins and ends with a letter or digit");
const TICKET_STAYS: About = About(Thread, ".spec.ticket", "ticket cannot be changed");
const TITLE: About = About(Thread, ".spec.title", "it must fit into one line");
const TITLE_STAYS: About = About(Thread, ".spec.title", "title cannot be changed");
const RUN_NAME: About = About(Thread, ".spec.runRef.name", "give the name of a Run");
const AGENT_NAME: About = About(Thread, ".spec.agentName", "give one of the Run's spec.agents");
const CONTINUED_NAME: About = About(Thread, ".spec.continuedFrom", "give the name of a ForumThread");
const CHOICE_LINES: About = About(Thread, ".spec.choices", "it must fit into one line");
const CHOICES_DIFFER: About = About(Thread, ".spec.choices", "choices must differ");
const ASSIGNEE: About = About(Thread, ".spec.assignee.name", "it must fit into one line");
const RECORDED_ASSIGNEE: About = About(Thread, ".status.assignedTo.name", "it must fit into one line");
const CHANGES_APPEND: About = About(Thread, ".spec.changes", "changes can only be added at the end");
const CHANGES_COUNT: About = About(Thread, ".spec.changes", "changes count from 1 without gaps");
const CHANGE_STAYS: About = About(Thread, ".spec.changes[]", "a line of changes cannot be changed");

/// What no terminal should be sent, and no title may hold.
pub const HOSTILE: [&str; 12] = [
    "a\nb",
    "a\tb",
    "a\rb",
    "bell\u{7}",
    "\u{1b}[31mred",
    "\u{1b}]0;t\u{7}",
    "a\u{7f}",
    "\u{9b}31m",
    "a\u{202e}b",
    "a\u{2066}b",
    "a\u{200f}b",
    "a\u{61c}b",
];

pub fn cases() -> Vec<Case> {
    [fixed(), states(), lines_of_text(), names(), changes()].concat()
}

fn set(field: &str, value: &Value) -> Value {
    json!([{"op": "add", "path": format!("/spec/{field}"), "value": value}])
}

fn remove(field: &str) -> Value {
    json!([{"op": "remove", "path": format!("/spec/{field}")}])
}

fn fixed() -> Vec<Case> {
    let optional = [
        (RUN_REF, "runRef", json!({"name": "relay"}), json!({"name": "other"})),
        (AGENT, "agentName", json!("coder"), json!("other")),
        (CONTINUED, "continuedFrom", json!("older"), json!("other")),
        (CHOICES, "choices", json!(["a", "b"]), json!(["a", "b", "c"])),
    ];
    let mut cases = vec![
        TICKET_STAYS.takes_change(json!({}), comment("c-1")),
        TICKET_STAYS.refuses_change(json!({}), set("ticket", &json!("OTHER-1"))),
        TICKET_STAYS.refuses_change(json!({}), set("ticket", &json!("metawsm-101"))),
        TITLE_STAYS.takes_change(json!({}), comment("c-1")),
        TITLE_STAYS.refuses_change(json!({}), set("title", &json!("Which door?"))),
        TITLE_STAYS.refuses_change(json!({}), set("title", &json!("Which port? "))),
    ];
    for (rule, field, value, other) in optional {
        let with = spec(json!({ field: value }));
        cases.push(rule.takes_change(with.clone(), comment("c-1")));
        cases.push(rule.takes_change(json!({}), comment("c-1")));
        cases.push(rule.refuses_change(json!({}), set(field, &value)));
        cases.push(rule.refuses_change(with.clone(), set(field, &other)));
        cases.push(rule.refuses_change(with, remove(field)));
    }
    cases
}

fn states() -> Vec<Case> {
    let begins = |state: &str| spec(json!({ "state": state }));
    let question = json!({"id": "q-1", "kind": "Question", "body": "80?"});
    let answer = json!({"id": "a-1", "kind": "Answer", "body": "yes", "inReplyTo": "q-1"});
    let both_at_once = |state: &str| spec(json!({"state": state, "posts": [question, answer]}));
    vec![
        TABLE.takes_change(json!({}), to_state("Triaged")),
        TABLE.refuses_change(begins("WaitingOperator"), to_state("New")),
        TABLE.refuses_change(begins("WaitingHuman"), to_state("New")),
        BEGINNING.takes(begins("New")),
        BEGINNING.takes(begins("WaitingHuman")),
        BEGINNING.takes_change(json!({}), to_state("Triaged")),
        BEGINNING.refuses(begins("Triaged")),
        BEGINNING.refuses(begins("Closed")),
        BEGINNING.refuses(both_at_once("Answered")),
        CLOSED.takes_change(json!({}), to_state("Closed")),
        CLOSED
            .refuses_change(json!({}), set("priority", &json!("Low")))
            .after(to_state("Closed")),
        CLOSED
            .refuses_change(json!({}), comment("c-1"))
            .after(to_state("Closed")),
        ANSWER_ENDS.takes_change(json!({}), answering("a-1", "Answered")),
        ANSWER_ENDS.takes_change(json!({}), answering("a-1", "Closed")),
        ANSWER_ENDS.refuses_change(json!({}), answering("a-1", "Triaged")),
        ANSWER_ENDS.refuses_change(json!({}), answering("a-1", "WaitingHuman")),
        ANSWER_ENDS.refuses(both_at_once("New")),
        ANSWER_ENDS.refuses(both_at_once("WaitingHuman")),
        ANSWERED.takes_change(json!({}), answering("a-1", "Answered")),
        ANSWERED.refuses_change(json!({}), to_state("Answered")),
        ANSWERED.refuses_change(json!({}), both(comment("c-1"), to_state("Answered"))),
        ANSWERED.refuses_change(begins("WaitingHuman"), asking_again("q-2", "Answered")),
        WAITING.takes_change(json!({}), to_state("WaitingHuman")),
        WAITING
            .takes_change(json!({}), asking_again("q-2", "WaitingHuman"))
            .after(answering("a-1", "Answered")),
        WAITING
            .refuses_change(json!({}), to_state("WaitingHuman"))
            .after(answering("a-1", "Answered")),
        WAITING
            .refuses_change(json!({}), both(comment("c-1"), to_state("WaitingOperator")))
            .after(answering("a-1", "Answered")),
    ]
}

fn lines_of_text() -> Vec<Case> {
    let mut cases = vec![
        CHOICES_DIFFER.takes(spec(json!({"choices": ["a", "A"]}))),
        CHOICES_DIFFER.refuses(spec(json!({"choices": ["a", "a"]}))),
        CHOICES_DIFFER.refuses(spec(json!({"choices": ["a", "b", "b"]}))),
    ];
    for good in [
        "Which port?",
        "ä ✓ 🦀 👩‍👩‍👧 日本語 العربية",
        "$(id); `rm` \\x1b <b>",
        "a\u{a0}b",
    ] {
        cases.push(TITLE.takes(spec(json!({ "title": good }))));
        cases.push(CHOICE_LINES.takes(spec(json!({ "choices": [good] }))));
        cases.push(ASSIGNEE.takes(spec(json!({"assignee": {"type": "Human", "name": good}}))));
        cases.push(RECORDED_ASSIGNEE.takes_change(json!({}), recorded(good)));
    }
    for bad in HOSTILE {
        cases.push(TITLE.refuses(spec(json!({ "title": bad }))));
        cases.push(CHOICE_LINES.refuses(spec(json!({ "choices": ["a", bad] }))));
        cases.push(ASSIGNEE.refuses(spec(json!({"assignee": {"type": "Human", "name": bad}}))));
        cases.push(RECORDED_ASSIGNEE.refuses_change(json!({}), recorded(bad)));
    }
    cases
}

fn recorded(assignee: &str) -> Value {
    json!({"status": {"assignedTo": {"type": "Human", "name": assignee}}})
}

fn names() -> Vec<Case> {
    let run = |name: &str| spec(json!({"runRef": {"name": name}}));
    let agent = |name: &str| spec(json!({ "agentName": name }));
    let older = |name: &str| spec(json!({ "continuedFrom": name }));
    let mut cases = vec![
        TICKET.takes(spec(json!({"ticket": "a_B.c-9"}))),
        RUN_NAME.takes(run("relay-2")),
        AGENT_NAME.takes(agent("coder")),
        CONTINUED_NAME.takes(older("which-port.2")),
    ];
    for bad in ["-a", "a b", "a/b", "ü", "a\u{1b}[0m", "a\u{202e}b"] {
        cases.push(TICKET.refuses(spec(json!({ "ticket": bad }))));
        cases.push(RUN_NAME.refuses(run(bad)));
        cases.push(AGENT_NAME.refuses(agent(bad)));
        cases.push(CONTINUED_NAME.refuses(older(bad)));
    }
    cases
}

fn changes() -> Vec<Case> {
    let actor = json!({"type": "Human", "name": "mallory"});
    let line = |num: i64| json!({"num": num, "actor": actor, "field": "State", "from": "New", "to": "Closed"});
    let (high, low) = (|| set("priority", &json!("High")), || set("priority", &json!("Low")));
    let rewrite = |field: &str, value: Value| json!([{"op": "replace", "path": format!("/spec/changes/0/{field}"), "value": value}]);
    vec![
        CHANGES_STAY.takes_change(json!({}), low()).after(high()),
        CHANGES_STAY.refuses_change(json!({}), remove("changes")).after(high()),
        CHANGES_STAY
            .refuses_change(json!({}), both(remove("changes"), comment("c-1")))
            .after(high()),
        CHANGES_COUNT.takes_change(json!({}), high()),
        CHANGES_COUNT.refuses(spec(json!({"changes": [line(2)]}))),
        CHANGES_COUNT.refuses(spec(json!({"changes": [line(1), line(3)]}))),
        CHANGES_APPEND.takes_change(json!({}), low()).after(high()),
        CHANGES_APPEND
            .refuses_change(json!({}), set("changes", &json!([])))
            .after(high()),
        CHANGES_APPEND
            .refuses_change(json!({}), set("changes", &json!([line(7)])))
            .after(high()),
        CHANGE_STAYS.takes_change(json!({}), low()).after(high()),
        CHANGE_STAYS
            .refuses_change(json!({}), rewrite("actor/name", json!("mallory")))
            .after(high()),
        CHANGE_STAYS
            .refuses_change(json!({}), rewrite("to", json!("Urgent")))
            .after(high()),
    ]
}

#[tokio::test]
async fn threads_are_taken_or_refused_with_the_field_and_the_way_out() {
    try_all(cases()).await;
}
