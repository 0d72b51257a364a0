//! Whom to ask, and what is expected there. Pure data.

use std::time::Duration;

use crate::kernel::moment::Moment;

/// Which copy of documents it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Copy {
    Repo,
    Workspace,
}

/// Where the server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Somebody wrote its address down; a Secret of its namespace may open it.
    Written { url: String, secret: Option<String> },
    /// Wherever the executor lists the service of that run's ticket at the moment.
    Served { run: String, ticket: String },
    /// It is not asked for now; what is known stays.
    Paused,
    /// It may not be asked, and why.
    Nowhere(Problem),
}

/// One endpoint, as the prober and the merge rule know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub uid: String,
    pub namespace: String,
    pub name: String,
    pub copy: Copy,
    /// The repository's name.
    pub repo: String,
    /// The repository's URL in the form that tells homes apart.
    pub home: Option<String>,
    /// The uid of the Run whose workspace it is.
    pub run_uid: Option<String>,
    /// The ticket whose workspace it is.
    pub ticket: Option<String>,
    /// Where people read the documents.
    pub web_url: Option<String>,
    pub place: Place,
    /// The docs root that it must name, where one is known.
    pub expected_root: Option<String>,
    pub interval: Duration,
    pub timeout: Duration,
    pub stale_after: Duration,
}

/// Why there is no answer that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The reason word: of the condition, the event and the metric.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub message: String,
    /// Somebody must change something before asking again can help.
    pub needs_somebody: bool,
}

impl Problem {
    /// Asking again later can help.
    pub fn passing(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            needs_somebody: false,
        }
    }

    /// Somebody is needed.
    pub fn lasting(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            needs_somebody: true,
            ..Self::passing(code, message)
        }
    }
}

/// A refresh that was announced: the moment names it, so that the same one is never begun twice in one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flight {
    pub announced: Moment,
    /// `None` while it is under way.
    pub outcome: Option<Result<Moment, Problem>>,
}
