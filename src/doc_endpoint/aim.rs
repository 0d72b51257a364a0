//! Whom to ask for an endpoint: its own address, the service of its workspace, or nobody, and why. Pure.

use std::time::Duration;

use kube::ResourceExt as _;

use super::crd::{DocEndpoint, DocEndpointSpec, EndpointKind};
use super::observe::{Observed, RunSeen, is_owned};
use crate::federation::target::{Copy, Place, Problem, Target};
use crate::kernel::moment::length_of_time;
use crate::kernel::repo_url::normalise;

/// Used where a length of time cannot be read, which admission does not let in.
const USUAL: [Duration; 3] = [Duration::from_secs(30), Duration::from_secs(5), Duration::from_mins(15)];

/// What the prober is to be told.
pub fn aim(observed: &Observed) -> Target {
    let endpoint = observed.endpoint.as_ref();
    let spec = &endpoint.spec;
    let length = |text: &str, usual| length_of_time(text).unwrap_or(usual);
    let copy = match spec.kind {
        EndpointKind::Repo => Copy::Repo,
        EndpointKind::Workspace => Copy::Workspace,
    };
    let expected_root = match spec.kind {
        EndpointKind::Repo => None,
        EndpointKind::Workspace => observed.run.as_ref().and_then(|run| run.expected_root.clone()),
    };
    Target {
        uid: endpoint.uid().unwrap_or_default(),
        namespace: endpoint.namespace().unwrap_or_default(),
        name: endpoint.name_any(),
        copy,
        repo: spec.repo.clone(),
        home: spec.repo_url.as_deref().map(normalise),
        run_uid: spec.run_ref.as_ref().map(|r| r.uid.clone()),
        ticket: spec.ticket.clone(),
        web_url: web_url(observed),
        place: place(observed),
        expected_root,
        interval: length(&spec.interval, USUAL[0]),
        timeout: length(&spec.timeout, USUAL[1]),
        stale_after: length(&spec.stale_after, USUAL[2]),
    }
}

/// Where people read the documents: of a workspace through the controller's own HTTP server, where it is known from
/// outside.
fn web_url(observed: &Observed) -> Option<String> {
    let endpoint = observed.endpoint.as_ref();
    let spec = &endpoint.spec;
    match spec.kind {
        EndpointKind::Repo => spec.web_url.clone(),
        EndpointKind::Workspace => {
            let public = observed.settings.public_url.as_deref()?.trim_end_matches('/');
            let (run, ticket) = (&spec.run_ref.as_ref()?.name, spec.ticket.as_ref()?);
            let namespace = endpoint.namespace().unwrap_or_default();
            Some(format!("{public}/docs/{namespace}/{run}/{ticket}/"))
        }
    }
}

fn place(observed: &Observed) -> Place {
    let (endpoint, spec) = (observed.endpoint.as_ref(), &observed.endpoint.spec);
    match spec.kind {
        _ if spec.suspend => Place::Paused,
        EndpointKind::Repo => written(
            spec,
            &endpoint.namespace().unwrap_or_default(),
            &observed.settings.secret_namespaces,
        ),
        EndpointKind::Workspace => match unreadable(observed).or_else(|| not_owned(endpoint, observed.run.as_ref())) {
            Some(problem) => Place::Nowhere(problem),
            None => Place::Served {
                run: spec.run_ref.as_ref().map(|r| r.name.clone()).unwrap_or_default(),
                ticket: spec.ticket.clone().unwrap_or_default(),
            },
        },
    }
}

fn written(spec: &DocEndpointSpec, namespace: &str, permitted: &[String]) -> Place {
    let secret = spec.auth_secret_ref.as_ref().map(|s| s.name.clone());
    if secret.is_some() && !permitted.iter().any(|n| n == namespace || n == "*") {
        let why = format!(
            "the controller may not read Secrets in namespace '{namespace}': whoever runs it lists the namespace in \
             --secret-namespaces (METAWSM_SECRET_NAMESPACES) and grants it 'get' on secrets there"
        );
        return Place::Nowhere(Problem::lasting("SecretsNotPermitted", why));
    }
    Place::Written {
        url: spec.url.clone().unwrap_or_default(),
        secret,
    }
}

/// Why nobody knows whether this is the endpoint of a living Run's workspace.
fn unreadable(observed: &Observed) -> Option<Problem> {
    let named = observed.endpoint.spec.run_ref.as_ref()?;
    let why = format!(
        "Run '{}' cannot be read (its Events say why): it is asked again once the Run can be",
        named.name
    );
    observed.unreadable.then(|| Problem::lasting("RunUndecodable", why))
}

/// Why this is not the endpoint of a living Run's workspace: anybody may write such an object, but only the Run's own
/// leads anywhere.
fn not_owned(endpoint: &DocEndpoint, run: Option<&RunSeen>) -> Option<Problem> {
    let refused = |why: String| {
        let out = "Runs make the endpoints of their workspaces themselves; delete this one";
        Some(Problem::lasting("NotOwnedByRun", format!("{why}: {out}")))
    };
    let (Some(named), Some(ticket)) = (&endpoint.spec.run_ref, &endpoint.spec.ticket) else {
        return refused("it names no Run and ticket".to_owned());
    };
    match run {
        None => refused(format!("there is no Run '{}'", named.name)),
        Some(run) if run.uid != named.uid => {
            refused(format!("Run '{}' is another one than it was made for", named.name))
        }
        Some(_) if !is_owned(endpoint) => refused(format!(
            "Run '{}' does not own it (metadata.ownerReferences)",
            named.name
        )),
        Some(run) if !run.tickets.iter().any(|t| t.eq_ignore_ascii_case(ticket)) => {
            refused(format!("Run '{}' does not work on ticket '{ticket}'", named.name))
        }
        Some(_) => None,
    }
}
