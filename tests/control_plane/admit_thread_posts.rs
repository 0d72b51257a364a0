//! Admission of what is said in ForumThreads: posts are added at the end, never change, and fit. What needs a thread
//! with a past is tried on one.

use serde_json::{Value, json};

use crate::admission::Base::Thread;
use crate::admission::{About, Base, Case, spec, try_all};
use crate::admit_thread::HOSTILE;
use crate::harness::room::{QUESTION, Room, both, comment, lines, post, thread, to_state};

const APPEND: About = About(Thread, ".spec.posts", "posts can only be added at the end");
const FIT: About = About(Thread, ".spec.posts", "posts holds at most 64");
const BODIES: About = About(Thread, ".spec.posts", "192 KiB");
const FIRST: About = About(Thread, ".spec.posts", "the first post must be of kind Question");
const REPLY: About = About(Thread, ".spec.posts", "must be the id of an earlier post");
const ANSWERS: About = About(Thread, ".spec.posts", "a post of kind Answer needs inReplyTo");
const POST_STAYS: About = About(Thread, ".spec.posts[]", "a post cannot be changed");
const ID: About = About(Thread, ".spec.posts[].id", "an id is 1 to 63 letters");
const BODY: About = About(Thread, ".spec.posts[].body", "line breaks and tabs are fine");
const BODY_FITS: About = About(Thread, ".spec.posts[].body", "at most 16 KiB");
const CHOICE: About = About(Thread, ".spec", "choice belongs to a post of kind Answer");
const COMMAND: About = About(Thread, ".spec.changes[].commandId", "an id is 1 to 63 letters");
const ACTOR: About = About(Thread, ".spec.changes[].actor.name", "it must fit into one line");
const VIA: About = About(Thread, ".spec.changes[].actor.via", "it must fit into one line");
const AUTHOR_VIA: About = About(Thread, ".spec.posts[].author.via", "it must fit into one line");

/// Rules that no table of single changes reaches: they are tried on threads with a past, or where no policy fills in
/// authors (`admit_thread_unattested.rs`).
pub const TRIED_ELSEWHERE: [(Base, &str, &str); 2] = [
    (Thread, ".spec", "changes holds 253 lines"),
    (Thread, ".spec.posts[].author.name", "it must fit into one line"),
];

pub fn cases() -> Vec<Case> {
    [order(), replies(), sizes(), texts(), choices()].concat()
}

fn question(id: &str, body: &str) -> Value {
    json!({"id": id, "kind": "Question", "body": body})
}

fn posts(list: &[Value]) -> Value {
    spec(json!({ "posts": list }))
}

fn replace(pointer: &str, value: Value) -> Value {
    json!([{"op": "replace", "path": format!("/spec/posts{pointer}"), "value": value}])
}

fn order() -> Vec<Case> {
    let two = posts(&[question("q-1", "a"), question("q-2", "b")]);
    let remove = |place: usize| json!([{"op": "remove", "path": format!("/spec/posts/{place}")}]);
    vec![
        APPEND.takes_change(json!({}), comment("c-1")),
        APPEND.refuses_change(two.clone(), remove(0)),
        APPEND.refuses_change(two.clone(), remove(1)),
        APPEND.refuses_change(
            two.clone(),
            json!([{"op": "move", "from": "/spec/posts/1", "path": "/spec/posts/0"}]),
        ),
        APPEND.refuses_change(
            two.clone(),
            json!([{"op": "add", "path": "/spec/posts/0", "value": question("q-3", "c")}]),
        ),
        APPEND.refuses_change(two.clone(), posts(&[question("q-1", "a")])),
        POST_STAYS.takes_change(two.clone(), comment("c-1")),
        POST_STAYS.refuses_change(two.clone(), replace("/1/body", json!("c"))),
        POST_STAYS.refuses_change(two.clone(), replace("/0/kind", json!("Comment"))),
        POST_STAYS.refuses_change(two.clone(), replace("/0/author/name", json!("mallory"))),
        POST_STAYS.refuses_change(two.clone(), replace("/0/author/attested", json!(false))),
        POST_STAYS.refuses_change(two.clone(), json!([{"op": "remove", "path": "/spec/posts/0/author"}])),
        FIRST.takes(two),
        FIRST.refuses(posts(&[json!({"id": "c-1", "kind": "Comment", "body": "a"})])),
        FIRST.refuses(posts(&[
            json!({"id": "d-1", "kind": "Draft", "body": "a"}),
            question("q-1", "b"),
        ])),
    ]
}

