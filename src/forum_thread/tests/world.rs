//! An API server, a database and a driver in miniature: people edit a thread, passes look at it and write it, and
//! anything can be cut off between any two effects.

mod passes;

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::{Value, json};

use super::super::clock_guard::Hold;
use super::super::crd::{Author, Change, ChangedField, ForumThread, Party, Post, PostKind, Priority, ThreadState};
use crate::kernel::event::DomainEvent;
use crate::kernel::ladder::Ladder;
use crate::kernel::moment::Moment;
use crate::kernel::plan::Next;
use crate::policy::{ByPriority, Policy, SlaPolicy};

pub const BORN: i64 = 1_000_000;

pub fn at(second: i64) -> Moment {
    Moment::from_millis(second * 1000).unwrap()
}

pub fn policy(rungs: &[u64], repeat: Option<u64>) -> Policy {
    let rungs = rungs.iter().copied().map(Duration::from_secs).collect();
    let ladder = Ladder::new(rungs, repeat.map(Duration::from_secs)).unwrap();
    let by = ByPriority {
        low: ladder.clone(),
        normal: ladder.clone(),
        high: ladder.clone(),
        urgent: ladder,
    };
    let sla = SlaPolicy {
        new: by.clone(),
        waiting_human: by,
    };
    Policy {
        sla,
        ..Policy::default()
    }
}

/// Where a pass is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    Never,
    BeforeWrite,
    /// The status is written, and nothing is recorded of it.
    AfterWrite,
    AfterRecord,
}

pub struct World {
    pub thread: ForumThread,
    pub now: i64,
    pub policy: Policy,
    pub attesting: bool,
    /// `seq` to event; what was recorded once stays as it is.
    pub database: BTreeMap<i64, DomainEvent>,
    pub database_fails: bool,
    pub hold: Option<Hold>,
    /// The process's memory of what is recorded.
    recorded: i64,
    version: u64,
    /// Versions of the object as a watch may still show them.
    pub seen: Vec<(u64, ForumThread)>,
    pub writes: usize,
    posts: usize,
    pub next: Option<Next>,
}

impl World {
    pub fn new(attesting: bool, state: &str) -> Self {
        let thread: ForumThread = serde_json::from_value(json!({
            "apiVersion": "metawsm.dev/v1alpha1", "kind": "ForumThread",
            "metadata": {"name": "q", "namespace": "n", "uid": "u", "generation": 1, "creationTimestamp": at(BORN)},
            "spec": {"ticket": "A-1", "title": "Which?", "runRef": {"name": "r"}, "agentName": "coder", "state": state,
                     "posts": [{"id": "p0", "kind": "Question", "body": "body of p0"}]},
        }))
        .unwrap();
        let mut world = Self {
            thread,
            now: BORN,
            policy: policy(&[60, 120], Some(60)),
            attesting,
            database: BTreeMap::new(),
            database_fails: false,
            hold: None,
            recorded: 0,
            version: 1,
            seen: Vec::new(),
            writes: 0,
            posts: 1,
            next: None,
        };
        world.thread.spec.posts[0].author = world.author();
        world.touch_state();
        world.published();
        world
    }

    fn author(&self) -> Option<Author> {
        self.attesting.then(|| Author {
            kind: Party::Human,
            name: "ada".into(),
            attested: Some(true),
            via: None,
        })
    }

    fn touch_state(&mut self) {
        let entry: ManagedFieldsEntry = serde_json::from_value(json!({
            "manager": "people", "operation": "Update", "time": at(self.now), "fieldsV1": {"f:spec": {"f:state": {}}},
        }))
        .unwrap();
        self.thread.metadata.managed_fields = Some(vec![entry]);
    }

    fn published(&mut self) {
        self.seen.push((self.version, self.thread.clone()));
    }

    fn edited(&mut self) {
        self.version += 1;
        self.thread.metadata.generation = self.thread.metadata.generation.map(|g| g + 1);
        self.published();
    }

    fn line(&mut self, field: ChangedField, from: &Value, to: &Value) {
        if let Some(actor) = self.author() {
            let num = i32::try_from(self.thread.spec.changes.len()).unwrap() + 1;
            let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
            self.thread.spec.changes.push(Change {
                num,
                actor,
                field,
                from: text(from),
                to: text(to),
                command_id: None,
            });
        }
    }

    fn push(&mut self, kind: PostKind) {
        let id = format!("p{}", self.posts);
        self.posts += 1;
        let author = self.author();
        self.thread.spec.posts.push(Post {
            body: format!("body of {id}"),
            id,
            kind,
            author,
            in_reply_to: (kind == PostKind::Answer).then(|| "p0".into()),
            choice: None,
        });
    }

    /// Somebody says something; nothing where the thread is closed or full.
    pub fn post(&mut self) {
        if self.thread.spec.state != ThreadState::Closed && self.thread.spec.posts.len() < 64 {
            self.push(PostKind::Comment);
            self.touch_state();
            self.edited();
        }
    }

    /// Somebody changes the state; nothing where the table does not let them.
    pub fn set_state(&mut self, to: ThreadState) {
        let from = self.thread.spec.state;
        let possible = match from {
            ThreadState::Closed => false,
            ThreadState::Answered => !matches!(to, ThreadState::New | ThreadState::Triaged | ThreadState::Answered),
            _ => to != ThreadState::New && to != from,
        };
        if !possible || self.thread.spec.posts.len() >= 60 {
            return;
        }
        match to {
            ThreadState::Answered => self.push(PostKind::Answer),
            ThreadState::WaitingHuman | ThreadState::WaitingOperator => self.push(PostKind::Question),
            ThreadState::New | ThreadState::Triaged | ThreadState::Closed => {}
        }
        self.line(ChangedField::State, &json!(from), &json!(to));
        self.thread.spec.state = to;
        self.touch_state();
        self.edited();
    }

    pub fn set_priority(&mut self, to: Priority) {
        let from = self.thread.spec.priority;
        if from != to && self.thread.spec.state != ThreadState::Closed {
            self.line(ChangedField::Priority, &json!(from), &json!(to));
            self.thread.spec.priority = to;
            self.edited();
        }
    }

    pub fn delete(&mut self) {
        self.thread.metadata.deletion_timestamp = serde_json::from_value(json!(at(self.now))).ok();
        self.edited();
    }

    /// The events of a type, in order.
    pub fn events(&self, kind: &str) -> Vec<&DomainEvent> {
        self.database.values().filter(|e| e.event_type == kind).collect()
    }
}
