//! Makes the topology of a ticket, and takes and gives back the Run's claim on it. Of two that want the same, the API
//! server lets one through: nothing here overwrites. Each call is harmless to repeat.

use std::collections::BTreeMap;

use kube::ResourceExt as _;
use kube::api::{Api, ObjectMeta};
use serde_json::json;

use super::RunKind;
use super::crd::Run;
use super::home::Home;
use crate::controller::finalizer::post_params;
use crate::controller::foreign;
use crate::failpoint::fallible;
use crate::kernel::moment::Moment;
use crate::kernel::outcome::Failure;
use crate::kernel::ticket::topology_name;
use crate::ticket_topology::crd::{Claim, MADE_BY, MADE_BY_RUN, TicketTopology, TicketTopologySpec, claim_manager};
use crate::ticket_topology::release::release;

/// Takes the claim on the ticket's topology in the version that was `seen`, or on the one that is made here if none was.
pub async fn claim(
    kind: &RunKind,
    run: &Run,
    ticket: &str,
    home: &Home,
    docs_path: &str,
    seen: Option<&str>,
    since: Moment,
) -> Result<(), Failure> {
    let version = match seen {
        Some(version) => version.to_owned(),
        None => make_topology(kind, run, ticket, home, docs_path).await?,
    };
    take_claim(kind, run, &topology_name(ticket), &version, &home.url, since).await?;
    Ok(fallible("run.after_claim")?)
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
        Ok(made) => {
            fallible("run.after_topology")?;
            Ok(made.resource_version().unwrap_or_default())
        }
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
    let manager = claim_manager(&claim.run_uid);
    let body = json!({
        "apiVersion": "metawsm.dev/v1alpha1", "kind": "TicketTopology",
        "metadata": { "name": topology, "resourceVersion": version },
        "status": { "claims": [claim] },
    });
    let taken = foreign::apply(&api(kind, run), topology, &manager, body).await;
    taken.map(drop).map_err(|error| change_failed(topology, error))
}

/// Gives the claim back.
pub async fn release_claim(kind: &RunKind, run: &Run, topology: &str) -> Result<(), Failure> {
    let released = release(&api(kind, run), topology, &run.uid().unwrap_or_default()).await;
    match released.map_err(|error| change_failed(topology, error)) {
        Err(Failure::Quiet(_)) | Ok(()) => {}
        Err(failure) => return Err(failure),
    }
    Ok(fallible("run.after_release")?)
}

fn change_failed(topology: &str, error: kube::Error) -> Failure {
    lost_or_failed(&format!("change the claim on topology '{topology}'"), error)
}

fn lost_or_failed(what: &str, error: kube::Error) -> Failure {
    match error {
        kube::Error::Api(answer) if answer.is_conflict() || answer.is_already_exists() || answer.is_not_found() => {
            Failure::Quiet(format!("could not {what}: {}", answer.message))
        }
        error => Failure::Retry(format!("failed to {what}: {error}")),
    }
}