fn replies() -> Vec<Case> {
    let reply = |to: &str| post(json!({"id": "c-1", "kind": "Comment", "body": "a", "inReplyTo": to}));
    let answer = |to: &Value| {
        let answer = json!({"id": "a-1", "kind": "Answer", "body": "a"});
        let mut answer = answer;
        if !to.is_null() {
            answer["inReplyTo"] = to.clone();
        }
        both(post(answer), to_state("Answered"))
    };
    let said = posts(&[
        question("q-1", "a"),
        json!({"id": "c-0", "kind": "Comment", "body": "b"}),
    ]);
    vec![
        REPLY.takes_change(json!({}), reply("q-1")),
        REPLY.refuses_change(json!({}), reply("q-2")),
        REPLY.refuses_change(json!({}), reply("c-1")),
        REPLY.refuses(posts(&[
            json!({"id": "q-1", "kind": "Question", "body": "a", "inReplyTo": "q-2"}),
            question("q-2", "b"),
        ])),
        ANSWERS.takes_change(json!({}), answer(&json!("q-1"))),
        ANSWERS.refuses_change(json!({}), answer(&Value::Null)),
        ANSWERS.refuses_change(said.clone(), answer(&json!("c-0"))),
        ANSWERS.refuses_change(said, answer(&json!("nothing"))),
    ]
}

fn sizes() -> Vec<Case> {
    let numbered = |count: usize, body: &str| {
        posts(
            &(0..count)
                .map(|n| question(&format!("q-{n}"), body))
                .collect::<Vec<_>>(),
        )
    };
    let kib = |count: usize| "a".repeat(count * 1024);
    vec![
        FIT.takes(numbered(64, "a")),
        FIT.refuses(numbered(65, "a")),
        FIT.refuses_change(numbered(64, "a"), comment("c-1")),
        BODIES.takes(numbered(12, &kib(16))),
        BODIES.takes(numbered(64, &kib(3))),
        BODIES.refuses(numbered(13, &kib(16))),
        BODIES.refuses_change(numbered(12, &kib(16)), comment("c-1")),
        BODIES.refuses(numbered(25, &"ä".repeat(4 * 1024))),
        BODY_FITS.takes(posts(&[question("q-1", &kib(16))])),
        BODY_FITS.takes(posts(&[question("q-1", &"🦀".repeat(4096))])),
        BODY_FITS.refuses(posts(&[question("q-1", &"ä".repeat(8193))])),
        BODY_FITS.refuses(posts(&[question("q-1", &"🦀".repeat(4097))])),
    ]
}

