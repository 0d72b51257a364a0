//! Who said it is what the API server knows, whatever the request claims: forged authors, lines and actors, in every way
//! to write.

use serde_json::{Value, json};

use crate::harness::people::{Person, Said, Way};
use crate::harness::room::{Room, both, comment, lines, post, thread, to_state};

const ACTOR: &str = "metawsm.dev/actor";

fn actor(thread: &Value) -> &Value {
    &thread["metadata"]["annotations"][ACTOR]
}

fn denied(said: Said, words: &str) {
    let (_, said) = said.expect_err(words);
    assert!(
        said.contains("authors.forum.metawsm.dev") && said.contains(words),
        "{words:?} in: {said}"
    );
}

#[tokio::test]
async fn authors_are_filled_in_from_who_is_logged_in() {
    let room = Room::new().await;
    let clerk = room.account("clerk", &["metawsm-forum-operator"]).await;
    let peter = Person::with_roles(&room.cluster, "peter", &["metawsm-forum-agent"]).await;
    let both_rights = Person::with_roles(
        &room.cluster,
        "berta",
        &["metawsm-forum-human", "metawsm-forum-operator"],
    )
    .await;
    for (person, expected) in [
        (&room.agent, "Agent"),
        (&room.operator, "Operator"),
        (&room.human, "Human"),
        (&clerk, "Operator"),
        (&peter, "Operator"),
        (&both_rights, "Human"),
    ] {
        let name = format!("by-{}", person.name.rsplit(':').next().unwrap());
        let made = person.create(&thread(&name, json!({}))).await.unwrap();
        let author = json!({"type": expected, "name": person.name, "attested": true});
        assert_eq!(made["spec"]["posts"][0]["author"], author);
        assert_eq!(*actor(&made), *person.name);
        let changed = person
            .merge(&name, json!({"spec": {"state": "Triaged"}}))
            .await
            .unwrap();
        assert_eq!(
            lines(&changed),
            [format!("{expected}/{}: State New -> Triaged", person.name)]
        );
    }
}

#[tokio::test]
async fn a_forged_author_is_overwritten() {
    let room = Room::new().await;
    let forged = json!({"type": "Human", "name": "ada", "attested": true});
    let question = json!({"id": "q-1", "kind": "Question", "body": "80?", "author": forged});
    let made = room
        .agent
        .create(&thread("forged", json!({"posts": [question]})))
        .await
        .unwrap();
    assert_eq!(
        made["spec"]["posts"][0]["author"],
        json!({"type": "Agent", "name": room.agent.name, "attested": true})
    );
    let said = room
        .agent
        .patch(
            "forged",
            post(json!({"id": "c-1", "kind": "Comment", "body": "a", "author": forged})),
        )
        .await
        .unwrap();
    assert_eq!(said["spec"]["posts"][1]["author"]["name"], *room.agent.name);
    let part = json!({"id": "c-2", "kind": "Comment", "body": "a", "author": {"type": "Human", "name": "ada", "via": "inbox"}});
    denied(
        room.agent.patch("forged", post(part)).await,
        "spec.posts[].author of a new post must be you",
    );
}

#[tokio::test]
async fn an_earlier_post_or_line_cannot_be_rewritten_by_anybody() {
    let room = Room::new().await;
    room.agent.create(&thread("said", json!({}))).await.unwrap();
    room.operator
        .patch("said", both(comment("c-1"), to_state("Triaged")))
        .await
        .unwrap();
    let set = |path: &str, value: Value| json!([{"op": "replace", "path": format!("/spec/{path}"), "value": value}]);
    let remove = |path: &str| json!([{"op": "remove", "path": format!("/spec/{path}")}]);
    let attempts = [
        (set("posts/1/author/name", json!("ada")), "a post cannot be changed"),
        (set("posts/1/author/type", json!("Human")), "a post cannot be changed"),
        (set("posts/1/body", json!("No.")), "a post cannot be changed"),
        (remove("posts/1/author"), "a post cannot be changed"),
        (remove("posts/1"), "posts can only be added at the end"),
        (
            set("changes/0/actor/name", json!("ada")),
            "a line of changes cannot be changed",
        ),
        (
            set("changes/0/to", json!("Closed")),
            "a line of changes cannot be changed",
        ),
        (set("changes/0/num", json!(2)), "changes c"),
        (set("changes", json!([])), "changes can only be added at the end"),
        (remove("changes"), "changes cannot be removed"),
    ];
    for (attempt, words) in attempts {
        for person in [&room.agent, &room.operator, &room.human, &Person::admin(&room.cluster)] {
            let (code, said) = person.patch("said", attempt.clone()).await.expect_err(words);
            assert!(
                code == 422 && said.contains(words),
                "{}: {attempt}: {said}",
                person.name
            );
        }
    }
}

