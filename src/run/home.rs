//! Which repository is the home of a Run's documents, and whether a ticket's topology agrees. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::crd::{Repo, Run};
use crate::kernel::repo_url::normalise;
use crate::ticket_topology::crd::TicketTopology;

/// The home of a Run's documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// One of `spec.repos[].name`.
    pub repo: String,
    /// The URL in the form that tells homes apart.
    pub url: String,
}

/// Why a Run may not have a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: &'static str,
    /// Both sides by name, and the way out.
    pub message: String,
    /// The ticket it is about; empty where it is about all.
    pub ticket: String,
}

/// The home: pinned, else named in the spec, else where the tickets' documents live already if that is among the
/// repositories, else the first repository.
///
/// # Errors
/// `DocHomesDiffer` where the tickets live in different homes.
pub fn resolve(run: &Run, topologies: &BTreeMap<String, Arc<TicketTopology>>) -> Result<Home, Refusal> {
    if let Some(docs) = run.status.as_ref().and_then(|s| s.docs.as_ref()) {
        return Ok(Home {
            repo: docs.home_repo.clone(),
            url: docs.home_url.clone(),
        });
    }
    let homes: BTreeMap<String, &TicketTopology> = topologies
        .values()
        .filter_map(|t| home_by(t).or_else(|| by_name(run, t)).map(|url| (url, t.as_ref())))
        .collect();
    if homes.len() > 1 {
        return Err(homes_differ(&homes));
    }
    let named = run
        .spec
        .doc_home_repo
        .as_ref()
        .and_then(|name| run.spec.repos.iter().find(|r| r.name == *name));
    let existing = || run.spec.repos.iter().find(|r| homes.contains_key(&normalise(&r.url)));
    let repo = named.or_else(existing).or(run.spec.repos.first());
    repo.map(home_of).ok_or_else(|| Refusal {
        reason: "NoRepositories",
        message: "spec.repos is empty: name at least one repository".to_owned(),
        ticket: String::new(),
    })
}

fn home_of(repo: &Repo) -> Home {
    Home {
        repo: repo.name.clone(),
        url: normalise(&repo.url),
    }
}

fn homes_differ(homes: &BTreeMap<String, &TicketTopology>) -> Refusal {
    let list: Vec<_> = homes
        .iter()
        .map(|(url, t)| format!("{} in {} ({url})", t.spec.ticket, t.spec.doc_home_repo))
        .collect();
    Refusal {
        reason: "DocHomesDiffer",
        message: format!(
            "the tickets' documents live in different repositories: {}; make one Run per home, or move the documents first",
            list.join(", ")
        ),
        ticket: String::new(),
    }
}

/// Whether a Run with this home may work on the ticket that the topology is for.
///
/// # Errors
/// The refusal, naming both sides and the way out.
pub fn agrees(run: &Run, home: &Home, ticket: &str, topology: &TicketTopology) -> Result<(), Refusal> {
    let spec = &topology.spec;
    let refuse = |reason, message| {
        Err(Refusal {
            reason,
            message,
            ticket: ticket.to_owned(),
        })
    };
    if !spec.ticket.eq_ignore_ascii_case(ticket) {
        let taken = format!(
            "ticket {ticket} and ticket {} cannot be told apart in names; rename one of them",
            spec.ticket
        );
        return refuse("TicketNameTaken", taken);
    }
    match home_by(topology) {
        None if spec.doc_home_repo != home.repo => {
            return refuse("DocHomeConflict", conflict(ticket, topology, &spec.doc_home_repo, home));
        }
        None => {}
        Some(url) => {
            let namesake = |r: &&Repo| r.name == spec.doc_home_repo && normalise(&r.url) != url;
            if let Some(other) = run.spec.repos.iter().find(namesake) {
                return refuse("RepoNameConflict", name_conflict(other, &url, topology));
            }
            if url != home.url {
                let theirs = format!("{} ({url})", spec.doc_home_repo);
                return refuse("DocHomeConflict", conflict(ticket, topology, &theirs, home));
            }
        }
    }
    if spec.docs_path != run.spec.docs_path {
        let message = format!(
            "documents of {ticket} are in folder '{}' by TicketTopology '{}'{}, this Run says '{}'; set docsPath: {} in a new Run",
            spec.docs_path,
            name_of(topology),
            working(topology),
            run.spec.docs_path,
            spec.docs_path
        );
        return refuse("DocsPathConflict", message);
    }
    Ok(())
}

/// The identity of the topology's home: its URL; where the spec has none, the one that the claims agreed on.
fn home_by(topology: &TicketTopology) -> Option<String> {
    let claims = topology
        .status
        .as_ref()
        .map(|s| s.claims.as_slice())
        .unwrap_or_default();
    let url = topology.spec.doc_home_url.as_deref();
    url.or(claims.first().map(|c| c.home_url.as_str())).map(normalise)
}

/// What a topology without any URL means to this Run: its own repository of that name.
fn by_name(run: &Run, topology: &TicketTopology) -> Option<String> {
    let repo = run.spec.repos.iter().find(|r| r.name == topology.spec.doc_home_repo);
    repo.map(|r| normalise(&r.url))
}

fn name_conflict(other: &Repo, url: &str, topology: &TicketTopology) -> String {
    format!(
        "repository name '{}' means {} in this Run and {url} in TicketTopology '{}'{}; rename the repository in one of them",
        other.name,
        normalise(&other.url),
        name_of(topology),
        working(topology)
    )
}

fn conflict(ticket: &str, topology: &TicketTopology, theirs: &str, home: &Home) -> String {
    let way_out = if working(topology).is_empty() {
        "edit or delete that topology if it is wrong"
    } else {
        "wait until they end"
    };
    format!(
        "documents of {ticket} live in {theirs} by TicketTopology '{}'{}, this Run wants {} ({}); use their home in a new Run, or {way_out}",
        name_of(topology),
        working(topology),
        home.repo,
        home.url
    )
}

fn name_of(topology: &TicketTopology) -> &str {
    topology.metadata.name.as_deref().unwrap_or_default()
}

fn working(topology: &TicketTopology) -> String {
    let claims = topology
        .status
        .as_ref()
        .map(|s| s.claims.as_slice())
        .unwrap_or_default();
    let runs: BTreeSet<_> = claims.iter().map(|c| c.run_name.as_str()).collect();
    if runs.is_empty() {
        return String::new();
    }
    format!(" (claimed by Run {})", runs.into_iter().collect::<Vec<_>>().join(", "))
}
