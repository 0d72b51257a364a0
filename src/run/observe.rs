//! Reads all that a Run's decision may know: the topologies of its tickets, and its steps. Decides nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::runtime::reflector::ObjectRef;
use kube::{Resource as _, ResourceExt as _};

use super::RunKind;
use super::RunSettings;
use super::crd::{ForumCounts, PrepareState, Run, SeedState, WorkspaceStatus};
use super::credentials::{self, Credentials};
use super::forum;
use super::queue::Line;
use super::room::over_budget;
use super::serving::{AllServed, EndpointSeen, Served, is_wanted};
use crate::controller::runner::Guarded;
use crate::controller::secrets;
use crate::forum_thread::crd::ForumThread;
use crate::kernel::outcome::Failure;
use crate::kernel::ticket::topology_name;
use crate::ports::executor::{ExecutorError, StepKey, StepName, StepState};
use crate::ports::services::ServiceKey;
use crate::ticket_topology::crd::TicketTopology;

/// All that `decide` may know.
#[derive(Clone, Debug)]
pub struct Observed {
    pub run: Arc<Run>,
    /// By name of the topology; tickets without one are missing.
    pub topologies: BTreeMap<String, Arc<TicketTopology>>,
    /// By name of the workspace.
    pub steps: BTreeMap<String, Steps>,
    pub served: AllServed,
    /// Read only when a step may start that needs them.
    pub credentials: Credentials,
    pub settings: Arc<RunSettings>,
    /// The line for being active; empty for a Run that has no business in it.
    pub line: Line,
    /// Bytes left on the disk of the workspaces; `None` where that is not known, or does not matter now.
    pub free_bytes: Option<u64>,
    /// The questions that were asked in this Run.
    pub forum: ForumCounts,
    /// How many transitions the journal can take now.
    pub room: usize,
}

/// The steps of one workspace that matter now; the others are `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Steps {
    pub prepare: Option<StepState>,
    pub seed: Option<StepState>,
    pub inspect: Option<StepState>,
    pub cleanup: Option<StepState>,
}

/// Names a step of a Run's workspace.
pub fn step_key(run: &Run, workspace: &str, step: StepName, attempt: i32) -> StepKey {
    StepKey {
        namespace: run.namespace().unwrap_or_default(),
        run: run.name_any(),
        run_uid: run.uid().unwrap_or_default(),
        workspace: workspace.to_owned(),
        step,
        attempt,
    }
}

/// Looks at everything once.
pub async fn observe(kind: &RunKind, object: &Arc<Run>, room: usize) -> Result<Observed, Failure> {
    let namespace = object.namespace().unwrap_or_default();
    let mut topologies = BTreeMap::new();
    for name in object.spec.tickets.iter().map(|t| topology_name(t)) {
        if let Some(found) = kind.topologies.get(&ObjectRef::new(&name).within(&namespace)) {
            match &found.0 {
                Ok(topology) => drop(topologies.insert(name, topology.clone())),
                // A Run that goes must not hang on what it cannot read.
                Err(_) if object.metadata.deletion_timestamp.is_some() => {}
                Err(error) => {
                    let message = format!("TicketTopology '{name}' cannot be read: {error}; correct or delete it");
                    return Err(Failure::Stalled {
                        reason: "TopologyUndecodable",
                        message,
                    });
                }
            }
        }
    }
    let workspaces = object
        .status
        .as_ref()
        .map(|s| s.workspaces.as_slice())
        .unwrap_or_default();
    let deleting = object.metadata.deletion_timestamp.is_some();
    let accepted = object.status.as_ref().is_some_and(|s| s.docs.is_some());
    let mut steps = BTreeMap::new();
    for workspace in workspaces {
        let seen = look(kind, object, workspace).await?;
        kind.progress.see(object, workspace, &seen);
        steps.insert(workspace.name.clone(), seen);
    }
    let served = see_served(kind, object).await?;
    let clones_missing = workspaces.iter().any(|w| w.prepare.state != PrepareState::Ready);
    let free_bytes = match clones_missing && !deleting {
        true => kind
            .executor
            .free_bytes(&kind.settings.workspace_root)
            .await
            .map_err(|e| executor_failed(&e))?,
        false => None,
    };
    Ok(Observed {
        run: object.clone(),
        topologies,
        credentials: read_credentials(kind, object, &steps).await?,
        steps,
        served,
        settings: kind.settings.clone(),
        line: match deleting || accepted {
            true => Line::default(),
            false => kind.turnstile.line(),
        },
        free_bytes,
        forum: forum::asked_in(&threads_of(kind, object), object),
        room,
    })
}

fn threads_of(kind: &RunKind, run: &Run) -> Vec<Arc<Guarded<ForumThread>>> {
    let namespace = run.namespace().unwrap_or_default();
    let names = kind.asked.named(&namespace, &run.name_any());
    let threads = names.iter().map(|name| ObjectRef::new(name).within(&namespace));
    threads.filter_map(|thread| kind.threads.get(&thread)).collect()
}

