//! Threads as people see them with kubectl: the table, selectors, the samples, and what kubectl says when somebody
//! applies a conversation again.

use serde_json::{Value, json};

use crate::harness::forum::{policy, question};
use crate::harness::manifests::merge;
use crate::harness::people::Person;
use crate::harness::room::{Room, answering, both, comment, post, thread, to_state};
use crate::harness::stage::Stage;

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
async fn the_table_fits_into_120_characters_with_long_names_and_says_what_matters() {
    let stage = Stage::new().await;
    let settings = stage.controller("a");
    let file = policy(&settings.data, "sla: {levels: [300d]}\n");
    let mut controller = settings.with("METAWSM_POLICY", file).lead().await;
    // Together as long as the documentation promises room for, every other column at its longest.
    let (name, ticket) = ("relay-retries-after-a-lost-lea", "METAWSM-10234");
    assert_eq!(name.len() + ticket.len(), 43);
    let account = "system:serviceaccount:a-namespace-with-quite-a-long-name:relay-operator-of-the-night-shift";
    let run = "a-run-of-the-relay-with-a-name-as-long-as-a-label-may-be-x-y-z";
    let rest = json!({
        "ticket": ticket, "runRef": {"name": run}, "state": "New", "priority": "Urgent",
        "assignee": {"type": "Operator", "name": account}, "title": "Which of the two ports shall the relay listen on?",
    });
    stage.create(&question(name, rest.clone())).await;
    let waits = json!({"state": "WaitingOperator", "assignee": {"type": "Human", "name": "ada"}});
    let mut other = rest;
    merge(&mut other, waits);
    stage.create(&question("other", other)).await;
    for thread in [name, "other"] {
        let recorded = |t: &Value| t["status"]["postCount"] == 1;
        stage.until("ForumThread", thread, "it is recorded", recorded).await;
    }
    let (done, table) = stage.cluster.kubectl(&["get", "forumthreads"]).await;
    assert!(done, "{table}");
    let widest = table.lines().map(|l| l.trim_end().chars().count()).max().unwrap();
    assert!(widest <= WIDTH, "{widest} characters:\n{table}");
    let words = |line: usize| table.lines().nth(line).unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(
        words(0),
        ["NAME", "TICKET", "STATE", "PRI", "ASSIGNEE", "SLA-DUE", "ESC", "AGE"]
    );
    let thread = stage.get("ForumThread", name).await;
    let deadline = thread["status"]["sla"]["deadline"].as_str().unwrap();
    let due = format!("{}Z", &deadline[5..16]);
    let (first, second) = if words(1)[0] == name { (1, 2) } else { (2, 1) };
    let expected = [name, ticket, "New", "Urgent", "relay-operator-…", due.as_str(), "0"];
    assert_eq!(words(first)[..7], expected, "a date that lies ahead is shown as it is");
    assert_eq!(
        words(second)[..5],
        ["other", ticket, "WaitingOperator", "Urgent", "ada"]
    );
    let (_, wide) = stage.cluster.kubectl(&["get", "thread", "-o", "wide"]).await;
    for word in [
        "RUN",
        run,
        "TITLE",
        "Which of the two ports",
        "OPENED-BY",
        "POSTS",
        "WAITING-ON",
    ] {
        assert!(wide.contains(word), "{word} in:\n{wide}");
    }
    controller.terminate().await;
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
