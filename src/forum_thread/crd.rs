//! The ForumThread resource: spec and columns; nothing else. Its posts are in `posts.rs`, its longer rules in
//! `rules.rs`, its status in `status.rs`; who may write what is in `manifests/admission/`.

#![allow(
    clippy::duplicated_attributes,
    reason = "columns and rules of one kind repeat words of each other"
)]

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::posts::{Author, Post, PostKind};
#[allow(
    clippy::wildcard_imports,
    reason = "the rules are named at every place that uses them"
)]
use super::rules::*;
pub use super::status::*;
pub use crate::kernel::question::{
    Participant as Party, QuestionState as ThreadState, Turn as WaitingOn, Urgency as Priority,
};
use crate::kernel::text_rules::{
    DNS_LABEL, DNS_NAME, ONE_LINE, ONE_LINE_HELP, POST_ID, POST_ID_HELP, TICKET, TICKET_HELP,
};

/// One question and everything said about it.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "metawsm.dev",
    version = "v1alpha1",
    kind = "ForumThread",
    namespaced,
    status = "ForumThreadStatus",
    derive = "PartialEq",
    shortname = "thread",
    category = "metawsm",
    doc = "One question and everything said about it: who has to answer, by when, and what was answered. A conversation, not a GitOps manifest.",
    selectable = ".spec.ticket",
    selectable = ".spec.state",
    selectable = ".spec.priority",
    selectable = ".spec.assignee.name",
    selectable = ".spec.runRef.name",
    selectable = ".status.state",
    printcolumn(name = "Ticket", type_ = "string", json_path = ".spec.ticket"),
    printcolumn(name = "State", type_ = "string", json_path = ".spec.state"),
    printcolumn(name = "Pri", type_ = "string", json_path = ".spec.priority"),
    printcolumn(name = "Assignee", type_ = "string", json_path = ".status.assignee"),
    printcolumn(name = "SLA-Due", type_ = "string", json_path = ".status.sla.due"),
    printcolumn(name = "Esc", type_ = "integer", json_path = ".status.sla.escalationCount"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Run", type_ = "string", json_path = ".spec.runRef.name", priority = 1),
    printcolumn(name = "Title", type_ = "string", json_path = ".spec.title", priority = 1),
    printcolumn(
        name = "Opened-By",
        type_ = "string",
        json_path = ".spec.posts[0].author.name",
        priority = 1
    ),
    printcolumn(name = "Posts", type_ = "integer", json_path = ".status.postCount", priority = 1),
    printcolumn(name = "Waiting-On", type_ = "string", json_path = ".status.waitingOn", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(STATE_TABLE).message(Message::Expression(STATE_TABLE_HELP.into())).field_path(".state"),
    validation = Rule::new(BEGINNING).message(BEGINNING_HELP).field_path(".state").optional_old_self(true),
    validation = Rule::new(CLOSED_STAYS).message(CLOSED_STAYS_HELP),
    validation = Rule::new(ANSWER_ENDS).message(ANSWER_ENDS_HELP).field_path(".state").optional_old_self(true),
    validation = Rule::new(ANSWERED_NEEDS_ANSWER).message(ANSWERED_NEEDS_ANSWER_HELP).field_path(".state"),
    validation = Rule::new(WAITING_NEEDS_QUESTION).message(WAITING_NEEDS_QUESTION_HELP).field_path(".state"),
    validation = Rule::new(CHOICE_IS_OFFERED).message(CHOICE_IS_OFFERED_HELP).field_path(".posts"),
    validation = Rule::new(fixed!("runRef")).field_path(".runRef")
        .message("runRef cannot be added, changed or removed: it says where the question was asked; open another thread"),
    validation = Rule::new(fixed!("agentName")).field_path(".agentName")
        .message("agentName cannot be added, changed or removed: it says who asked; open another thread"),
    validation = Rule::new(fixed!("continuedFrom")).field_path(".continuedFrom")
        .message("continuedFrom cannot be added, changed or removed; open another thread"),
    validation = Rule::new(fixed!("choices")).field_path(".choices")
        .message("choices cannot be added, changed or removed: an Answer names one of those that were offered; open another thread"),
    validation = Rule::new("!has(oldSelf.changes) || has(self.changes)").field_path(".changes")
        .message("changes cannot be removed: it is the record of who changed what; patch the thread instead of replacing it"),
    validation = Rule::new(CHANGES_LEAVE_ROOM).message(CHANGES_LEAVE_ROOM_HELP).field_path(".changes")
)]
pub struct ForumThreadSpec {
    /// The ticket that the question is about. It cannot be changed.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new(TICKET).message(TICKET_HELP),
        validation = Rule::new("self == oldSelf").message("ticket cannot be changed; open another thread"))]
    pub ticket: String,

    /// The question in one line. It cannot be changed.
    #[schemars(length(min = 1, max = 200))]
    #[x_kube(validation = Rule::new(ONE_LINE).message(ONE_LINE_HELP),
        validation = Rule::new("self == oldSelf").message("title cannot be changed; open another thread, or post a Comment"))]
    pub title: String,

    /// The Run in which the question came up. It cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_ref: Option<RunRef>,

    /// The agent of that Run who asked. It cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new(DNS_LABEL).message("give one of the Run's spec.agents[].name: lower-case letters, digits and '-'"))]
    pub agent_name: Option<String>,

    /// Name of the full or closed thread in this namespace that this one goes on from. It cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(DNS_NAME).message("give the name of a ForumThread in this namespace: lower-case letters, digits, '-' and '.'"))]
    pub continued_from: Option<String>,

    /// Everything said, oldest first; the first is a Question. Posts are added at the end and never change.
    #[schemars(length(min = 1, max = 65))]
    #[x_kube(
        merge_strategy = ListMerge::Map(vec!["id".into()]),
        validation = Rule::new(APPEND_ONLY).message(APPEND_ONLY_HELP),
        validation = Rule::new(POSTS_FIT).message(POSTS_FIT_HELP),
        validation = Rule::new(BODIES_FIT).message(BODIES_FIT_HELP),
        validation = Rule::new("self[0].kind == 'Question'")
            .message("the first post must be of kind Question: a thread is a question and what is said about it"),
        validation = Rule::new(REPLY_IS_THERE).message(REPLY_IS_THERE_HELP),
        validation = Rule::new(ANSWER_TO_QUESTION).message(ANSWER_TO_QUESTION_HELP)
    )]
    pub posts: Vec<Post>,

    /// The answers offered; an Answer may name one of them. They cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 200)))]
    #[x_kube(
        merge_strategy = ListMerge::Atomic,
        validation = Rule::new(CHOICES_ARE_LINES).message(ONE_LINE_HELP),
        validation = Rule::new("self.all(c, self.exists_one(d, d == c))").message("choices must differ: remove the duplicate")
    )]
    pub choices: Option<Vec<String>>,

    /// Where the question stands. It begins as New, WaitingOperator or WaitingHuman.
    #[serde(default)]
    pub state: ThreadState,

    /// How urgent it is; it decides which deadlines of the policy hold.
    #[serde(default)]
    pub priority: Priority,

    /// Who is to take care of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<Assignee>,

    /// Who changed state, priority or assignee, oldest first. Written by admission alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[x_kube(
        merge_strategy = ListMerge::Map(vec!["num".into()]),
        validation = Rule::new("oldSelf.all(i, o, i < self.size() && self[i].num == o.num)")
            .message("changes can only be added at the end, and only admission writes them: leave the field out"),
        validation = Rule::new("self.all(i, c, c.num == i + 1)")
            .message("changes count from 1 without gaps, and only admission writes them: leave the field out")
    )]
    pub changes: Vec<Change>,

    /// Whether the decision goes into the ticket's documents. `Default`: as the policy says, which is yes unless it says
    /// otherwise.
    #[serde(default)]
    pub docs_sync: DocsSync,
}

