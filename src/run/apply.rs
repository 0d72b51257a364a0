//! A Run's effects on the outside world, each harmless to repeat.

use std::collections::BTreeMap;

use kube::ResourceExt as _;
use kube::api::{Api, ObjectMeta, Patch, PatchParams};
use serde_json::json;

use super::RunKind;
use super::crd::Run;
use super::decide::Effect;
use super::endpoint::{drop_endpoint, make_endpoint};
use super::home::Home;
use super::observe::{executor_failed, service_key, step_key};
use crate::controller::finalizer::post_params;
use crate::failpoint::fallible;
use crate::kernel::moment::Moment;
use crate::kernel::outcome::Failure;
use crate::kernel::ticket::topology_name;
use crate::ticket_topology::crd::{Claim, MADE_BY, MADE_BY_RUN, TicketTopology, TicketTopologySpec, claim_manager};

/// Performs one effect.
pub async fn apply(kind: &RunKind, run: &Run, effect: &Effect) -> Result<(), Failure> {
    let uid = run.uid().unwrap_or_default();
    match effect {
        Effect::Enter if kind.turnstile.enter(run) => fallible("run.after_enter")?,
        Effect::Enter => return Err(Failure::Quiet("another Run took the place".to_owned())),
        Effect::Claim {
            ticket,
            home,
            docs_path,
            seen,
            since,
        } => {
            let version = if let Some(version) = seen {
                version.clone()
            } else {
                let made = make_topology(kind, run, ticket, home, docs_path).await?;
                fallible("run.after_topology")?;
                made
            };
            take_claim(kind, run, &topology_name(ticket), &version, &home.url, *since).await?;
            fallible("run.after_claim")?;
        }
        Effect::Release { topology } => {
            release_claim(kind, run, topology).await?;
            fallible("run.after_release")?;
        }
        Effect::Start {
            workspace,
            step,
            attempt,
            plan,
            secrets,
        } => {
            let key = step_key(run, workspace, *step, *attempt);
            kind.executor
                .start(&key, plan, secrets)
                .await
                .map_err(|e| executor_failed(&e))?;
            fallible("run.after_start")?;
        }
        Effect::Forget {
            workspace,
            step,
            attempt,
        } => {
            let key = step_key(run, workspace, *step, *attempt);
            kind.executor.forget(&key).await.map_err(|e| executor_failed(&e))?;
            fallible("run.after_forget")?;
        }
        Effect::StartDocs {
            workspace,
            ticket,
            service,
        } => {
            let key = service_key(run, workspace, ticket);
            kind.services
                .start(&key, service)
                .await
                .map_err(|e| executor_failed(&e))?;
            fallible("run.after_start_docs")?;
        }
        Effect::MakeEndpoint {
            workspace,
            ticket,
            home,
        } => {
            make_endpoint(kind, run, workspace, ticket, home).await?;
            fallible("run.after_make_endpoint")?;
        }
        Effect::StopDocs => {
            kind.services.stop_all(&uid).await.map_err(|e| executor_failed(&e))?;
            fallible("run.after_stop_docs")?;
        }
        Effect::DropEndpoint { name, uid } => {
            drop_endpoint(kind, run, name, uid).await?;
            fallible("run.after_drop_endpoint")?;
        }
        Effect::StopSteps => {
            kind.executor.stop_run(&uid).await.map_err(|e| executor_failed(&e))?;
            fallible("run.after_stop_steps")?;
        }
        Effect::ForgetSteps => {
            kind.executor.forget_run(&uid).await.map_err(|e| executor_failed(&e))?;
            fallible("run.after_forget_steps")?;
        }
    }
    Ok(())
}

fn api(kind: &RunKind, run: &Run) -> Api<TicketTopology> {
    Api::namespaced(kind.client.clone(), &run.namespace().unwrap_or_default())
}

/// Creates, never overwrites: the API server's 409 is the arbiter.
async fn make_topology(
    kind: &RunKind,
    run: &Run,
    ticket: &str,
    home: &Home,
    docs_path: &str,
) -> Result<String, Failure> {
    let spec = TicketTopologySpec {
        ticket: ticket.to_owned(),
        doc_home_repo: home.repo.clone(),
        doc_home_url: Some(home.url.clone()),
        docs_path: docs_path.to_owned(),
    };
    let mut topology = TicketTopology::new(&topology_name(ticket), spec);
    topology.metadata = ObjectMeta {
        labels: Some(BTreeMap::from([(MADE_BY.to_owned(), MADE_BY_RUN.to_owned())])),
        namespace: run.namespace(),
        ..topology.metadata
    };
    let manager = claim_manager(&run.uid().unwrap_or_default());
    match api(kind, run).create(&post_params(&manager), &topology).await {
        Ok(made) => Ok(made.resource_version().unwrap_or_default()),
        Err(error) => Err(lost_or_failed(&format!("make the topology of {ticket}"), error)),
    }
}

async fn take_claim(
    kind: &RunKind,
    run: &Run,
    topology: &str,
    version: &str,
    home_url: &str,
    since: Moment,
) -> Result<(), Failure> {
    let claim = Claim {
        run_uid: run.uid().unwrap_or_default(),
        run_name: run.name_any(),
        home_url: home_url.to_owned(),
        since,
    };
    let body = json!({
        "apiVersion": "metawsm.dev/v1alpha1", "kind": "TicketTopology",
        "metadata": { "name": topology, "resourceVersion": version },
        "status": { "claims": [claim] },
    });
    patch_claims(kind, run, topology, body).await
}

/// Without a version: the entry is the Run's own, and taking it away is right whatever else changed.
async fn release_claim(kind: &RunKind, run: &Run, topology: &str) -> Result<(), Failure> {
    let body = json!({
        "apiVersion": "metawsm.dev/v1alpha1", "kind": "TicketTopology",
        "metadata": { "name": topology },
    });
    match patch_claims(kind, run, topology, body).await {
        Err(Failure::Quiet(_)) | Ok(()) => Ok(()),
        Err(failure) => Err(failure),
    }
}

async fn patch_claims(kind: &RunKind, run: &Run, topology: &str, body: serde_json::Value) -> Result<(), Failure> {
    let params = PatchParams::apply(&claim_manager(&run.uid().unwrap_or_default())).force();
    match api(kind, run)
        .patch_status(topology, &params, &Patch::Apply(body))
        .await
    {
        Ok(_) => Ok(()),
        Err(error) => Err(lost_or_failed(
            &format!("change the claim on topology '{topology}'"),
            error,
        )),
    }
}

fn lost_or_failed(what: &str, error: kube::Error) -> Failure {
    match error {
        kube::Error::Api(answer) if answer.is_conflict() || answer.is_already_exists() || answer.is_not_found() => {
            Failure::Quiet(format!("could not {what}: {}", answer.message))
        }
        error => Failure::Retry(format!("failed to {what}: {error}")),
    }
}
