//! The soak's part with ForumThreads: asked, commented, handed on, answered, asked again, closed and deleted at random. In the
//! end each that is open says what was done to it, and those that were closed or deleted are gone.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::harness::forum::{question, say};
use super::harness::people::Person;
use super::harness::stage::Stage;

/// Most that are open at a time.
const MOST: usize = 6;
/// A thread takes no more posts than this here; 64 are allowed.
const MOST_POSTS: usize = 40;
const PRIORITIES: [&str; 4] = ["Low", "Normal", "High", "Urgent"];

pub struct Questions {
    admin: Person,
    dice: StdRng,
    asked: usize,
    changes: usize,
    open: BTreeMap<String, Thread>,
}

/// What we did to it.
struct Thread {
    state: &'static str,
    posts: usize,
    /// The last question, while it has no answer.
    unanswered: Option<String>,
}

impl Thread {
    /// Where its state may go without a post.
    fn ways(&self) -> &'static [&'static str] {
        match self.state {
            "New" => &["Triaged", "WaitingOperator", "WaitingHuman"],
            "Triaged" => &["WaitingOperator", "WaitingHuman"],
            "WaitingOperator" => &["Triaged", "WaitingHuman"],
            "WaitingHuman" => &["Triaged", "WaitingOperator"],
            _ => &[],
        }
    }
}

impl Questions {
    pub fn new(stage: &Stage, seed: u64) -> Self {
        Self {
            admin: Person::admin(&stage.cluster),
            dice: StdRng::seed_from_u64(seed),
            asked: 0,
            changes: 0,
            open: BTreeMap::new(),
        }
    }

    /// One random thing.
    pub async fn act(&mut self, stage: &Stage, tickets: &[&str]) {
        let names: Vec<_> = self.open.keys().cloned().collect();
        let name = names.choose(&mut self.dice).cloned();
        let Some(name) = name.filter(|_| self.open.len() >= MOST || self.dice.random_bool(0.7)) else {
            return self.ask(stage, tickets).await;
        };
        self.changes += 1;
        match self.dice.random_range(0..10) {
            0 => {
                self.open.remove(&name);
                self.admin.delete(&name).await.expect("it may be withdrawn");
            }
            1 => {
                self.open.remove(&name);
                self.merge(&name, json!({ "state": "Closed" })).await;
            }
            2 => {
                let priority = PRIORITIES.choose(&mut self.dice);
                self.merge(&name, json!({ "priority": priority })).await;
            }
            3..=5 => self.hand_on(&name).await,
            _ => self.talk(&name).await,
        }
    }

    async fn ask(&mut self, stage: &Stage, tickets: &[&str]) {
        self.asked += 1;
        let name = format!("thread-{}", self.asked);
        let ticket = tickets.choose(&mut self.dice);
        stage.create(&question(&name, json!({ "ticket": ticket }))).await;
        let thread = Thread {
            state: "New",
            posts: 1,
            unanswered: Some("q1".to_owned()),
        };
        self.open.insert(name, thread);
    }

    async fn merge(&self, name: &str, spec: Value) {
        self.admin
            .merge(name, json!({ "spec": spec }))
            .await
            .expect("it may be changed");
    }

    async fn hand_on(&mut self, name: &str) {
        let way = self.open[name].ways().choose(&mut self.dice).copied();
        let Some(way) = way else { return };
        self.merge(name, json!({ "state": way })).await;
        self.open.entry(name.to_owned()).and_modify(|thread| thread.state = way);
    }

    /// Answers what is open, asks again where nothing is, or says something in between.
    async fn talk(&mut self, name: &str) {
        let comments = self.dice.random_bool(0.4);
        let Some(thread) = self.open.get_mut(name).filter(|t| t.posts < MOST_POSTS) else {
            return;
        };
        thread.posts += 1;
        let id = format!("p{}", thread.posts);
        let post = match thread.unanswered.clone() {
            _ if comments => json!({ "id": id, "kind": "Comment", "body": "I looked." }),
            Some(asked) => {
                (thread.state, thread.unanswered) = ("Answered", None);
                json!({ "id": id, "kind": "Answer", "body": "Left.", "inReplyTo": asked })
            }
            None => {
                (thread.state, thread.unanswered) = ("WaitingOperator", Some(id.clone()));
                json!({ "id": id, "kind": "Question", "body": "And now?" })
            }
        };
        say(&self.admin, name, post, thread.state).await;
    }

    /// What is not at rest.
    pub async fn unsettled(&self, stage: &Stage, objects: &[Value]) -> Vec<String> {
        let name = |o: &Value| o["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let extra = objects.iter().map(name).filter(|name| !self.open.contains_key(name));
        let mut wrong: Vec<_> = extra.map(|name| format!("{name} is still there")).collect();
        for (name, thread) in &self.open {
            let object = stage.get("ForumThread", name).await;
            let status = &object["status"];
            if status["state"] != thread.state || status["postCount"] != thread.posts {
                wrong.push(format!("{name}: {status:#}"));
            }
        }
        wrong
    }

    pub async fn delete_all(&mut self) {
        for name in std::mem::take(&mut self.open).keys() {
            self.admin.delete(name).await.expect("it may be withdrawn");
        }
    }

    pub fn tally(&self) -> String {
        format!("{} threads asked, {} changes", self.asked, self.changes)
    }
}
