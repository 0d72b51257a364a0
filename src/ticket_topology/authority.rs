//! Which copy of a ticket's documents is the truth now: the merge rule. Pure; the order of what comes in does not matter.
//!
//! 1. The workspace endpoint of the topology's owner run, of this very ticket.
//! 2. The repo endpoint of the home.
//! 3. None.
//!
//! Ties go to the later
//! `updatedAt`, then the later `indexedAt`, then the first name. An endpoint that cannot be asked keeps its last good
//! answer, which then is stale; every loser is listed with its reason.

use std::cmp::Reverse;

pub use super::candidate::{Candidate, CandidateKind, Held, Lost, Question, Said};
use super::crd::{Alternate, Authority, AuthorityKind, Record, TopologyWarning};
use crate::federation::freshness::{Freshness, freshness};
use crate::kernel::journal::cut;
use crate::kernel::moment::Moment;

/// How many losers a status lists.
const ALTERNATES: usize = 16;
/// How many topics a record holds.
const TOPICS: usize = 16;

/// The answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    pub authority: Authority,
    pub record: Option<Record>,
    pub freshness: Freshness,
    pub alternates: Vec<Alternate>,
    pub copies: i64,
    pub warnings: Vec<TopologyWarning>,
}

/// One that may win: its rank, and what it holds.
struct Standing<'a> {
    candidate: &'a Candidate,
    rank: u8,
    said: Said,
    indexed_at: Option<Moment>,
}

/// The order among those that may win: the first is the authority.
type Place<'a> = (u8, Reverse<Option<Moment>>, Reverse<Option<Moment>>, &'a str);

impl Standing<'_> {
    fn place(&self) -> Place<'_> {
        let (updated, indexed) = (Reverse(self.said.updated_at), Reverse(self.indexed_at));
        (self.rank, updated, indexed, &self.candidate.endpoint)
    }

    fn lost_to(&self, winner: &Standing<'_>) -> Lost {
        if self.rank != winner.rank {
            Lost::WorkspaceRules
        } else if self.said.updated_at != winner.said.updated_at {
            Lost::Older
        } else if self.indexed_at != winner.indexed_at {
            Lost::IndexedEarlier
        } else {
            Lost::NameOrder
        }
    }
}

/// The merge rule.
pub fn judge(question: &Question<'_>, candidates: &[Candidate], now: Moment) -> Judgement {
    let mut standing = Vec::new();
    let mut lost: Vec<(Lost, &Candidate)> = Vec::new();
    for candidate in candidates {
        match stands(question, candidate) {
            Ok(stands) => standing.push(stands),
            Err(reason) => lost.push((reason, candidate)),
        }
    }
    standing.sort_by(|a, b| a.place().cmp(&b.place()));
    let winner = standing.first();
    if let Some(winner) = winner {
        lost.extend(standing[1..].iter().map(|s| (s.lost_to(winner), s.candidate)));
    }
    lost.sort_by(|(a, x), (b, y)| (a, &x.endpoint).cmp(&(b, &y.endpoint)));
    let alternates = lost.iter().take(ALTERNATES);
    let alternates = alternates
        .map(|(why, loser)| alternate(question, *why, loser))
        .collect();
    let fresh = winner.map_or(Freshness::Unknown, |w| {
        freshness(w.indexed_at, w.candidate.reachable, w.candidate.stale_after, now)
    });
    Judgement {
        authority: winner.map_or_else(|| nobody(&lost), |w| authority(question, w.candidate)),
        record: winner.map_or_else(|| left_over(question), |w| Some(record(w, fresh))),
        freshness: fresh,
        alternates,
        copies: i64::try_from(candidates.len()).unwrap_or(i64::MAX),
        warnings: warnings(question, candidates),
    }
}

/// Whether it may win, and as what.
fn stands<'a>(question: &Question<'_>, candidate: &'a Candidate) -> Result<Standing<'a>, Lost> {
    let rank = match &candidate.kind {
        CandidateKind::Workspace { own: false, .. } => return Err(Lost::OtherTicket),
        CandidateKind::Workspace { run_uid, .. } if !question.active.contains(run_uid) => {
            return Err(Lost::RunNotActive);
        }
        CandidateKind::Workspace { run_uid, .. } if question.owner != Some(run_uid) => return Err(Lost::NotOwner),
        CandidateKind::Workspace { .. } => 1,
        CandidateKind::Repo if !is_home(question, candidate) => return Err(Lost::OtherHome),
        CandidateKind::Repo => 2,
    };
    let (said, indexed_at) = match &candidate.held {
        Held::Listed(said) => (said.clone(), candidate.indexed_at),
        Held::Twice => return Err(Lost::TicketTwice),
        Held::Unlisted => return Err(Lost::TicketNotListed),
        Held::NotAsked => match question.recorded.filter(|r| r.source == candidate.endpoint) {
            Some(record) => (remembered(record), record.indexed_at),
            None => return Err(Lost::NeverAnswered),
        },
    };
    Ok(Standing {
        candidate,
        rank,
        said,
        indexed_at,
    })
}

