//! What the merge rule is asked, of whom, and in which words a copy loses. Pure data.

use std::collections::BTreeSet;
use std::time::Duration;

use super::crd::Record;
use crate::kernel::moment::Moment;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    pub ticket: &'a str,
    /// The home's URL in the form that tells homes apart, where it is known.
    pub home: Option<&'a str>,
    /// The home's name, which counts where a URL is missing.
    pub home_repo: &'a str,
    /// The uid of the Run whose workspace is authoritative.
    pub owner: Option<&'a str>,
    /// The uids of the Runs that work on the ticket now.
    pub active: &'a BTreeSet<String>,
    /// What the last decision recorded: all that is left of an endpoint that was not asked since a restart.
    pub recorded: Option<&'a Record>,
}

/// One endpoint that has or should have the ticket.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub endpoint: String,
    pub kind: CandidateKind,
    pub repo: String,
    pub home: Option<String>,
    /// Where people read its documents.
    pub web_url: Option<String>,
    pub reachable: bool,
    pub indexed_at: Option<Moment>,
    pub stale_after: Duration,
    pub held: Held,
}

/// Which copy it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CandidateKind {
    Repo,
    /// `own`: the one that the run made for this very ticket. Its other workspaces are clones of the same home, and hold
    /// a copy that nobody works on.
    Workspace {
        run_uid: String,
        own: bool,
    },
}

/// What it said of the ticket last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    Listed(Said),
    /// It has several front pages of that name: nobody can say which is meant.
    Twice,
    Unlisted,
    /// It never answered since this process began.
    NotAsked,
}

/// What a server says of a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub title: String,
    pub status: String,
    pub topics: Vec<String>,
    pub updated_at: Option<Moment>,
}

/// Why a copy is not the authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lost {
    /// It would do, but another was changed later.
    Older,
    /// Both were changed at the same time, and the other's index is younger.
    IndexedEarlier,
    /// All is equal; the other's name comes first.
    NameOrder,
    /// A repository's copy while a run is at work.
    WorkspaceRules,
    /// Another run that works on the ticket came first.
    NotOwner,
    /// The workspace of another ticket, which is a clone of the same home.
    OtherTicket,
    /// Its run works on the ticket no more.
    RunNotActive,
    /// Another repository.
    OtherHome,
    TicketTwice,
    TicketNotListed,
    NeverAnswered,
}

impl Lost {
    /// The reason word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Older => "Older",
            Self::IndexedEarlier => "IndexedEarlier",
            Self::NameOrder => "NameOrder",
            Self::WorkspaceRules => "WorkspaceRules",
            Self::NotOwner => "NotOwner",
            Self::OtherTicket => "OtherTicket",
            Self::RunNotActive => "RunNotActive",
            Self::OtherHome => "OtherHome",
            Self::TicketTwice => "TicketTwice",
            Self::TicketNotListed => "TicketNotListed",
            Self::NeverAnswered => "NeverAnswered",
        }
    }
}
