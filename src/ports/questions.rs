//! What people and programs may ask about questions: lists, one thread, what changed, what is unread, counts. Reading,
//! but for the marks of what was read.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::Value;

use super::journal::JournalError;
use crate::kernel::question::{Participant, QuestionState, Turn, Urgency};

/// Which questions are wanted; empty fields do not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuestionFilter {
    pub namespace: Option<String>,
    /// Ignoring case.
    pub ticket: Option<String>,
    /// `namespace/name`.
    pub run: Option<String>,
    /// Any of these.
    pub states: Vec<QuestionState>,
    pub priorities: Vec<Urgency>,
    /// The assignee's name.
    pub assignee: Option<String>,
    pub waiting_on: Option<Turn>,
    /// Words that must all stand in the title or in a post; the beginning of a word is enough.
    pub text: Option<String>,
    /// Also threads that are gone from the cluster.
    pub gone: bool,
}

/// In which order questions are listed: by when they were opened, which never changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

/// The place of a question in a list: what it is sorted by, then its number. A page goes on after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListCursor {
    pub opened_ms: i64,
    pub id: i64,
}

impl fmt::Display for ListCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.opened_ms, self.id)
    }
}

/// A text that is no cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no cursor: give one that an earlier answer ended with")]
pub struct NoCursor(pub String);

impl FromStr for ListCursor {
    type Err = NoCursor;
    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let wrong = || NoCursor(text.to_owned());
        let (opened, id) = text.split_once('-').ok_or_else(wrong)?;
        let number = |part: &str| part.parse().map_err(|_| wrong());
        Ok(Self {
            opened_ms: number(opened)?,
            id: number(id)?,
        })
    }
}

/// How much of what happened a watcher has seen: a database, and a position in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WatchCursor {
    /// The first log of the database.
    pub database: String,
    pub position: i64,
}

impl fmt::Display for WatchCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.database, self.position)
    }
}

impl FromStr for WatchCursor {
    type Err = NoCursor;
    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let wrong = || NoCursor(text.to_owned());
        let (database, position) = text.split_once('/').ok_or_else(wrong)?;
        Ok(Self {
            database: database.to_owned(),
            position: position.parse().map_err(|_| wrong())?,
        })
    }
}

/// A question as lists show it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Question {
    #[serde(skip)]
    pub id: i64,
    #[serde(skip)]
    pub opened_ms: i64,
    /// Position of the last event that it shows.
    #[serde(skip)]
    pub changed: i64,
    pub uid: String,
    pub namespace: String,
    pub name: String,
    pub ticket: Option<String>,
    pub run: Option<String>,
    pub agent_name: Option<String>,
    /// Empty while its opening is not known.
    pub title: Option<String>,
    pub state: Option<String>,
    pub state_since: Option<String>,
    pub waiting_on: Option<String>,
    pub priority: Option<String>,
    pub assignee_type: Option<String>,
    pub assignee: Option<String>,
    pub opened_at: String,
    pub opened_by_type: Option<String>,
    pub opened_by: Option<String>,
    pub posts: i64,
    pub last_post_kind: Option<String>,
    pub last_post_by: Option<String>,
    pub last_post_at: Option<String>,
    /// When the next level falls due.
    pub deadline: Option<String>,
    /// The highest level that was escalated in the present state.
    pub level: i64,
    pub escalations: i64,
    pub closed_at: Option<String>,
    pub deleted_at: Option<String>,
    pub changed_at: String,
    /// Posts that the viewer has not read; `None` where nobody views.
    pub unread: Option<i64>,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    pub questions: Vec<Question>,
    /// Where the next page goes on; `None`: this was the last one.
    pub next: Option<ListCursor>,
    /// From here on a watcher sees what changed since this page was read.
    pub seen: WatchCursor,
}

/// What is asked of a list.
#[derive(Clone, Debug, Default)]
pub struct PageRequest {
    pub filter: QuestionFilter,
    pub order: Order,
    pub after: Option<ListCursor>,
    /// At least 1.
    pub limit: u32,
    /// Whose unread posts are counted.
    pub viewer: Option<String>,
}

