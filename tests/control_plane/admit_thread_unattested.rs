//! Clusters that lack the mutating kind, or all policies: threads work there, nothing is filled in, and what cannot be
//! vouched for is not called attested. Each on a control plane of its own.

use k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBinding;
use kube::api::{Api, Patch, PatchParams};
use metawsm::forum_thread::attestation::Attestation;
use metawsm::forum_thread::policies;
use serde_json::{Value, json};

use crate::harness::cluster::Cluster;
use crate::harness::people::Person;
use crate::harness::plane::Plane;
use crate::harness::polling::eventually;
use crate::harness::room::{QUESTION, answering, comment, post, thread, to_state};

struct Bare {
    plane: Plane,
    agent: Person,
    human: Person,
}

async fn room_with(policies: &[&str]) -> Option<Bare> {
    let plane = Plane::start().await?;
    plane.apply("roles").await;
    for policy in policies {
        plane.apply(policy).await;
    }
    let stage = plane.stage().await;
    let cluster: Cluster = stage.cluster.clone();
    let account = Person::account(&cluster, "agent");
    let agent = Person::of(plane.config().await, &cluster, &account, &["metawsm-forum-agent"]).await;
    let human = Person::of(plane.config().await, &cluster, "ada", &["metawsm-forum-human"]).await;
    Some(Bare { plane, agent, human })
}

fn by(author: Value) -> Value {
    let mut question = json!({"id": QUESTION, "kind": "Question", "body": "80?"});
    question["author"] = author;
    json!({ "posts": [question] })
}

#[tokio::test]
async fn without_any_policy_threads_work_and_nothing_is_filled_in() {
    let Some(Bare { agent, human, plane }) = room_with(&[]).await else {
        return;
    };
    let attestation = policies::read(&plane.client().await).await.unwrap();
    assert!(
        matches!(&attestation, Attestation::Absent { why } if why.contains("is not installed")),
        "{attestation:?}"
    );
    let made = agent
        .create(&thread("plain", json!({})))
        .await
        .expect("an author is not required");
    assert!(made["spec"]["posts"][0]["author"].is_null() && made["metadata"]["annotations"].is_null());
    let moved = agent.patch("plain", to_state("Triaged")).await.unwrap();
    assert!(moved["spec"]["changes"].is_null(), "nobody writes them");
    human.patch("plain", answering("a-1", "Answered")).await.unwrap();
    let given = agent
        .create(&thread(
            "given",
            by(json!({"type": "Human", "name": "ada", "attested": true})),
        ))
        .await
        .unwrap();
    assert_eq!(
        given["spec"]["posts"][0]["author"]["name"], "ada",
        "as it was given: so the controller must not believe it"
    );
    for hostile in crate::admit_thread::HOSTILE {
        let (_, words) = agent
            .create(&thread("odd", by(json!({"type": "Agent", "name": hostile}))))
            .await
            .unwrap_err();
        assert!(
            words.contains("spec.posts[0].author.name") && words.contains("must fit into one line"),
            "{words}"
        );
    }
    let (_, words) = agent.patch("plain", to_state("Triaged")).await.unwrap_err();
    assert!(words.contains("state cannot go from Answered to Triaged"), "{words}");
}

#[tokio::test]
async fn without_the_mutating_kind_nobody_can_be_impersonated_and_the_gate_holds() {
    let policies = ["admission/authors.yaml", "admission/gate.yaml", "admission/status.yaml"];
    let Some(Bare {
        agent,
        human,
        plane: _plane,
    }) = room_with(&policies).await
    else {
        return;
    };
    let forged = thread("forged", by(json!({"type": "Human", "name": "ada"})));
    let words = "spec.posts[].author of a new post must be you";
    let mut number = 0;
    eventually("the policy of authors is heeded", async || {
        number += 1;
        let mut one = forged.clone();
        one["metadata"]["name"] = json!(format!("forged-{number}"));
        agent
            .create(&one)
            .await
            .err()
            .filter(|(_, said)| said.contains(words))
            .map(drop)
    })
    .await;
    let made = agent
        .create(&thread("plain", json!({"state": "WaitingHuman"})))
        .await
        .expect("an author is not required");
    assert!(
        made["spec"]["posts"][0]["author"].is_null(),
        "and then nobody is attested"
    );
    let me = json!({"type": "Agent", "name": agent.name, "attested": true});
    let mine = agent
        .create(&thread("mine", by(me.clone())))
        .await
        .expect("one's own name is true, so it is attested");
    assert_eq!(mine["spec"]["posts"][0]["author"], me);
    agent
        .patch("plain", comment("c-1"))
        .await
        .expect("an edit needs no actor");
    agent
        .merge("plain", json!({"spec": {"priority": "High"}}))
        .await
        .expect("a change needs no line");
    lies_are_refused(&agent).await;
    the_gate_holds(&agent, &human).await;
}

