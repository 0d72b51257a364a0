//! A room for conversations: a namespace with an agent, an operator, a human and others, once the policies are heeded.

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::cluster::Cluster;
use super::people::{Person, Said};
use super::polling::{PATIENCE, first};

/// The question that every thread begins with.
pub const QUESTION: &str = "q-1";

/// A namespace and who is in it.
pub struct Room {
    pub cluster: Cluster,
    /// A service account with the role of agents.
    pub agent: Person,
    /// A person with the role of operators.
    pub operator: Person,
    /// A person with the role of humans.
    pub human: Person,
}

impl Room {
    pub async fn new() -> Self {
        static HEEDED: OnceCell<()> = OnceCell::const_new();
        let room = Self::before_policies().await;
        HEEDED.get_or_init(|| until_heeded(&room)).await;
        room
    }

    async fn before_policies() -> Self {
        let cluster = Cluster::new().await;
        let account = Person::account(&cluster, "agent");
        Self {
            agent: Person::with_roles(&cluster, &account, &["metawsm-forum-agent"]).await,
            operator: Person::with_roles(&cluster, "olga", &["metawsm-forum-operator"]).await,
            human: Person::with_roles(&cluster, "ada", &["metawsm-forum-human"]).await,
            cluster,
        }
    }

    /// A service account with these roles.
    pub async fn account(&self, name: &str, roles: &[&str]) -> Person {
        Person::with_roles(&self.cluster, &Person::account(&self.cluster, name), roles).await
    }

    /// Opens a thread by the agent and lets the human bring it into a state.
    pub async fn thread_in(&self, name: &str, state: &str) -> Value {
        let begins = matches!(state, "New" | "WaitingOperator" | "WaitingHuman");
        let first = if begins { state } else { "New" };
        let made = self.agent.create(&thread(name, json!({ "state": first }))).await;
        let made = made.unwrap_or_else(|e| panic!("{name} was not opened: {e:?}"));
        if begins {
            return made;
        }
        let change = if state == "Answered" {
            answering("a-1", "Answered")
        } else {
            to_state(state)
        };
        let moved = self.human.patch(name, change).await;
        moved.unwrap_or_else(|e| panic!("{name} does not become {state}: {e:?}"))
    }
}

/// A new policy is heeded a moment after it was installed: waits for a refusal by each of them.
async fn until_heeded(room: &Room) {
    let statuses = json!([{"apiGroups": ["metawsm.dev"], "resources": ["forumthreads/status"], "verbs": ["patch"]}]);
    let writer = Person::with_rules(&room.cluster, "status-writer", statuses).await;
    let mut missing = String::new();
    let heeded = first(PATIENCE, async || {
        missing = unheeded(room, &writer).await?;
        missing.is_empty().then_some(())
    });
    assert!(heeded.await.is_some(), "not within {PATIENCE:?}: {missing}");
}

/// What of the policies is not heeded yet; empty where all are.
async fn unheeded(room: &Room, writer: &Person) -> Option<String> {
    let probe = format!("probe-{}", uuid::Uuid::new_v4().simple());
    let made = match room
        .agent
        .create(&thread(&probe, json!({ "state": "WaitingHuman" })))
        .await
    {
        Ok(made) => made,
        Err(said) => return Some(format!("no thread can be opened: {said:?}")),
    };
    if made["spec"]["posts"][0]["author"]["name"] != *room.agent.name {
        return Some(format!("authors are not filled in: {made:#}"));
    }
    let forged = json!({"metadata": {"annotations": {"metawsm.dev/speaks-for": "Human/ada"}}});
    let closing = json!({"spec": {"state": "Closed"}});
    let said: [(&str, Said); 3] = [
        ("authors.forum.metawsm.dev", room.agent.merge(&probe, forged).await),
        ("gate.forum.metawsm.dev", room.agent.merge(&probe, closing).await),
        (
            "status.metawsm.dev",
            writer.merge_status(&probe, json!({ "postCount": 7 })).await,
        ),
    ];
    let silent = said
        .into_iter()
        .find(|(by, said)| !said.as_ref().is_err_and(|(_, words)| words.contains(by)));
    Some(silent.map_or(String::new(), |(by, said)| format!("{by} does not refuse: {said:?}")))
}

/// A thread as an agent opens it; `rest` is merged into its spec.
pub fn thread(name: &str, rest: Value) -> Value {
    let mut spec = json!({
        "ticket": "METAWSM-101", "title": "Which port shall the relay use?",
        "posts": [{"id": QUESTION, "kind": "Question", "body": "80 is taken."}],
    });
    super::manifests::merge(&mut spec, rest);
    json!({"apiVersion": "metawsm.dev/v1alpha1", "kind": "ForumThread", "metadata": {"name": name}, "spec": spec})
}

/// A JSON patch that adds a post.
pub fn post(post: Value) -> Value {
    json!([{"op": "add", "path": "/spec/posts/-", "value": post}])
}

/// A JSON patch that adds a comment.
pub fn comment(id: &str) -> Value {
    post(json!({"id": id, "kind": "Comment", "body": "I see."}))
}

/// A JSON patch that moves the state.
pub fn to_state(state: &str) -> Value {
    json!([{"op": "replace", "path": "/spec/state", "value": state}])
}

/// A JSON patch that answers the question and moves the state.
pub fn answering(id: &str, state: &str) -> Value {
    let answer = json!({"id": id, "kind": "Answer", "inReplyTo": QUESTION, "body": "Use 8080."});
    both(post(answer), to_state(state))
}

/// A JSON patch that asks again and moves the state.
pub fn asking_again(id: &str, state: &str) -> Value {
    both(
        post(json!({"id": id, "kind": "Question", "body": "And for tests?"})),
        to_state(state),
    )
}

/// Two JSON patches in one.
pub fn both(one: Value, other: Value) -> Value {
    let list = |v: Value| v.as_array().cloned().unwrap_or_default();
    Value::Array([list(one), list(other)].concat())
}

/// The lines of `changes` as `actor: field from -> to`.
pub fn lines(thread: &Value) -> Vec<String> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let all = thread["spec"]["changes"].as_array().cloned().unwrap_or_default();
    let line = |c: &Value| {
        let (from, to) = (text(&c["from"]), text(&c["to"]));
        format!(
            "{}/{}: {} {from} -> {to}",
            text(&c["actor"]["type"]),
            text(&c["actor"]["name"]),
            text(&c["field"])
        )
    };
    all.iter().map(line).collect()
}