#[tokio::test]
async fn a_forged_line_in_changes_is_refused_or_becomes_true() {
    let room = Room::new().await;
    room.agent.create(&thread("lines", json!({}))).await.unwrap();
    let forged = |num: i64, to: &str| json!({"num": num, "actor": {"type": "Human", "name": "ada", "attested": true}, "field": "State", "from": "New", "to": to});
    let with = |lines: Value| json!([{"op": "add", "path": "/spec/changes", "value": lines}]);
    let alone = "spec.changes is written by admission alone";
    denied(
        room.agent.patch("lines", with(json!([forged(1, "Answered")]))).await,
        alone,
    );
    let two = with(json!([forged(1, "Triaged"), forged(2, "Answered")]));
    denied(room.agent.patch("lines", both(two, to_state("Triaged"))).await, alone);
    let mut claimed = forged(1, "Triaged");
    claimed["commandId"] = json!("c-1");
    denied(
        room.agent
            .patch("lines", both(with(json!([claimed])), to_state("Triaged")))
            .await,
        alone,
    );
    denied(
        room.agent
            .create(&thread("born", json!({"changes": [forged(1, "New")]})))
            .await,
        alone,
    );
    let mended = room
        .agent
        .patch("lines", both(with(json!([forged(1, "Answered")])), to_state("Triaged")))
        .await;
    let mended = mended.expect("the one line of the one change is overwritten with what is true");
    assert_eq!(
        lines(&mended),
        [format!("Agent/{}: State New -> Triaged", room.agent.name)]
    );
    let later = json!([{"op": "add", "path": "/spec/changes/-", "value": forged(2, "Answered")}]);
    denied(room.agent.patch("lines", later).await, alone);
}

#[tokio::test]
async fn an_edit_of_metadata_alone_does_not_move_the_actor() {
    let room = Room::new().await;
    room.operator.create(&thread("meta", json!({}))).await.unwrap();
    let forge = |value: Value| json!({"metadata": {"annotations": {ACTOR: value}, "labels": {"seen": "yes"}}});
    for person in [&room.agent, &room.human] {
        for value in [json!("ada"), json!(person.name), Value::Null, json!("")] {
            let now = person.merge("meta", forge(value.clone())).await;
            let now = now.unwrap_or_else(|e| panic!("labels are free: {e:?}"));
            assert_eq!(*actor(&now), "olga", "{} wrote {value}", person.name);
        }
    }
    let now = room
        .agent
        .merge("meta", json!({"metadata": {"annotations": null}}))
        .await
        .unwrap();
    assert_eq!(*actor(&now), "olga", "all annotations at once");
    let mut change = forge(json!("ada"));
    change["spec"] = json!({"priority": "High"});
    let now = room.agent.merge("meta", change).await.unwrap();
    assert_eq!(
        *actor(&now),
        *room.agent.name,
        "a change of the spec carries who made it"
    );
}

