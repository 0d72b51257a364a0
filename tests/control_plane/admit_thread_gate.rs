//! Every way around the human gate that we could think of, each tried on the real API server by somebody who may do
//! everything but that. All of them fail closed.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams};
use serde_json::{Value, json};

use crate::harness::people::{Person, Said, Way};
use crate::harness::room::{QUESTION, Room, answering, asking_again, both, comment, post, thread, to_state};

const EDGES: [&str; 4] = ["Triaged", "WaitingOperator", "Answered", "Closed"];

fn refused(said: Said, what: &str) {
    let (code, words) = said.expect_err(what);
    assert!(
        code == 403 && words.contains("gate.forum.metawsm.dev"),
        "{what}: {code} {words}"
    );
}

/// Everybody but the human: the agent, the operator, and service accounts with all the rights that there are.
async fn others(room: &Room) -> Vec<Person> {
    let all = [
        "metawsm-forum-human",
        "metawsm-forum-operator",
        "metawsm-forum-answer",
        "metawsm-forum-onbehalf",
    ];
    vec![
        room.agent.clone(),
        room.operator.clone(),
        room.account("machine-with-ashuman", &all).await,
        Person::with_roles(
            &room.cluster,
            "otto",
            &["metawsm-forum-operator", "metawsm-forum-answer"],
        )
        .await,
    ]
}

#[tokio::test]
async fn nobody_but_a_human_leaves_waiting_human_by_any_edge() {
    let room = Room::new().await;
    room.thread_in("asked", "WaitingHuman").await;
    for person in others(&room).await {
        for to in EDGES {
            let change = if to == "Answered" {
                answering("a-1", to)
            } else {
                to_state(to)
            };
            refused(person.patch("asked", change).await, &format!("{} to {to}", person.name));
        }
        refused(
            person.patch("asked", answering("a-1", "Closed")).await,
            "answering and closing at once",
        );
    }
    for to in EDGES {
        let name = format!("left-{to}").to_lowercase();
        room.thread_in(&name, "WaitingHuman").await;
        let change = if to == "Answered" {
            answering("a-1", to)
        } else {
            to_state(to)
        };
        room.human.patch(&name, change).await.expect(to);
    }
}

#[tokio::test]
async fn two_steps_instead_of_one_do_not_pass() {
    let room = Room::new().await;
    room.thread_in("asked", "WaitingHuman").await;
    for (number, person) in others(&room).await.into_iter().enumerate() {
        refused(person.patch("asked", to_state("Triaged")).await, "the first step out");
        refused(
            person.patch("asked", to_state("WaitingOperator")).await,
            "the first step aside",
        );
        let draft = post(json!({"id": format!("d-{number}"), "kind": "Draft", "inReplyTo": QUESTION, "body": "8080"}));
        person
            .patch("asked", draft)
            .await
            .expect("a draft answers nothing, and anybody may write one");
    }
    let now = room.agent.get("asked").await.unwrap();
    assert_eq!(now["spec"]["state"], "WaitingHuman");
}

#[tokio::test]
async fn a_draft_cannot_be_turned_into_an_answer_afterwards() {
    let room = Room::new().await;
    room.thread_in("asked", "WaitingHuman").await;
    let draft = json!({"id": "d-1", "kind": "Draft", "inReplyTo": QUESTION, "body": "8080"});
    room.agent.patch("asked", post(draft)).await.unwrap();
    let turned = json!([{"op": "replace", "path": "/spec/posts/1/kind", "value": "Answer"}]);
    for person in [&room.agent, &room.human] {
        let (_, words) = person
            .patch("asked", both(turned.clone(), to_state("Answered")))
            .await
            .unwrap_err();
        assert!(words.contains("a post cannot be changed"), "{words}");
    }
}

#[tokio::test]
async fn an_answer_typed_as_human_does_not_pass() {
    let room = Room::new().await;
    room.thread_in("asked", "WaitingHuman").await;
    room.thread_in("free", "New").await;
    for author in [
        json!({"type": "Human", "name": "ada"}),
        json!({"type": "Human", "name": "ada", "attested": true}),
    ] {
        let answer = json!({"id": "a-1", "kind": "Answer", "inReplyTo": QUESTION, "body": "8080", "author": author});
        for name in ["asked", "free"] {
            let change = both(post(answer.clone()), to_state("Answered"));
            refused(room.agent.patch(name, change).await, name);
        }
    }
}

