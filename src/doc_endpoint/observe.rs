//! Reads all that an endpoint's decision may know. Asks no server of documents: the prober does that. Decides nothing.

use std::sync::Arc;

use kube::api::Api;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource as _, ResourceExt as _};

use super::crd::DocEndpoint;
use super::{DocEndpointKind, DocEndpointSettings};
use crate::controller::runner::Guarded;
use crate::failpoint::sabotaged;
use crate::federation::known::Known;
use crate::federation::target::Target;
use crate::kernel::moment::Moment;
use crate::kernel::outcome::Failure;
use crate::run::crd::{Phase, Run, SeedState};

/// All that `decide` may know.
#[derive(Clone, Debug)]
pub struct Observed {
    pub endpoint: Arc<DocEndpoint>,
    /// The Run of that name, if there is one that can be read.
    pub run: Option<RunSeen>,
    /// There is one of that name, and it cannot be read.
    pub unreadable: bool,
    /// The API server says that the Run which owns it is gone.
    pub orphaned: bool,
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

/// Looks at caches and at the catalogue. A Run that the cache lacks is asked for at the API server before it counts as gone.
pub async fn observe(kind: &DocEndpointKind, object: &Arc<DocEndpoint>) -> Result<Observed, Failure> {
    let spec = &object.spec;
    let namespace = object.namespace().unwrap_or_default();
    let found = spec
        .run_ref
        .as_ref()
        .and_then(|named| kind.runs.get(&ObjectRef::new(&named.name).within(&namespace)));
    let stays = object.metadata.deletion_timestamp.is_none();
    let outlives = sabotaged("sabotage.doc_endpoint.outlives_its_run");
    let orphaned = stays && is_owned(object) && !is_of(object, found.as_deref()) && !outlives;
    if orphaned && !is_gone(kind, object).await? {
        let why = "the cache does not have the Run yet that owns the endpoint";
        return Err(Failure::Quiet(why.to_owned()));
    }
    let run = found.as_ref().and_then(|found| found.0.as_ref().ok());
    let uid = object.uid().unwrap_or_default();
    let (asked, known) = match kind.prober.catalogue().of(&uid) {
        Some((target, known)) => (Some(target), known),
        None => (None, Known::default()),
    };
    Ok(Observed {
        endpoint: object.clone(),
        run: run.map(|run| seen(run, spec.ticket.as_deref().unwrap_or_default())),
        unreadable: found.as_ref().is_some_and(|found| found.0.is_err()),
        orphaned,
        asked,
        known,
        settings: kind.settings.clone(),
    })
}

/// The Run that it names owns it: it goes with that Run.
pub fn is_owned(endpoint: &DocEndpoint) -> bool {
    let named = endpoint.spec.run_ref.as_ref();
    let owners = endpoint.owner_references().iter();
    let mut runs = owners.filter(|owner| owner.kind == "Run" && owner.api_version.starts_with("metawsm.dev/"));
    named.is_some_and(|named| runs.any(|owner| owner.uid == named.uid))
}

fn is_of(endpoint: &DocEndpoint, found: Option<&Guarded<Run>>) -> bool {
    let named = endpoint.spec.run_ref.as_ref();
    found.and_then(|run| run.meta().uid.as_ref()) == named.map(|named| &named.uid)
}

async fn is_gone(kind: &DocEndpointKind, object: &DocEndpoint) -> Result<bool, Failure> {
    let Some(named) = &object.spec.run_ref else {
        return Ok(false);
    };
    let api: Api<PartialObjectMeta<Run>> =
        Api::namespaced(kind.client.clone(), &object.namespace().unwrap_or_default());
    match api.get_opt(&named.name).await {
        Ok(found) => Ok(found.is_none_or(|run| run.uid().as_deref() != Some(&named.uid))),
        Err(error) => Err(Failure::Retry(format!(
            "failed to look up Run '{}': {error}",
            named.name
        ))),
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
