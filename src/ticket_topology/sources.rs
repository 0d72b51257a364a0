//! What the endpoints around a topology say, as its decision wants it: from the caches and the catalogue alone. Decides
//! nothing.

use std::collections::BTreeMap;

use kube::{Resource as _, ResourceExt as _};

use super::TopologyKind;
use super::authority::{Candidate, CandidateKind, Held, Question, Said, is_home};
use super::crd::TicketTopology;
use crate::doc_endpoint::crd::{DocEndpoint, EndpointKind};
use crate::failpoint::sabotaged;
use crate::federation::Listed;
use crate::federation::target::Copy;
use crate::kernel::repo_url::normalise;
use crate::kernel::request::requested;

/// What is known of the copies of a ticket's documents.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Every endpoint that has or should have the ticket.
    pub candidates: Vec<Candidate>,
    /// An endpoint that might have the ticket was not heard since this process began.
    pub unheard: bool,
    /// What was last asked of each of those endpoints with the annotation, by name.
    pub requests: BTreeMap<String, Option<String>>,
}

/// The home's URL in the form that tells homes apart: the spec's, else the one that the Runs took.
pub fn home_of(topology: &TicketTopology) -> Option<String> {
    let spec = topology.spec.doc_home_url.as_deref().map(normalise);
    let claims = topology
        .status
        .as_ref()
        .map(|s| s.claims.as_slice())
        .unwrap_or_default();
    spec.or_else(|| claims.first().map(|claim| claim.home_url.clone()))
}

/// Reads them.
pub fn sources(kind: &TopologyKind, topology: &TicketTopology) -> Sources {
    let (namespace, ticket) = (topology.namespace().unwrap_or_default(), &topology.spec.ticket);
    let home = home_of(topology);
    let nobody = std::collections::BTreeSet::new();
    let question = Question {
        ticket,
        home: home.as_deref(),
        home_repo: &topology.spec.doc_home_repo,
        owner: None,
        active: &nobody,
        recorded: None,
    };
    let listed = kind.prober.catalogue().listed(&namespace, ticket);
    let heard: BTreeMap<&str, bool> = listed.iter().map(|l| (l.target.uid.as_str(), l.known.asked)).collect();
    let source = topology
        .status
        .as_ref()
        .and_then(|s| s.record.as_ref())
        .map(|r| r.source.as_str());
    let mut found = Sources::default();
    for object in kind
        .endpoints
        .state()
        .iter()
        .filter(|e| e.namespace().as_deref() == Some(&namespace))
    {
        let Ok(endpoint) = &object.0 else { continue };
        let concerned = concerns(&question, endpoint, source);
        // Another ticket's workspace is a clone of the same home: it may well have a copy.
        let may_have_it = concerned || is_of_home(&question, endpoint);
        if endpoint.meta().deletion_timestamp.is_some() || !may_have_it {
            continue;
        }
        let uid = endpoint.uid().unwrap_or_default();
        found.unheard |= !heard.get(uid.as_str()).copied().unwrap_or(false);
        if concerned {
            found
                .requests
                .insert(endpoint.name_any(), requested(endpoint.annotations()));
        }
    }
    let candidates = listed.into_iter().map(|listed| candidate(ticket, listed));
    let candidates = candidates.filter(|candidate| {
        let listed = matches!(candidate.held, Held::Listed(_) | Held::Twice);
        match &candidate.kind {
            CandidateKind::Workspace { own, .. } => listed || *own,
            CandidateKind::Repo => listed || is_home(&question, candidate),
        }
    });
    found.candidates = candidates.collect();
    found
}

/// Whether that endpoint is of the home repository.
fn is_of_home(question: &Question<'_>, endpoint: &DocEndpoint) -> bool {
    let theirs = endpoint.spec.repo_url.as_deref().map(normalise);
    match (question.home, theirs) {
        (Some(home), Some(theirs)) => home == theirs,
        (Some(_) | None, _) => question.home_repo == endpoint.spec.repo,
    }
}

/// Whether that endpoint should have the ticket, by what its spec says, or had it last.
fn concerns(question: &Question<'_>, endpoint: &DocEndpoint, source: Option<&str>) -> bool {
    let spec = &endpoint.spec;
    let own = || {
        spec.ticket
            .as_ref()
            .is_some_and(|t| t.eq_ignore_ascii_case(question.ticket))
    };
    source == Some(endpoint.name_any().as_str())
        || match spec.kind {
            EndpointKind::Workspace => own(),
            EndpointKind::Repo => is_of_home(question, endpoint),
        }
}

/// An endpoint as the merge rule for that ticket sees it.
fn candidate(ticket: &str, listed: Listed) -> Candidate {
    let Listed { target, known, row } = listed;
    let held = match row {
        Some(row) if row.twice => Held::Twice,
        Some(row) => Held::Listed(Said {
            title: row.title,
            status: row.status,
            topics: row.topics,
            updated_at: row.updated_at,
        }),
        None if known.facts.is_some() => Held::Unlisted,
        None => Held::NotAsked,
    };
    let kind = match target.copy {
        Copy::Repo => CandidateKind::Repo,
        Copy::Workspace => CandidateKind::Workspace {
            run_uid: target.run_uid.unwrap_or_default(),
            own: target.ticket.is_some_and(|own| own.eq_ignore_ascii_case(ticket)),
        },
    };
    Candidate {
        endpoint: target.name,
        kind,
        repo: target.repo,
        home: target.home.filter(|_| !sabotaged("sabotage.topology.takes_any_home")),
        web_url: target.web_url,
        reachable: known.reachable(),
        indexed_at: known.facts.and_then(|f| f.indexed_at),
        stale_after: target.stale_after,
        held,
    }
}
