//! Makes and deletes the DocEndpoint of a workspace. It has no address: where the server is, is what the executor lists
//! as live. Each call is harmless to repeat.

use kube::api::{Api, DeleteParams, ObjectMeta, Preconditions};
use kube::{Resource as _, ResourceExt as _};
use serde_json::json;

use super::RunKind;
use super::crd::Run;
use super::home::Home;
use crate::controller::finalizer::post_params;
use crate::controller::kind::Kind as _;
use crate::doc_endpoint::crd::DocEndpoint;
use crate::failpoint::fallible;
use crate::kernel::outcome::Failure;

fn api(kind: &RunKind, run: &Run) -> Api<DocEndpoint> {
    Api::namespaced(kind.client.clone(), &run.namespace().unwrap_or_default())
}

/// Creates it, never overwrites: one of that name is there already, and whose it is shows in the next pass.
pub async fn make_endpoint(
    kind: &RunKind,
    run: &Run,
    workspace: &str,
    ticket: &str,
    home: &Home,
) -> Result<(), Failure> {
    // Through JSON, so that what is not said is what the API's defaults say.
    let spec = json!({
        "kind": "Workspace", "repo": home.repo, "repoURL": home.url, "ticket": ticket,
        "runRef": { "name": run.name_any(), "uid": run.uid() },
    });
    let spec = serde_json::from_value(spec).map_err(|e| Failure::Retry(format!("failed to write an endpoint: {e}")))?;
    let mut endpoint = DocEndpoint::new(workspace, spec);
    endpoint.metadata = ObjectMeta {
        namespace: run.namespace(),
        owner_references: run.owner_ref(&()).map(|owner| vec![owner]),
        ..endpoint.metadata
    };
    match api(kind, run).create(&post_params(RunKind::MANAGER), &endpoint).await {
        Ok(_) => {}
        Err(kube::Error::Api(answer)) if answer.is_already_exists() => {}
        Err(error) => {
            let why = format!("failed to make DocEndpoint '{workspace}': {error}");
            return Err(Failure::Retry(why));
        }
    }
    Ok(fallible("run.after_make_endpoint")?)
}

/// Deletes it if it is still the one that was seen.
pub async fn drop_endpoint(kind: &RunKind, run: &Run, name: &str, uid: &str) -> Result<(), Failure> {
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    match api(kind, run).delete(name, &params).await {
        Ok(_) => {}
        Err(kube::Error::Api(answer)) if answer.is_not_found() || answer.is_conflict() => {}
        Err(error) => {
            let why = format!("failed to delete DocEndpoint '{name}': {error}");
            return Err(Failure::Retry(why));
        }
    }
    Ok(fallible("run.after_drop_endpoint")?)
}