fn texts() -> Vec<Case> {
    let body = |text: &str| posts(&[question("q-1", text)]);
    let id = |id: &str| posts(&[question(id, "a")]);
    let line = |rest: Value| {
        let mut line =
            json!({"num": 1, "actor": {"type": "Human", "name": "admin"}, "field": "State", "from": "a", "to": "b"});
        crate::harness::manifests::merge(&mut line, rest);
        spec(json!({ "changes": [line] }))
    };
    let via = |name: &str| {
        posts(&[
            json!({"id": "q-1", "kind": "Question", "body": "a", "author": {"type": "Human", "name": "admin", "via": name}}),
        ])
    };
    let mut cases = vec![
        ID.takes(id("3f2c0e9a-7c0b-4a52-9f6e-1d2b3c4d5e6f")),
        ID.takes(id("Q_1.a")),
        BODY.takes(body("Two lines\nand a\ttab")),
        BODY.takes(body(
            "<script>alert(1)</script> $(id) `rm -rf` \\x1b[31m %s {{ }} '; DROP TABLE",
        )),
    ];
    let for_ada = json!({"metawsm.dev/speaks-for": "Operator/ada", "metawsm.dev/command": "c-1"});
    let high = json!({"op": "add", "path": "/spec/priority", "value": "High"});
    let command = json!([{"op": "add", "path": "/metadata/annotations", "value": for_ada}, high]);
    cases.extend([ACTOR, VIA, COMMAND].map(|rule| rule.takes_change(json!({}), command.clone())));
    cases.push(AUTHOR_VIA.takes(json!({"metadata": {"annotations": for_ada}})));
    cases.extend(["-a", "a-", "a/b", "a b", "..", "a\nb", "ä", "a\u{202e}b"].map(|bad| ID.refuses(id(bad))));
    cases.extend(
        HOSTILE
            .iter()
            .filter(|t| !["a\nb", "a\tb"].contains(*t))
            .map(|bad| BODY.refuses(body(bad))),
    );
    for bad in HOSTILE {
        cases.push(ACTOR.refuses(line(json!({"actor": {"name": bad}}))));
        cases.push(VIA.refuses(line(json!({"actor": {"via": bad}}))));
        cases.push(AUTHOR_VIA.refuses(via(bad)));
        cases.push(COMMAND.refuses(line(json!({ "commandId": bad }))));
    }
    cases
}

fn choices() -> Vec<Case> {
    let offered = spec(json!({"choices": ["80", "8080"]}));
    let choose = |choice: &str| {
        both(
            post(json!({"id": "a-1", "kind": "Answer", "body": "a", "inReplyTo": QUESTION, "choice": choice})),
            to_state("Answered"),
        )
    };
    let comment = post(json!({"id": "c-1", "kind": "Comment", "body": "a", "choice": "80"}));
    vec![
        CHOICE.takes_change(offered.clone(), choose("80")),
        CHOICE.refuses_change(offered.clone(), choose("81")),
        CHOICE.refuses_change(offered.clone(), comment),
        CHOICE.refuses_change(json!({}), choose("80")),
    ]
}

#[tokio::test]
async fn posts_are_taken_or_refused_with_the_field_and_the_way_out() {
    try_all(cases()).await;
}

#[tokio::test]
async fn after_253_changes_only_closing_is_left_and_the_refusal_says_so() {
    let room = Room::new().await;
    room.agent.create(&thread("busy", json!({}))).await.unwrap();
    let urgency = |n: usize| if n.is_multiple_of(2) { "High" } else { "Low" };
    let wish =
        |n: usize| json!({"spec": {"priority": urgency(n), "assignee": {"type": "Agent", "name": format!("a-{n}")}}});
    for n in 0..126 {
        room.operator.merge("busy", wish(n)).await.unwrap();
    }
    let (_, words) = room.operator.merge("busy", wish(126)).await.unwrap_err();
    assert!(
        words.contains("changes holds 253 lines") && words.contains("continuedFrom"),
        "{words}"
    );
    room.operator
        .merge("busy", json!({"spec": {"priority": "High"}}))
        .await
        .expect("the last one of 253");
    let (_, words) = room
        .operator
        .merge("busy", json!({"spec": {"priority": "Urgent"}}))
        .await
        .unwrap_err();
    assert!(words.contains("only closing is left"), "{words}");
    let closing = json!({"spec": {"state": "Closed", "priority": "Urgent", "assignee": {"name": "z"}}});
    let closed = room
        .operator
        .merge("busy", closing)
        .await
        .expect("closing fits, with all that goes with it");
    assert_eq!(lines(&closed).len(), 256);
}
