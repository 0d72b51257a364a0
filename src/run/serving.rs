//! Which workspaces' documents are served, and under which name: what to do next about it, and what to say. Pure.
//! Whether they are served is no part of `Ready`: work goes on while a server is started again.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use kube::ResourceExt as _;

use super::crd::{PrepareState, Run, SeedState, WorkspaceStatus};
use super::decide::Effect;
use super::home::Home;
use crate::kernel::condition::{Tri, Verdict};
use crate::ports::services::{DocsService, ServiceState};

/// Every workspace's documents can be read at its DocEndpoint.
pub const DOCS_SERVED: &str = "DocsServed";
/// All are served.
pub const SERVING: &str = "Serving";
/// A server ended and is started again.
pub const SERVER_FAILED: &str = "ServerFailed";

/// There is no folder of documents to serve.
pub const NO_FOLDER: &str = "NoDocsFolder";

/// How soon to look for a folder that somebody may make.
const LATER: Duration = Duration::from_secs(30);
/// How soon to look again where news of a change may have been missed.
const SOON: Duration = Duration::from_secs(2);

/// What is seen of the serving of one workspace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Served {
    /// `None`: it does not matter yet.
    pub service: Option<ServiceState>,
    /// Its DocEndpoint; `None` if there is none.
    pub endpoint: Option<EndpointSeen>,
}

/// The DocEndpoint that has the workspace's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSeen {
    pub uid: String,
    /// It is for this very Run.
    pub ours: bool,
    /// It is being deleted.
    pub leaving: bool,
}

/// By name of the workspace.
pub type AllServed = BTreeMap<String, Served>;

/// Whether the workspace's documents may be served: they are there for good, so that nobody reads half a copy.
pub fn is_wanted(workspace: &WorkspaceStatus) -> bool {
    let seeded = matches!(workspace.seed.state, SeedState::Synced | SeedState::Skipped);
    workspace.prepare.state == PrepareState::Ready && seeded
}

/// What the next pass about one workspace does.
#[derive(Debug, Default, PartialEq)]
pub struct Moves {
    pub effects: Vec<Effect>,
    /// The endpoint's name, while it is seen to be this Run's.
    pub endpoint: Option<String>,
    /// When to look again.
    pub due: Option<Duration>,
}

/// Starts what is missing. A Run that may start nothing new leaves what there is.
pub fn advance(run: &Run, home: &Home, workspace: &WorkspaceStatus, served: &Served) -> Moves {
    let mut moves = Moves {
        endpoint: workspace.endpoint.clone(),
        ..Moves::default()
    };
    let mut all_there = true;
    if is_wanted(workspace) && !run.spec.suspend {
        if served.service == Some(ServiceState::Absent) {
            let service = service(run, home, workspace);
            moves.effects.push(Effect::StartDocs {
                workspace: workspace.name.clone(),
                ticket: workspace.ticket.clone(),
                service,
            });
        }
        match &served.endpoint {
            Some(seen) if seen.ours && !seen.leaving => moves.endpoint = Some(workspace.name.clone()),
            Some(_) => (all_there, moves.endpoint) = (false, None),
            // Told only once it is seen: somebody else's may have come first.
            None => {
                (all_there, moves.endpoint) = (false, None);
                if served.service.as_ref().is_some_and(is_begun) {
                    moves.effects.push(Effect::MakeEndpoint {
                        workspace: workspace.name.clone(),
                        ticket: workspace.ticket.clone(),
                        home: home.clone(),
                    });
                }
            }
        }
        moves.due = match served.service {
            Some(ServiceState::Serving(_)) if all_there => None,
            Some(ServiceState::NoFolder) => Some(LATER),
            _ => Some(SOON),
        };
    }
    moves
}

/// There is a server, or there will be one: worth an endpoint.
fn is_begun(service: &ServiceState) -> bool {
    !matches!(service, ServiceState::Absent | ServiceState::NoFolder)
}

fn service(run: &Run, home: &Home, workspace: &WorkspaceStatus) -> DocsService {
    let repo = Path::new(&workspace.path).join(&home.repo);
    DocsService {
        root: repo.join(&run.spec.docs_path),
        repo,
    }
}

/// What is left to end before the workspaces go.
pub fn retire(served: &AllServed) -> Vec<Effect> {
    let runs = |s: &Served| s.service.as_ref().is_some_and(|state| *state != ServiceState::Absent);
    let stop = served.values().any(runs).then_some(Effect::StopDocs);
    let ours = served.iter().filter_map(|(name, s)| Some((name, s.endpoint.as_ref()?)));
    let drop = ours
        .filter(|(_, seen)| seen.ours && !seen.leaving)
        .map(|(name, seen)| Effect::DropEndpoint {
            name: name.clone(),
            uid: seen.uid.clone(),
        });
    stop.into_iter().chain(drop).collect()
}

fn no_folder(run: &Run, workspace: &WorkspaceStatus) -> String {
    format!(
        "{}: there is no folder '{}' in the workspace's home repository: it is served once somebody makes it",
        workspace.ticket, run.spec.docs_path
    )
}

/// What the condition says.
pub fn verdict(run: &Run, workspaces: &[WorkspaceStatus], served: &AllServed) -> Verdict {
    let says = |value: Tri, reason, message: String| Verdict::new(DOCS_SERVED, value, reason, message);
    if workspaces.is_empty() {
        return says(Tri::Unknown, "Pending", "there are no workspaces yet".to_owned());
    }
    let nothing = Served::default();
    let of = |w: &WorkspaceStatus| served.get(&w.name).unwrap_or(&nothing);
    let failed = workspaces.iter().find_map(|w| match &of(w).service {
        Some(ServiceState::Waiting { why, failures, .. }) => Some((w, why, failures)),
        _ => None,
    });
    if let Some((w, why, failures)) = failed {
        return says(Tri::False, SERVER_FAILED, failed_words(&w.ticket, why, *failures));
    }
    let bare = workspaces
        .iter()
        .find(|w| of(w).service == Some(ServiceState::NoFolder));
    if let Some(w) = bare {
        return says(Tri::False, NO_FOLDER, no_folder(run, w));
    }
    let taken = workspaces
        .iter()
        .find(|w| of(w).endpoint.as_ref().is_some_and(|seen| !seen.ours && !seen.leaving));
    if let Some(w) = taken {
        let message = format!(
            "{}: DocEndpoint '{}' is not this Run's ({}): delete it, and the Run makes its own",
            w.ticket,
            w.name,
            run.name_any()
        );
        return says(Tri::False, "EndpointNameTaken", message);
    }
    let is_served = |w: &&WorkspaceStatus| {
        let seen = of(w);
        let found = seen.endpoint.as_ref().is_some_and(|e| e.ours && !e.leaving);
        found && matches!(seen.service, Some(ServiceState::Serving(_)))
    };
    let done = workspaces.iter().filter(is_served).count();
    let message = format!("{done} of {} workspaces' documents are served", workspaces.len());
    let unseeded = workspaces.iter().any(|w| !is_wanted(w) && of(w).service.is_none());
    match done == workspaces.len() {
        true => says(Tri::True, SERVING, message),
        false if unseeded => says(Tri::False, "NotSeeded", message),
        false if run.spec.suspend => says(Tri::False, "Suspended", message),
        false => says(Tri::False, "Starting", message),
    }
}

fn failed_words(ticket: &str, why: &str, failures: u32) -> String {
    let times = match failures {
        1 => "once",
        _ => "several times in a row",
    };
    format!("{ticket}: the docs server failed {times} and is started again: {why}")
}

#[cfg(test)]
mod tests;
