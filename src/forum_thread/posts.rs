//! One thing said in a thread, and who said it; nothing else. Part of the resource in `crd.rs`.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::crd::Party;
use crate::kernel::text_rules::{HUMAN_TEXT, HUMAN_TEXT_HELP, ONE_LINE, ONE_LINE_HELP, POST_ID, POST_ID_HELP};

/// One thing said. It never changes.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self == oldSelf")
    .message("a post cannot be changed, its author included: posts stand as they were written; add another one at the end"))]
pub struct Post {
    /// Tells the post from the others of this thread; a command's post has the command's id.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new(POST_ID).message(POST_ID_HELP))]
    pub id: String,
    /// Question, Answer, Comment or Draft. A Draft answers nothing: a person turns it into an Answer.
    pub kind: PostKind,
    /// Who said it: filled in by admission from who is logged in. Leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// The text, 1 to 16384 bytes, as people wrote it: shown as text, never run or rendered.
    #[schemars(length(min = 1, max = 16384))]
    #[x_kube(
        validation = Rule::new(HUMAN_TEXT).message(HUMAN_TEXT_HELP),
        validation = Rule::new("bytes(self).size() <= 16384")
            .message("body may have at most 16 KiB (16384 bytes): shorten it, or say it in several posts")
    )]
    pub body: String,
    /// The earlier post that it replies to; an Answer names the Question that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub in_reply_to: Option<String>,
    /// Which of the offered answers an Answer gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub choice: Option<String>,
}

/// What a post is.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostKind {
    Question,
    Answer,
    Comment,
    Draft,
}

/// Who said or changed something, and how that is known.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Author {
    /// Agent, Operator or Human.
    #[serde(rename = "type")]
    pub kind: Party,
    /// The authenticated name; where somebody writes on behalf of others, the name that was given.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(ONE_LINE).message(ONE_LINE_HELP))]
    pub name: String,
    /// Whether admission filled it in from who was logged in. It counts only where the policies of
    /// `manifests/admission` are in force, which the controller notes in status as it records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attested: Option<bool>,
    /// The authenticated name of who wrote on behalf of `name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(ONE_LINE).message(ONE_LINE_HELP))]
    pub via: Option<String>,
}