#[tokio::test]
async fn two_people_within_milliseconds_are_both_in_changes_in_order() {
    let room = Room::new().await;
    room.agent.create(&thread("busy", json!({}))).await.unwrap();
    let (people, mut all) = ([&room.operator, &room.human], vec![]);
    for round in 0..6 {
        let name = |person: &Person| json!({"spec": {"assignee": {"type": "Operator", "name": format!("{}-{round}", person.name)}}});
        let (one, two) = tokio::join!(
            people[0].merge("busy", name(people[0])),
            people[1].merge("busy", name(people[1]))
        );
        assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
        all.extend(people.map(|p| format!("{}-{round}", p.name)));
    }
    let now = room.agent.get("busy").await.unwrap();
    let changes = now["spec"]["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 12);
    let mut before = String::new();
    let mut seen = vec![];
    for (place, change) in changes.iter().enumerate() {
        assert_eq!(change["num"], place + 1);
        assert_eq!(change["from"], *before, "each begins where the one before ended");
        before = change["to"].as_str().unwrap().to_owned();
        let to = before.strip_prefix("Operator/").unwrap();
        assert_eq!(
            to.split('-').next(),
            change["actor"]["name"].as_str(),
            "each with its own actor"
        );
        seen.push(to.to_owned());
    }
    seen.sort();
    all.sort();
    assert_eq!(seen, all, "none is lost");
    let (one, two) = tokio::join!(
        room.operator.merge("busy", json!({"spec": {"state": "Triaged"}})),
        room.human.merge("busy", json!({"spec": {"state": "WaitingHuman"}})),
    );
    // Whoever came second either went on from the other's state, or was refused by the table or the gate; none is silent.
    let states = lines(&room.agent.get("busy").await.unwrap())
        .into_iter()
        .filter(|l| l.contains("State"))
        .count();
    assert_eq!(states, usize::from(one.is_ok()) + usize::from(two.is_ok()));
}

#[tokio::test]
async fn apply_merge_patch_json_patch_and_update_all_carry_the_caller() {
    let room = Room::new().await;
    for way in [Way::JsonPatch, Way::MergePatch, Way::Apply, Way::Update] {
        let name = format!("{way:?}").to_lowercase();
        let made = room.agent.create(&thread(&name, json!({}))).await.unwrap();
        let said = json!({"id": "c-1", "kind": "Comment", "body": "a", "author": {"type": "Human", "name": "ada"}});
        let mut whole = made.clone();
        whole["spec"]["state"] = json!("Triaged");
        whole["spec"]["posts"].as_array_mut().unwrap().push(said.clone());
        let body = match way {
            Way::JsonPatch => both(post(said), to_state("Triaged")),
            Way::MergePatch => json!({"spec": {"state": "Triaged", "posts": whole["spec"]["posts"]}}),
            Way::Apply => thread(&name, json!({"state": "Triaged", "posts": [said]})),
            Way::Update => whole,
        };
        let now = room
            .operator
            .change(way, &name, &body)
            .await
            .unwrap_or_else(|e| panic!("{way:?}: {e:?}"));
        assert_eq!(lines(&now), ["Operator/olga: State New -> Triaged"], "{way:?}");
        assert_eq!(
            now["spec"]["posts"][1]["author"],
            json!({"type": "Operator", "name": "olga", "attested": true}),
            "{way:?}"
        );
        assert_eq!(*actor(&now), "olga", "{way:?}");
    }
}

#[tokio::test]
async fn who_applies_again_does_not_take_away_what_admission_wrote() {
    let room = Room::new().await;
    let mut mine = thread("applied", json!({}));
    room.operator
        .change(Way::Apply, "applied", &mine)
        .await
        .expect("created by apply");
    for (number, state) in ["Triaged", "WaitingOperator", "Triaged"].into_iter().enumerate() {
        mine["spec"]["state"] = json!(state);
        let now = room.operator.change(Way::Apply, "applied", &mine).await.expect(state);
        assert_eq!(
            lines(&now).len(),
            number + 1,
            "lines stay although the applied object never has them"
        );
        assert_eq!(now["spec"]["posts"][0]["author"]["name"], "olga");
    }
    let again = room
        .operator
        .change(Way::Apply, "applied", &mine)
        .await
        .expect("nothing new");
    assert_eq!(lines(&again).len(), 3);
    let (_, words) = room
        .operator
        .change(Way::Apply, "applied", &thread("applied", json!({"state": "New"})))
        .await
        .unwrap_err();
    assert!(words.contains("state cannot go from Triaged to New"), "{words}");
}
