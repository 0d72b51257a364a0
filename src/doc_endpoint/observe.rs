//! Reads all that an endpoint's decision may know. Asks no server: the prober does that. Decides nothing.

use std::sync::Arc;

use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;

use super::crd::DocEndpoint;
use super::{DocEndpointKind, DocEndpointSettings};
use crate::federation::known::Known;
use crate::federation::target::Target;
use crate::kernel::moment::Moment;
use crate::run::crd::{Phase, Run, SeedState};

/// All that `decide` may know.
#[derive(Clone, Debug)]
pub struct Observed {
    pub endpoint: Arc<DocEndpoint>,
    /// The Run of that name, if there is one.
    pub run: Option<RunSeen>,
    /// Whom the prober asks for it now.
    pub asked: Option<Target>,
    pub known: Known,
    pub settings: Arc<DocEndpointSettings>,
}

/// What an endpoint wants to know of its Run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSeen {
    pub uid: String,
    pub tickets: Vec<String>,
    /// It is going: its workspace is nobody's authority any more.
    pub ending: bool,
    /// The docs root that the workspace's server must name.
    pub expected_root: Option<String>,
    /// The revision that the workspace was seeded with last, and when.
    pub seed: Option<(String, Moment)>,
}

/// Looks at caches and at the catalogue.
pub fn observe(kind: &DocEndpointKind, object: &Arc<DocEndpoint>) -> Observed {
    let spec = &object.spec;
    let namespace = object.namespace().unwrap_or_default();
    let run = spec.run_ref.as_ref().and_then(|named| {
        let found = kind.runs.get(&ObjectRef::new(&named.name).within(&namespace))?;
        let run = found.0.as_ref().ok()?;
        Some(seen(run, spec.ticket.as_deref().unwrap_or_default()))
    });
    let uid = object.uid().unwrap_or_default();
    let (asked, known) = match kind.prober.catalogue().of(&uid) {
        Some((target, known)) => (Some(target), known),
        None => (None, Known::default()),
    };
    Observed {
        endpoint: object.clone(),
        run,
        asked,
        known,
        settings: kind.settings.clone(),
    }
}

/// What a Run tells of a ticket's workspace.
pub fn seen(run: &Run, ticket: &str) -> RunSeen {
    let status = run.status.as_ref();
    let workspace = status.and_then(|s| s.workspaces.iter().find(|w| w.ticket.eq_ignore_ascii_case(ticket)));
    let home = status.and_then(|s| s.docs.as_ref()).map(|d| d.home_repo.as_str());
    let expected_root = workspace
        .zip(home)
        .map(|(workspace, home)| format!("{}/{home}/{}", workspace.path, run.spec.docs_path));
    let seed = workspace
        .map(|w| &w.seed)
        .filter(|seed| seed.state == SeedState::Synced);
    RunSeen {
        uid: run.uid().unwrap_or_default(),
        tickets: run.spec.tickets.clone(),
        ending: run.metadata.deletion_timestamp.is_some() || status.and_then(|s| s.phase) == Some(Phase::Stopping),
        expected_root,
        seed: seed.and_then(|seed| Some((seed.revision.clone()?, seed.synced_at?))),
    }
}