/// Names a Run in the thread's own namespace.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RunRef {
    /// Name of the Run.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new(DNS_LABEL).message("give the name of a Run in this namespace: lower-case letters, digits and '-'"))]
    pub name: String,
}

/// Who is to take care of a thread.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Assignee {
    /// Agent, Operator or Human.
    #[serde(rename = "type")]
    pub kind: Party,
    /// The name as the API server knows it, for example `ada` or `system:serviceaccount:demo:operator`.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(ONE_LINE).message(ONE_LINE_HELP))]
    pub name: String,
}

/// One change of state, priority or assignee, as admission saw it.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self == oldSelf")
    .message("a line of changes cannot be changed: it is the record of who changed what; leave the field out"))]
pub struct Change {
    /// Counts from 1 for each thread, without gaps.
    #[schemars(range(min = 1, max = 256))]
    pub num: i32,
    /// Who changed it.
    pub actor: Author,
    /// State, Priority or Assignee.
    pub field: ChangedField,
    /// What it was; an assignee as `<type>/<name>`, nobody as an empty text.
    #[schemars(length(max = 280))]
    pub from: String,
    /// What it became, in the same form.
    #[schemars(length(max = 280))]
    pub to: String,
    /// The command that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new(POST_ID).message(POST_ID_HELP))]
    pub command_id: Option<String>,
}

/// What a line of `changes` is about.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangedField {
    State,
    Priority,
    Assignee,
}

/// Whether the decision goes into the ticket's documents.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DocsSync {
    #[default]
    Default,
    Enabled,
    Disabled,
}