/// Two URLs are two homes whatever their names; where one of them is missing, the name is compared.
pub fn is_home(question: &Question<'_>, candidate: &Candidate) -> bool {
    match (question.home, candidate.home.as_deref()) {
        (Some(home), Some(theirs)) => home == theirs,
        (Some(_) | None, _) => question.home_repo == candidate.repo,
    }
}

fn remembered(record: &Record) -> Said {
    Said {
        title: record.title.clone(),
        status: record.status.clone(),
        topics: record.topics.clone(),
        updated_at: record.updated_at,
    }
}

fn kind_of(candidate: &Candidate) -> AuthorityKind {
    match candidate.kind {
        CandidateKind::Repo => AuthorityKind::Repo,
        CandidateKind::Workspace { .. } => AuthorityKind::Workspace,
    }
}

fn authority(question: &Question<'_>, winner: &Candidate) -> Authority {
    let kind = kind_of(winner);
    let reason = match kind {
        AuthorityKind::Workspace => "RunActive",
        AuthorityKind::Repo | AuthorityKind::None => "RepoOfHome",
    };
    Authority {
        kind,
        endpoint: Some(winner.endpoint.clone()),
        web_url: page(question.ticket, winner),
        reason: reason.to_owned(),
    }
}

/// Nobody has the ticket: the reason is that of who came closest.
fn nobody(lost: &[(Lost, &Candidate)]) -> Authority {
    Authority {
        kind: AuthorityKind::None,
        endpoint: None,
        web_url: None,
        reason: lost.first().map_or("NoEndpoint", |(why, _)| why.as_str()).to_owned(),
    }
}

/// The ticket's own page: docmgr's web interface has it below `/ticket/`, a workspace's is its own site.
fn page(ticket: &str, candidate: &Candidate) -> Option<String> {
    let site = candidate.web_url.as_deref()?;
    Some(match candidate.kind {
        CandidateKind::Repo => format!("{}/ticket/{ticket}", site.trim_end_matches('/')),
        CandidateKind::Workspace { .. } => site.to_owned(),
    })
}

fn record(winner: &Standing<'_>, fresh: Freshness) -> Record {
    let said = &winner.said;
    Record {
        title: cut(&said.title, 512),
        status: cut(&said.status, 128),
        topics: said.topics.iter().take(TOPICS).map(|topic| cut(topic, 128)).collect(),
        updated_at: said.updated_at,
        indexed_at: winner.indexed_at,
        stale: !matches!(fresh, Freshness::Fresh { .. }),
        source: winner.candidate.endpoint.clone(),
    }
}

/// What was known last, while nobody can say more.
fn left_over(question: &Question<'_>) -> Option<Record> {
    let record = question.recorded?.clone();
    Some(Record { stale: true, ..record })
}

fn alternate(question: &Question<'_>, why: Lost, loser: &Candidate) -> Alternate {
    Alternate {
        kind: kind_of(loser),
        endpoint: loser.endpoint.clone(),
        web_url: page(question.ticket, loser),
        reason: why.as_str().to_owned(),
        updated_at: match &loser.held {
            Held::Listed(said) => said.updated_at,
            Held::Twice | Held::Unlisted | Held::NotAsked => None,
        },
    }
}

/// Two living workspaces of one ticket are two truths in the making: somebody must know.
fn warnings(question: &Question<'_>, candidates: &[Candidate]) -> Vec<TopologyWarning> {
    let living = candidates.iter().filter(|c| match &c.kind {
        CandidateKind::Workspace { run_uid, own } => *own && question.active.contains(run_uid),
        CandidateKind::Repo => false,
    });
    let mut names: Vec<_> = living.map(|c| c.endpoint.as_str()).collect();
    if names.len() < 2 {
        return Vec::new();
    }
    names.sort_unstable();
    let message = format!(
        "{} workspaces hold documents of this ticket at the same time ({}): only the oldest run's are the authority, and \
         what the others change there must be brought together by somebody",
        names.len(),
        names.join(", ")
    );
    vec![TopologyWarning {
        code: "SeveralWorkspaces".to_owned(),
        message: cut(&message, 1024),
    }]
}

#[cfg(test)]
mod tests;