/// Looks at the docs server and the DocEndpoint of each workspace that may have one.
async fn see_served(kind: &RunKind, run: &Run) -> Result<AllServed, Failure> {
    let (namespace, uid) = (run.namespace().unwrap_or_default(), run.uid().unwrap_or_default());
    let deleting = run.metadata.deletion_timestamp.is_some();
    let workspaces = run.status.as_ref().map(|s| s.workspaces.as_slice()).unwrap_or_default();
    let mut all = AllServed::new();
    for workspace in workspaces {
        if !deleting && workspace.endpoint.is_none() && !is_wanted(workspace) {
            continue;
        }
        let key = service_key(run, &workspace.name, &workspace.ticket);
        let service = kind.services.look(&key).await.map_err(|e| executor_failed(&e))?;
        let found = kind.endpoints.get(&ObjectRef::new(&workspace.name).within(&namespace));
        let endpoint = found.map(|found| EndpointSeen {
            uid: found.uid().unwrap_or_default(),
            ours: found.0.as_ref().is_ok_and(|endpoint| {
                let of = endpoint.spec.run_ref.as_ref();
                of.is_some_and(|of| of.uid == uid)
            }),
            leaving: found.meta().deletion_timestamp.is_some(),
        });
        let service = Some(service);
        all.insert(workspace.name.clone(), Served { service, endpoint });
    }
    Ok(all)
}

/// Names the docs server of a workspace.
pub fn service_key(run: &Run, workspace: &str, ticket: &str) -> ServiceKey {
    ServiceKey {
        namespace: run.namespace().unwrap_or_default(),
        run: run.name_any(),
        run_uid: run.uid().unwrap_or_default(),
        workspace: workspace.to_owned(),
        ticket: ticket.to_owned(),
    }
}

/// What a pass makes of an executor that fails.
pub fn executor_failed(error: &ExecutorError) -> Failure {
    Failure::Retry(error.to_string())
}

async fn look(kind: &RunKind, run: &Run, workspace: &WorkspaceStatus) -> Result<Steps, Failure> {
    let deleting = run.metadata.deletion_timestamp.is_some();
    let workspaces = run.status.as_ref().map(|s| s.workspaces.as_slice()).unwrap_or_default();
    let over_budget = over_budget(workspaces, kind.settings.run_disk_budget).is_some();
    let prepared = workspace.prepare.state == PrepareState::Ready;
    let seeding = matches!(workspace.seed.state, SeedState::Pending | SeedState::Failed);
    let see = async |step, attempt, wanted: bool| -> Result<Option<StepState>, Failure> {
        if !wanted {
            return Ok(None);
        }
        let key = step_key(run, &workspace.name, step, attempt);
        kind.executor
            .look(&key)
            .await
            .map(Some)
            .map_err(|e| executor_failed(&e))
    };
    Ok(Steps {
        prepare: see(
            StepName::Prepare,
            workspace.prepare.attempts + 1,
            !prepared && !deleting,
        )
        .await?,
        seed: see(
            StepName::Seed,
            workspace.seed.attempts + 1,
            prepared && seeding && !deleting,
        )
        .await?,
        // Over its budget a workspace is measured whatever else it waits for, else it would stay so for ever.
        inspect: see(StepName::Inspect, 1, prepared && (!seeding || over_budget) && !deleting).await?,
        cleanup: see(StepName::Cleanup, 1, deleting).await?,
    })
}

/// Reads the Secrets that a step about to start may need, each by its name; Secrets are never listed or watched.
async fn read_credentials(kind: &RunKind, run: &Run, steps: &BTreeMap<String, Steps>) -> Result<Credentials, Failure> {
    let may_start = |steps: &Steps| [&steps.prepare, &steps.seed].contains(&&Some(StepState::NotStarted));
    if run.spec.suspend || !steps.values().any(may_start) {
        return Ok(Credentials::new());
    }
    let namespace = run.namespace().unwrap_or_default();
    let mut read = Credentials::new();
    for repo in &run.spec.repos {
        let Some(reference) = &repo.credentials_secret_ref else {
            continue;
        };
        let granted = match credentials::permitted(&kind.settings.secret_namespaces, &namespace) {
            Err(refusal) => Err(refusal),
            Ok(()) => match secrets::read(&kind.client, &namespace, &reference.name).await {
                Ok(Some(secret)) => credentials::granted(repo, &secret),
                Ok(None) => Err(credentials::not_found(repo, &reference.name)),
                Err(kube::Error::Api(answer)) if answer.is_forbidden() => Err(credentials::forbidden(&namespace)),
                Err(error) => {
                    let what = format!("failed to read Secret '{}': {error}", reference.name);
                    return Err(Failure::Retry(what));
                }
            },
        };
        read.insert(repo.name.clone(), granted);
    }
    Ok(read)
}
