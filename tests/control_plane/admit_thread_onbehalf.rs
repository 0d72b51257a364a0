//! Writing on behalf of others: only with the right, never as if it were attested, never past the human gate.

use serde_json::{Value, json};

use crate::harness::people::{Person, Said};
use crate::harness::room::{Room, answering, both, comment, lines, thread, to_state};

/// A JSON patch that says for whom it speaks, by which command.
fn speaking(for_whom: &str, command: &str) -> Value {
    let add = |name: &str, value: &str| json!({"op": "add", "path": format!("/metadata/annotations/metawsm.dev~1{name}"), "value": value});
    json!([add("speaks-for", for_whom), add("command", command)])
}

fn denied(said: Said, by: &str, words: &str) {
    let (code, said) = said.expect_err(words);
    assert!(
        said.contains(by) && said.contains(words),
        "{by} {words:?} in: {code} {said}"
    );
}

async fn inbox(room: &Room) -> Person {
    room.account("inbox", &["metawsm-forum-onbehalf"]).await
}

#[tokio::test]
async fn what_is_written_on_behalf_says_so_in_posts_changes_and_actor() {
    let room = Room::new().await;
    let inbox = inbox(&room).await;
    room.agent.create(&thread("asked", json!({}))).await.unwrap();
    let author = json!({"type": "Human", "name": "ada@example.com/x", "attested": false, "via": inbox.name});
    let said = both(
        speaking("Human/ada@example.com/x", "cmd-1"),
        both(comment("cmd-1"), to_state("Triaged")),
    );
    let now = inbox.patch("asked", said).await.expect("it may");
    assert_eq!(now["spec"]["posts"][1]["author"], author);
    assert_eq!(now["spec"]["changes"][0]["actor"], author);
    assert_eq!(now["spec"]["changes"][0]["commandId"], "cmd-1");
    assert_eq!(
        now["metadata"]["annotations"]["metawsm.dev/actor"], *inbox.name,
        "the actor is who really wrote"
    );
    let mut opened = thread("opened", json!({}));
    opened["metadata"]["annotations"] =
        json!({"metawsm.dev/speaks-for": "Agent/coder", "metawsm.dev/command": "cmd-2"});
    let opened = inbox.create(&opened).await.expect("it may open threads");
    let author = json!({"type": "Agent", "name": "coder", "attested": false, "via": inbox.name});
    assert_eq!(opened["spec"]["posts"][0]["author"], author);
}

#[tokio::test]
async fn nobody_else_may_speak_for_others() {
    let room = Room::new().await;
    let mut opened = thread("opened", json!({}));
    opened["metadata"]["annotations"] = json!({"metawsm.dev/speaks-for": "Human/ada", "metawsm.dev/command": "cmd-1"});
    room.agent.create(&thread("asked", json!({}))).await.unwrap();
    for person in [&room.agent, &room.operator, &room.human] {
        denied(person.create(&opened).await, "authors.forum", "forumthreads/onbehalf");
        for change in [
            speaking("Human/ada", "cmd-1"),
            both(speaking("Human/ada", "cmd-1"), comment("cmd-1")),
            both(speaking("Human/ada", "cmd-1"), to_state("Triaged")),
        ] {
            denied(
                person.patch("asked", change).await,
                "authors.forum",
                "forumthreads/onbehalf",
            );
        }
    }
}

#[tokio::test]
async fn after_a_command_everybody_else_writes_in_their_own_name_again() {
    let room = Room::new().await;
    let inbox = inbox(&room).await;
    room.agent.create(&thread("asked", json!({}))).await.unwrap();
    inbox
        .patch("asked", both(speaking("Operator/olga", "cmd-1"), to_state("Triaged")))
        .await
        .unwrap();
    let now = room
        .agent
        .patch("asked", both(comment("c-1"), to_state("WaitingHuman")))
        .await
        .unwrap();
    assert_eq!(
        now["spec"]["posts"][1]["author"],
        json!({"type": "Agent", "name": room.agent.name, "attested": true})
    );
    let now = Person::admin(&room.cluster)
        .merge("asked", json!({"spec": {"priority": "High"}}))
        .await
        .unwrap();
    let mine = &now["spec"]["changes"][2];
    assert!(
        mine["actor"]["attested"] == true && mine["commandId"].is_null(),
        "who may everything speaks for themselves: {mine}"
    );
    assert_eq!(lines(&now)[0], "Operator/olga: State New -> Triaged");
    room.agent
        .merge(
            "asked",
            json!({"metadata": {"annotations": {"metawsm.dev/speaks-for": null, "metawsm.dev/command": null}}}),
        )
        .await
        .expect("taking the notes away forges nothing");
    denied(
        room.agent
            .merge(
                "asked",
                json!({"metadata": {"annotations": {"metawsm.dev/command": "cmd-1"}}}),
            )
            .await,
        "authors.forum",
        "forumthreads/onbehalf",
    );
}

#[tokio::test]
async fn whom_it_speaks_for_is_named_in_full_and_each_command_is_new() {
    let room = Room::new().await;
    let inbox = inbox(&room).await;
    room.agent.create(&thread("asked", json!({}))).await.unwrap();
    let words = "metawsm.dev/speaks-for is like Operator/ada";
    for whom in ["ada", "System/metawsm", "Human", "Human/", "/ada", "human/ada", ""] {
        denied(
            inbox
                .patch("asked", both(speaking(whom, "cmd-0"), comment("c-0")))
                .await,
            "authors.forum",
            words,
        );
    }
    inbox
        .patch("asked", both(speaking("Operator/olga", "cmd-1"), comment("cmd-1")))
        .await
        .unwrap();
    denied(
        inbox
            .patch("asked", both(speaking("Human/ada", "cmd-1"), comment("c-2")))
            .await,
        "authors.forum",
        words,
    );
    let again = inbox
        .patch("asked", both(speaking("Operator/olga", "cmd-1"), comment("cmd-1")))
        .await;
    assert!(
        again.is_err(),
        "a command that comes twice finds its post there: {again:?}"
    );
}

#[tokio::test]
async fn nothing_on_behalf_passes_the_human_gate_whatever_the_rights() {
    let room = Room::new().await;
    let all = [
        "metawsm-forum-onbehalf",
        "metawsm-forum-human",
        "metawsm-forum-operator",
        "metawsm-forum-answer",
    ];
    let writers = [
        inbox(&room).await,
        room.account("mighty", &all).await,
        Person::with_roles(&room.cluster, "irene", &all).await,
        Person::admin(&room.cluster),
    ];
    room.thread_in("asked", "WaitingHuman").await;
    room.thread_in("free", "New").await;
    for (number, writer) in writers.iter().enumerate() {
        let by = speaking("Human/ada", &format!("cmd-{number}"));
        for change in [
            to_state("Triaged"),
            to_state("WaitingOperator"),
            to_state("Closed"),
            answering("a-1", "Answered"),
            answering("a-1", "Closed"),
        ] {
            denied(
                writer.patch("asked", both(by.clone(), change)).await,
                "gate.forum",
                "nothing that is written on behalf",
            );
        }
        denied(
            writer.patch("free", both(by, answering("a-1", "Answered"))).await,
            "gate.forum",
            "nothing that is written on behalf",
        );
    }
    let plain = writers[1].patch("asked", to_state("Closed")).await;
    denied(plain, "gate.forum", "only by a human");
}
