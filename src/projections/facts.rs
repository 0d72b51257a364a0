//! What the events of threads say, read from their `data`. Fields that this version does not know are passed over. Pure.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::kernel::event::DomainEvent;

/// Somebody with a type.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Named {
    #[serde(rename = "type")]
    pub kind: String,
    pub name: String,
}

/// The author of a post.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PostAuthor {
    #[serde(flatten)]
    pub named: Named,
    pub via: Option<String>,
}

/// `forum.thread.opened`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Opened {
    pub title: Option<String>,
    pub state: String,
    pub priority: String,
    pub assignee: Option<Named>,
    pub choices: Option<Vec<String>>,
    pub continued_from: Option<String>,
    pub docs_sync: Option<String>,
}

/// `forum.post.added`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Posted {
    pub id: String,
    pub kind: String,
    pub author: Option<PostAuthor>,
    /// Empty where the thread was gone before its post was recorded.
    #[serde(default)]
    pub body: String,
    pub in_reply_to: Option<String>,
    pub choice: Option<String>,
}

/// `forum.sla.escalation_requested`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Escalated {
    pub state: String,
    pub state_since: String,
    pub level: i64,
    pub deadline: String,
    #[serde(default)]
    pub late: bool,
    #[serde(default)]
    pub late_by_seconds: i64,
}

#[derive(Deserialize)]
struct StateChanged {
    from: String,
    to: String,
    since: String,
    num: Option<i64>,
}

#[derive(Deserialize)]
struct Assigned {
    from: Option<Named>,
    to: Option<Named>,
    num: Option<i64>,
}

#[derive(Deserialize)]
struct PriorityChanged {
    from: String,
    to: String,
    num: Option<i64>,
}

#[derive(Deserialize)]
struct Deleted {
    #[serde(default)]
    inferred: bool,
}

/// What an event of a thread says.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    Opened(Box<Opened>),
    Posted(Box<Posted>),
    StateChanged {
        from: String,
        to: String,
        since: String,
        num: Option<i64>,
    },
    Assigned {
        from: Option<Named>,
        to: Option<Named>,
        num: Option<i64>,
    },
    PriorityChanged {
        from: String,
        to: String,
        num: Option<i64>,
    },
    Escalated(Box<Escalated>),
    Closed,
    Deleted {
        inferred: bool,
    },
}

/// The fact; `None` for types that change nothing here.
///
/// # Errors
/// What is missing or of another form.
pub fn fact_of(event: &DomainEvent) -> Result<Option<Fact>, String> {
    let data = &event.data;
    Ok(Some(match event.event_type.as_str() {
        "forum.thread.opened" => Fact::Opened(read(data)?),
        "forum.post.added" => Fact::Posted(read(data)?),
        "forum.state.changed" => {
            let StateChanged { from, to, since, num } = read(data)?;
            Fact::StateChanged { from, to, since, num }
        }
        "forum.assigned" => {
            let Assigned { from, to, num } = read(data)?;
            Fact::Assigned { from, to, num }
        }
        "forum.priority.changed" => {
            let PriorityChanged { from, to, num } = read(data)?;
            Fact::PriorityChanged { from, to, num }
        }
        "forum.sla.escalation_requested" => Fact::Escalated(read(data)?),
        "forum.thread.closed" => Fact::Closed,
        "forum.thread.deleted" => {
            let Deleted { inferred } = read(data)?;
            Fact::Deleted { inferred }
        }
        _ => return Ok(None),
    }))
}

fn read<T: DeserializeOwned>(data: &Value) -> Result<T, String> {
    T::deserialize(data).map_err(|error| error.to_string())
}
