//! A Run's effects on the outside world, each harmless to repeat.

use kube::ResourceExt as _;

use super::RunKind;
use super::crd::Run;
use super::decide::Effect;
use super::endpoint::{drop_endpoint, make_endpoint};
use super::observe::{executor_failed, service_key, step_key};
use super::topology::{claim, release_claim};
use crate::failpoint::fallible;
use crate::kernel::outcome::Failure;
use crate::ports::executor::ExecutorError;
use crate::ports::services::DocsService;

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
        } => claim(kind, run, ticket, home, docs_path, seen.as_deref(), *since).await?,
        Effect::Release { topology } => release_claim(kind, run, topology).await?,
        Effect::Start {
            workspace,
            step,
            attempt,
            plan,
            secrets,
        } => {
            let key = step_key(run, workspace, *step, *attempt);
            done(kind.executor.start(&key, plan, secrets).await)?;
            fallible("run.after_start")?;
        }
        Effect::Forget {
            workspace,
            step,
            attempt,
        } => {
            done(kind.executor.forget(&step_key(run, workspace, *step, *attempt)).await)?;
            fallible("run.after_forget")?;
        }
        Effect::StartDocs {
            workspace,
            ticket,
            service,
        } => start_docs(kind, run, workspace, ticket, service).await?,
        Effect::MakeEndpoint {
            workspace,
            ticket,
            home,
        } => make_endpoint(kind, run, workspace, ticket, home).await?,
        Effect::StopDocs => stop_docs(kind, &uid).await?,
        Effect::DropEndpoint { name, uid } => drop_endpoint(kind, run, name, uid).await?,
        Effect::StopSteps => {
            done(kind.executor.stop_run(&uid).await)?;
            fallible("run.after_stop_steps")?;
        }
        Effect::ForgetSteps => {
            done(kind.executor.forget_run(&uid).await)?;
            fallible("run.after_forget_steps")?;
        }
    }
    Ok(())
}

async fn stop_docs(kind: &RunKind, uid: &str) -> Result<(), Failure> {
    done(kind.services.stop_all(uid).await)?;
    Ok(fallible("run.after_stop_docs")?)
}

async fn start_docs(
    kind: &RunKind,
    run: &Run,
    workspace: &str,
    ticket: &str,
    service: &DocsService,
) -> Result<(), Failure> {
    done(kind.services.start(&service_key(run, workspace, ticket), service).await)?;
    Ok(fallible("run.after_start_docs")?)
}

/// What the executor did, or why it is tried again.
fn done<T>(answer: Result<T, ExecutorError>) -> Result<(), Failure> {
    answer.map(drop).map_err(|error| executor_failed(&error))
}