/// Tries them on the thread `plain`.
async fn lies_are_refused(agent: &Person) {
    let words = "spec.posts[].author of a new post must be you";
    for lie in [
        json!({"type": "Agent", "name": "ada"}),
        json!({"type": "Operator", "name": agent.name}),
        json!({"type": "Human", "name": agent.name, "attested": true}),
        json!({"type": "Agent", "name": agent.name, "attested": true, "via": "inbox"}),
        json!({"type": "Agent", "name": agent.name, "attested": false}),
    ] {
        let said = agent
            .patch(
                "plain",
                post(json!({"id": "c-2", "kind": "Comment", "body": "a", "author": lie})),
            )
            .await;
        assert!(said.expect_err("a lie").1.contains(words), "{lie}");
    }
    let line =
        json!({"num": 1, "actor": {"type": "Human", "name": "ada"}, "field": "State", "from": "New", "to": "Closed"});
    let (_, said) = agent
        .merge("plain", json!({"spec": {"changes": [line]}}))
        .await
        .unwrap_err();
    assert!(said.contains("spec.changes is written by admission alone"), "{said}");
    let note = json!({"metadata": {"annotations": {"metawsm.dev/actor": "ada"}}});
    let (_, said) = agent.merge("plain", note).await.unwrap_err();
    assert!(
        said.contains("metawsm.dev/actor says who changed the spec last"),
        "{said}"
    );
}

async fn the_gate_holds(agent: &Person, human: &Person) {
    let closed = eventually("the gate is heeded", async || {
        let name = format!("gate-{}", uuid::Uuid::new_v4().simple());
        agent
            .create(&thread(&name, json!({"state": "WaitingHuman"})))
            .await
            .ok()?;
        agent.patch(&name, to_state("Closed")).await.err()
    });
    assert!(closed.await.1.contains("only by a human"));
    human
        .patch("plain", answering("a-1", "Answered"))
        .await
        .expect("a human answers");
}

#[tokio::test]
async fn the_controller_attests_where_the_policy_is_as_shipped_and_where_it_may_see_that() {
    let policy = "admission/authors.yaml";
    let Some(Bare { plane, agent, .. }) = room_with(&[policy]).await else {
        return;
    };
    let client = plane.client().await;
    let attestation = policies::read(&client).await.unwrap();
    assert!(
        matches!(attestation, Attestation::InForce { .. }),
        "with the API server's defaults: {attestation:?}"
    );
    let blind = policies::read(&agent.client()).await.unwrap();
    assert!(
        matches!(&blind, Attestation::Absent { why } if why.contains("may not read")),
        "{blind:?}"
    );
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(client.clone());
    let weaker = json!({"spec": {"validationActions": ["Audit"]}});
    let name = "authors.forum.metawsm.dev";
    bindings
        .patch(name, &PatchParams::default(), &Patch::Merge(weaker))
        .await
        .unwrap();
    let weakened = policies::read(&client).await.unwrap();
    assert!(
        matches!(&weakened, Attestation::Absent { why } if why.contains("not as this version ships it")),
        "{weakened:?}"
    );
}

#[tokio::test]
async fn policies_are_heeded_once_the_script_that_installs_them_returns() {
    let Some(plane) = Plane::start().await else {
        return;
    };
    plane.install_policies().await;
    let cluster: Cluster = plane.stage().await.cluster.clone();
    let account = Person::account(&cluster, "agent");
    let agent = Person::of(plane.config().await, &cluster, &account, &["metawsm-forum-agent"]).await;
    let question = thread("asked", json!({"state": "WaitingHuman"}));
    let made = agent.create(&question).await.unwrap();
    let author = json!({"type": "Agent", "name": account, "attested": true});
    assert_eq!(made["spec"]["posts"][0]["author"], author, "it is filled in");
    let closed = agent.patch("asked", to_state("Closed")).await;
    let forged = json!({"metadata": {"annotations": {"metawsm.dev/speaks-for": "Human/ada"}}});
    let forged = agent.merge("asked", forged).await;
    let status = json!([{"apiGroups": ["metawsm.dev"], "resources": ["forumthreads/status"], "verbs": ["patch"]}]);
    let writer = Person::with_rules(&cluster, "status-writer", status).await;
    let written = writer
        .on(plane.config().await)
        .merge_status("asked", json!({"postCount": 7}))
        .await;
    for (by, said) in [("gate.forum", closed), ("authors.forum", forged), ("status", written)] {
        let (_, words) = said.expect_err("it is refused at once");
        assert!(words.contains(&format!("{by}.metawsm.dev")), "{words}");
    }
}
