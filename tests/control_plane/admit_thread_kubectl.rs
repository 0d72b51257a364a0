//! Threads as people see them with kubectl: the table, selectors, the samples, and what kubectl says when somebody
//! applies a conversation again.

use serde_json::{Value, json};

use crate::harness::people::Person;
use crate::harness::room::{Room, answering, both, comment, post, thread, to_state};

/// How wide a terminal we may count on (issue 7).
const WIDTH: usize = 120;

async fn names(room: &Room, selector: &str) -> Vec<String> {
    let line = [
        "--as",
        "ada",
        "get",
        "forumthreads",
        "-o",
        "name",
        "--field-selector",
        selector,
    ];
    let (done, said) = room.cluster.kubectl(&line).await;
    assert!(done, "{selector}: {said}");
    let mut names: Vec<_> = said
        .lines()
        .filter_map(|l| l.strip_prefix("forumthread.metawsm.dev/"))
        .map(str::to_owned)
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn field_selectors_find_threads_by_ticket_state_priority_assignee_and_run() {
    let room = Room::new().await;
    let specs = [
        (
            "one",
            json!({"ticket": "A-1", "priority": "High", "runRef": {"name": "relay"}}),
        ),
        (
            "two",
            json!({"ticket": "A-1", "state": "WaitingHuman", "assignee": {"type": "Human", "name": "ada"}}),
        ),
        (
            "three",
            json!({"ticket": "B-1", "priority": "High", "assignee": {"type": "Operator", "name": "olga"}}),
        ),
    ];
    for (name, spec) in specs {
        room.agent.create(&thread(name, spec)).await.unwrap();
    }
    let admin = Person::admin(&room.cluster);
    admin.merge_status("three", json!({"state": "New"})).await.unwrap();
    for (selector, expected) in [
        ("spec.ticket=A-1", &["one", "two"][..]),
        ("spec.state=WaitingHuman", &["two"]),
        ("spec.state!=WaitingHuman", &["one", "three"]),
        ("spec.priority=High", &["one", "three"]),
        ("spec.assignee.name=ada", &["two"]),
        ("spec.runRef.name=relay", &["one"]),
        ("status.state=New", &["three"]),
        ("spec.ticket=A-1,spec.priority=High", &["one"]),
        ("spec.ticket=C-1", &[]),
    ] {
        assert_eq!(names(&room, selector).await, expected, "{selector}");
    }
}

#[tokio::test]
async fn the_table_fits_into_120_characters_and_says_what_matters() {
    let room = Room::new().await;
    let account = "system:serviceaccount:a-namespace-with-quite-a-long-name:relay-operator";
    let spec = json!({
        "ticket": "METAWSM-101", "runRef": {"name": "relay"}, "state": "WaitingOperator", "priority": "Urgent",
        "assignee": {"type": "Operator", "name": account}, "title": "Which of the two ports shall the relay listen on?",
    });
    room.agent.create(&thread("relay-which-port", spec)).await.unwrap();
    let sla = json!({"policy": {"levels": ["30m"]}, "deadline": "2036-11-21T08:00:00Z", "escalationCount": 12});
    let status = json!({"assignee": "relay-operator", "sla": sla, "postCount": 1, "waitingOn": "Operator"});
    Person::admin(&room.cluster)
        .merge_status("relay-which-port", status)
        .await
        .unwrap();
    let (done, table) = room.cluster.kubectl(&["get", "forumthreads"]).await;
    assert!(done, "{table}");
    let widest = table.lines().map(|l| l.trim_end().chars().count()).max().unwrap();
    assert!(widest <= WIDTH, "{widest} characters:\n{table}");
    let heads: Vec<_> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(
        heads,
        [
            "NAME", "TICKET", "RUN", "STATE", "PRI", "ASSIGNEE", "SLA-DUE", "ESC", "AGE"
        ]
    );
    let row: Vec<_> = table.lines().nth(1).unwrap().split_whitespace().collect();
    let expected = [
        "relay-which-port",
        "METAWSM-101",
        "relay",
        "WaitingOperator",
        "Urgent",
        "relay-operator",
        "2036-11-21T08:00:00Z",
        "12",
    ];
    assert_eq!(row[..8], expected, "a date that lies ahead is shown as it is");
    let (_, wide) = room.cluster.kubectl(&["get", "thread", "-o", "wide"]).await;
    for word in [
        "TITLE",
        "OPENED-BY",
        "POSTS",
        "WAITING-ON",
        "Which of the two ports",
        room.agent.name.as_str(),
    ] {
        assert!(wide.contains(word), "{word} in:\n{wide}");
    }
}

#[tokio::test]
async fn a_manifest_that_is_applied_again_is_refused_and_says_that_threads_are_conversations() {
    let room = Room::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("thread.json");
    std::fs::write(&file, thread("asked", json!({"choices": ["80", "8080"]})).to_string()).unwrap();
    let file = file.to_string_lossy().into_owned();
    let (done, said) = room.cluster.kubectl(&["--as", "olga", "apply", "-f", &file]).await;
    assert!(done, "the first time it is opened: {said}");
    room.operator
        .patch("asked", both(comment("c-1"), to_state("Triaged")))
        .await
        .unwrap();
    for verb in [&["apply"][..], &["replace"]] {
        let line = [&["--as", "olga"], verb, &["-f", &file]].concat();
        let (done, said) = room.cluster.kubectl(&line).await;
        assert!(
            !done && said.contains("A thread is a conversation, not a GitOps manifest"),
            "{verb:?}: {said}"
        );
        assert!(said.contains("/spec/posts/-"), "the way out: {said}");
    }
    assert_eq!(
        room.agent.get("asked").await.unwrap()["spec"]["posts"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn the_samples_are_taken_and_the_documented_answer_works() {
    let room = Room::new().await;
    for sample in ["small", "full"] {
        let file = format!(
            "{}/manifests/samples/forumthread-{sample}.yaml",
            env!("CARGO_MANIFEST_DIR")
        );
        let (done, said) = room.cluster.kubectl(&["--as", "olga", "create", "-f", &file]).await;
        assert!(done, "{sample}: {said}");
        let (done, said) = room
            .cluster
            .kubectl(&[
                "--as",
                "olga",
                "create",
                "--dry-run=server",
                "--validate=strict",
                "-f",
                &file,
            ])
            .await;
        assert!(
            !done && said.contains("AlreadyExists"),
            "nothing else is wrong with {sample}: {said}"
        );
    }
    let patch = answering("a-1", "Answered").to_string();
    let answer = [
        "--as",
        "ada",
        "patch",
        "thread",
        "relay-which-port",
        "--type=json",
        "-p",
        &patch,
    ];
    let (done, said) = room.cluster.kubectl(&answer).await;
    assert!(done, "{said}");
}

#[tokio::test]
async fn what_a_body_holds_is_stored_as_it_is_and_never_breaks_a_table() {
    let room = Room::new().await;
    let body = "Two lines\n\t`kubectl delete` $(id) <script>alert(1)</script> {{.}} \\x1b[31m %s \u{1f980} 日本語";
    room.agent.create(&thread("odd", json!({}))).await.unwrap();
    let said: Value = room
        .agent
        .patch("odd", post(json!({"id": "c-1", "kind": "Comment", "body": body})))
        .await
        .unwrap();
    assert_eq!(said["spec"]["posts"][1]["body"], body);
    for format in [&["get", "thread"][..], &["get", "thread", "-o", "wide"]] {
        let (_, table) = room.cluster.kubectl(format).await;
        assert_eq!(table.lines().count(), 2, "{table}");
        assert!(!table.chars().any(|c| c.is_control() && c != '\n'), "{table:?}");
    }
}