/// A post.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ThreadPost {
    pub seq: i64,
    pub id: String,
    pub kind: String,
    pub author_type: String,
    pub author: String,
    pub attested: bool,
    pub via: Option<String>,
    pub body: String,
    pub in_reply_to: Option<String>,
    pub choice: Option<String>,
    pub at: String,
}

/// Something that happened to a thread, besides posts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Happening {
    pub seq: i64,
    pub at: String,
    /// `State`, `Assignee`, `Priority` or `Escalation`.
    pub what: String,
    pub from: Option<String>,
    pub to: Option<String>,
    pub actor_type: String,
    pub actor: String,
    pub attested: bool,
    pub cause: Option<String>,
}

/// One thread with all that was said and happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Thread {
    #[serde(flatten)]
    pub question: Question,
    pub choices: Option<Value>,
    pub continued_from: Option<String>,
    pub closed_by: Option<String>,
    pub deleted_by: Option<String>,
    /// When it was archived, before it left the cluster.
    pub archived_at: Option<String>,
    pub history: Vec<Happening>,
    pub conversation: Vec<ThreadPost>,
}

/// What changed since a cursor.
#[derive(Clone, Debug, PartialEq)]
pub struct Changes {
    /// In the order of their last change; each with whether the filter takes it (now).
    pub questions: Vec<(Question, bool)>,
    pub seen: WatchCursor,
    /// The cursor given was of another database, or of a later state of this one: read everything anew.
    pub restarted: bool,
}

/// How many questions there are of one sort.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QueueCount {
    pub namespace: String,
    pub state: Option<String>,
    pub priority: Option<String>,
    pub waiting_on: Option<String>,
    pub threads: i64,
    pub escalated: i64,
    /// Since when the oldest of them is in its state.
    pub oldest_since: Option<String>,
}

/// What waits for somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Runs with at least one such question.
    pub runs: i64,
    pub questions: i64,
}

/// Up to where somebody has read a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadMark {
    pub viewer: String,
    pub namespace: String,
    pub name: String,
}

/// A closed thread that is about to leave the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Archived {
    pub uid: String,
    pub namespace: String,
    pub name: String,
    pub resource_version: String,
    /// The whole object.
    pub object: Value,
}

/// The read models of the forum.
#[async_trait]
pub trait Questions: Send + Sync {
    /// One page. A question that matches all the while is on exactly one page, whatever changes in between.
    async fn list_questions(&self, request: &PageRequest) -> Result<Page, JournalError>;

    /// The youngest thread of that name.
    async fn get_thread(
        &self,
        namespace: &str,
        name: &str,
        viewer: Option<&str>,
    ) -> Result<Option<Thread>, JournalError>;

    /// Threads that changed after `after` (`None`: after nothing), at most `limit`.
    async fn watch_questions(
        &self,
        after: Option<&WatchCursor>,
        filter: &QuestionFilter,
        limit: u32,
    ) -> Result<Changes, JournalError>;

    /// How many there are of each sort, those that are gone left out.
    async fn queue_counts(&self, namespace: Option<&str>) -> Result<Vec<QueueCount>, JournalError>;

    /// Questions with a running clock, the next to fall due first.
    async fn sla_board(&self, namespace: Option<&str>, limit: u32) -> Result<Vec<Question>, JournalError>;

    /// What waits for a party: what is nobody's own, and what is `name`'s.
    async fn waiting_for(&self, party: Participant, name: Option<&str>) -> Result<Waiting, JournalError>;
}

/// Marks and archives: the writing beside the projections.
#[async_trait]
pub trait ForumKeeping: Send + Sync {
    /// Everything that the thread says now counts as read; `false` where there is no such thread.
    async fn mark_read(&self, mark: ReadMark) -> Result<bool, JournalError>;

    /// Keeps a thread for good before it leaves the cluster. Durable once it returns.
    async fn archive(&self, archived: Archived) -> Result<(), JournalError>;
}