#[tokio::test]
async fn a_thread_cannot_be_created_as_answered_nor_with_an_answer() {
    let room = Room::new().await;
    let answer = json!({"id": "a-1", "kind": "Answer", "inReplyTo": QUESTION, "body": "8080"});
    let question = json!({"id": QUESTION, "kind": "Question", "body": "80 is taken."});
    for person in [&room.agent, &room.human] {
        for state in ["Answered", "Closed", "Triaged"] {
            let made = person.create(&thread("made", json!({ "state": state }))).await;
            assert!(made.unwrap_err().1.contains("a thread begins as"), "{state}");
        }
        for state in ["New", "WaitingHuman", "Answered"] {
            let spec = json!({"state": state, "posts": [question, answer]});
            let (_, words) = person.create(&thread("made", spec)).await.expect_err(state);
            assert!(words.contains("spec.state"), "{words}");
        }
    }
}

#[tokio::test]
async fn closing_or_deleting_instead_of_answering_does_not_pass() {
    let room = Room::new().await;
    room.thread_in("asked", "WaitingHuman").await;
    for person in others(&room).await.into_iter().skip(1) {
        refused(person.patch("asked", to_state("Closed")).await, "closing");
        refused(person.delete("asked").await, "deleting");
    }
    let rules =
        json!([{"apiGroups": ["metawsm.dev"], "resources": ["forumthreads"], "verbs": ["deletecollection", "list"]}]);
    let sweeper = Person::with_rules(&room.cluster, "sweeper", rules).await;
    refused(sweeper.delete_all().await, "deleting all at once");
    room.human.delete("asked").await.expect("a human may");
}

#[tokio::test]
async fn deletes_pass_while_the_namespace_goes() {
    let room = Room::new().await;
    room.thread_in("asked", "WaitingHuman").await;
    let namespaces: Api<Namespace> = Api::all(room.cluster.client.clone());
    refused(room.operator.delete("asked").await, "before");
    let gone = namespaces
        .delete(&room.cluster.namespace, &DeleteParams::default())
        .await;
    gone.expect("a namespace can be deleted");
    // Nothing finishes namespaces on a control plane without its controllers: the operator stands in for them.
    let deleted =
        crate::harness::polling::eventually("the delete passes", async || room.operator.delete("asked").await.ok());
    deleted.await;
}

#[tokio::test]
async fn entering_answered_or_posting_an_answer_needs_a_human_or_the_right_to_answer() {
    let room = Room::new().await;
    let delegate = room
        .account("delegate", &["metawsm-forum-agent", "metawsm-forum-answer"])
        .await;
    for (number, from) in ["New", "Triaged", "WaitingOperator"].into_iter().enumerate() {
        let name = format!("free-{number}");
        room.thread_in(&name, from).await;
        refused(room.agent.patch(&name, answering("a-1", "Answered")).await, from);
        refused(
            room.agent.patch(&name, answering("a-1", "Closed")).await,
            "an Answer that comes with Closed",
        );
        refused(room.operator.patch(&name, answering("a-1", "Answered")).await, from);
        delegate.patch(&name, answering("a-1", "Answered")).await.expect(from);
        refused(
            room.agent.patch(&name, answering("a-2", "Answered")).await,
            "one more Answer in Answered",
        );
    }
    room.thread_in("asked", "WaitingHuman").await;
    refused(
        delegate.patch("asked", answering("a-1", "Answered")).await,
        "where a human is asked",
    );
}

#[tokio::test]
async fn every_way_to_write_meets_the_gate() {
    let room = Room::new().await;
    let asked = room.thread_in("asked", "WaitingHuman").await;
    let mut whole = asked.clone();
    whole["spec"]["state"] = json!("Closed");
    whole["metadata"].as_object_mut().unwrap().remove("managedFields");
    let applied = thread("asked", json!({"state": "Closed"}));
    let ways: [(Way, Value); 4] = [
        (Way::JsonPatch, to_state("Closed")),
        (Way::MergePatch, json!({"spec": {"state": "Closed"}})),
        (Way::Apply, applied),
        (Way::Update, whole),
    ];
    for (way, body) in &ways {
        refused(room.agent.change(*way, "asked", body).await, &format!("{way:?}"));
        assert_eq!(
            room.agent.get("asked").await.unwrap()["spec"]["state"],
            "WaitingHuman",
            "{way:?}"
        );
    }
}

#[tokio::test]
async fn status_is_written_by_nobody_but_the_controller() {
    let room = Room::new().await;
    room.thread_in("asked", "WaitingHuman").await;
    let rule = |verbs: Value| json!([{"apiGroups": ["metawsm.dev"], "resources": ["*"], "verbs": verbs}]);
    let broad = Person::with_rules(
        &room.cluster,
        "broad",
        rule(json!(["get", "update", "patch", "create", "delete"])),
    )
    .await;
    let (code, words) = broad
        .merge_status("asked", json!({"state": "Answered"}))
        .await
        .unwrap_err();
    assert!(code == 403 && words.contains("status.metawsm.dev"), "{words}");
    let (code, _) = room
        .human
        .merge_status("asked", json!({"state": "Answered"}))
        .await
        .unwrap_err();
    assert_eq!(code, 403, "a human has no right to it at all");
    for (number, resource) in ["runs", "tickettopologies"].into_iter().enumerate() {
        let manifest = crate::admission::manifest(
            [crate::admission::Base::Run, crate::admission::Base::Topology][number],
            0,
        );
        let api = crate::admission::api(
            &room.cluster,
            [crate::admission::Base::Run, crate::admission::Base::Topology][number],
        );
        api.create(
            &kube::api::PostParams::default(),
            &serde_json::from_value(manifest).unwrap(),
        )
        .await
        .unwrap();
        let (done, said) = room
            .cluster
            .kubectl(&[
                "--as",
                "broad",
                "patch",
                resource,
                "case-0",
                "--subresource=status",
                "--type=merge",
                "-p",
                r#"{"status":{"observedGeneration":9}}"#,
            ])
            .await;
        assert!(!done && said.contains("status.metawsm.dev"), "{said}");
    }
    let writes = json!([
        {"apiGroups": ["metawsm.dev"], "resources": ["forumthreads/status"], "verbs": ["patch"]},
        {"apiGroups": ["metawsm.dev"], "resources": ["controllers"], "verbs": ["write-status"]},
    ]);
    let controller = Person::with_rules(&room.cluster, "controller", writes).await;
    controller
        .merge_status("asked", json!({"postCount": 1}))
        .await
        .expect("the controller writes status");
}

#[tokio::test]
async fn the_controllers_finalizers_come_and_go_without_passing_as_a_change() {
    let room = Room::new().await;
    room.thread_in("asked", "WaitingHuman").await;
    let controller = room.account("metawsm", &["metawsm-forum-agent"]).await;
    let api = crate::admission::api(&room.cluster, crate::admission::Base::Thread);
    let finalizers = |list: Value| json!({"metadata": {"finalizers": list}});
    controller
        .merge("asked", finalizers(json!(["metawsm.dev/finalizer"])))
        .await
        .expect("put on");
    room.human.delete("asked").await.expect("a human may");
    let now = room.agent.get("asked").await.expect("the finalizer keeps it");
    assert_eq!(
        now["metadata"]["annotations"]["metawsm.dev/actor"], *room.agent.name,
        "the opener is the actor still"
    );
    controller
        .merge("asked", finalizers(json!([])))
        .await
        .expect("taken off");
    assert!(api.get_opt("asked").await.unwrap().is_none());
}

#[tokio::test]
async fn asking_again_after_an_answer_closes_the_gate_again() {
    let room = Room::new().await;
    room.thread_in("asked", "Answered").await;
    room.agent
        .patch("asked", asking_again("q-2", "WaitingHuman"))
        .await
        .expect("an agent may ask again");
    refused(room.agent.patch("asked", to_state("Closed")).await, "out again");
    let twice = both(
        post(json!({"id": "a-2", "kind": "Answer", "inReplyTo": "q-2", "body": "8080"})),
        to_state("Answered"),
    );
    refused(room.operator.patch("asked", twice.clone()).await, "the operator");
    room.human.patch("asked", twice).await.expect("the human");
}

/// What wildcards are: a role with `resources: ["*"]` and `create` includes `forumthreads/ashuman`, so its holder passes
/// as a human, if they are a person. It is documented, not prevented; a service account does not pass even so.
#[tokio::test]
async fn a_wildcard_role_makes_a_person_human_and_a_service_account_not() {
    let room = Room::new().await;
    let rules = json!([{"apiGroups": ["metawsm.dev"], "resources": ["*"], "verbs": ["*"]}]);
    let wild = Person::with_rules(&room.cluster, "wanda", rules.clone()).await;
    room.thread_in("asked", "WaitingHuman").await;
    crate::harness::people::grant(&room.cluster, &Person::account(&room.cluster, "wild"), "Role", "wanda").await;
    let machine = room.account("wild", &[]).await;
    refused(
        machine.patch("asked", answering("a-1", "Answered")).await,
        "a service account with everything",
    );
    let answered = wild
        .patch("asked", answering("a-1", "Answered"))
        .await
        .expect("documented: it passes");
    assert_eq!(
        answered["spec"]["posts"][1]["author"],
        json!({"type": "Human", "name": "wanda", "attested": true})
    );
}

#[tokio::test]
async fn comments_priority_and_assignee_stay_free_while_a_human_is_asked() {
    let room = Room::new().await;
    room.thread_in("asked", "WaitingHuman").await;
    room.agent.patch("asked", comment("c-1")).await.unwrap();
    room.operator
        .merge("asked", json!({"spec": {"priority": "High"}}))
        .await
        .unwrap();
    room.operator
        .merge("asked", json!({"spec": {"assignee": {"type": "Human", "name": "ada"}}}))
        .await
        .unwrap();
}
