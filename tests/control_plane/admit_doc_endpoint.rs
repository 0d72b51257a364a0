//! Admission of DocEndpoints: what belongs to which kind, and what cannot be changed.

use serde_json::{Value, json};

use crate::admission::Base::{DocEndpoint, WorkspaceEndpoint};
use crate::admission::{About, Base, Case, spec, try_all};

const fn repo(path: &'static str, words: &'static str) -> About {
    About(DocEndpoint, path, words)
}
const fn workspace(path: &'static str, words: &'static str) -> About {
    About(WorkspaceEndpoint, path, words)
}

const REPO_NAME: About = repo("", "of a Repo endpoint has no '--'");
const WORKSPACE_NAME: About = workspace("", "must be '<run>--<ticket>'");
const NEEDS_URL: About = repo(".spec", "kind: Repo needs url");
const NO_ADDRESS: About = workspace(".spec", "no address in its spec");
const NEEDS_RUN: About = workspace(".spec", "needs runRef and ticket");
const NO_RUN: About = repo(".spec", "belong to kind: Workspace");
const KIND_STAYS: About = repo(".spec.kind", "kind cannot be changed");
const REPO: About = repo(".spec.repo", "give the repository's name");
const REPO_STAYS: About = repo(".spec.repo", "repo cannot be changed");
const REPO_URL: About = repo(".spec.repoURL", "remove white space");
const REPO_URL_STAYS: About = repo(".spec", "repoURL cannot be added");
const RUN_STAYS: About = workspace(".spec", "runRef cannot be added");
const TICKET_STAYS: About = workspace(".spec", "ticket cannot be added");
const RUN_NAME: About = workspace(".spec.runRef.name", "give the name of a Run");
const TICKET: About = workspace(".spec.ticket", "begins and ends with a letter or digit");
const SECRET: About = repo(".spec.authSecretRef.name", "name of a Secret");

pub fn cases() -> Vec<Case> {
    [kinds(), names(), identities(), secrets()].concat()
}

fn run(name: &str, ticket: &str) -> Value {
    json!({"runRef": {"name": name, "uid": "u-1"}, "ticket": ticket})
}

fn kinds() -> Vec<Case> {
    let no_url = spec(json!({"url": null}));
    let mut cases = vec![
        NEEDS_URL.takes(json!({})),
        NEEDS_URL.refuses(no_url.clone()),
        NEEDS_URL.refuses_change(json!({}), no_url),
        NO_ADDRESS.takes(json!({})),
        NEEDS_RUN.takes(json!({})),
        NEEDS_RUN.refuses(spec(json!({"runRef": null}))),
        NEEDS_RUN.refuses(spec(json!({"ticket": null}))),
        NEEDS_RUN.refuses(spec(json!({"ticket": null, "runRef": null}))),
        NO_RUN.takes(json!({})),
        NO_RUN.refuses(spec(run("relay", "A-1"))),
        NO_RUN.refuses(spec(json!({"ticket": "A-1"}))),
        NO_RUN.refuses(spec(json!({"runRef": {"name": "relay", "uid": "u-1"}}))),
        KIND_STAYS.takes_change(json!({}), spec(json!({"url": "http://b"}))),
        KIND_STAYS.refuses_change(json!({}), spec(json!({"kind": "Workspace"}))),
        About(WorkspaceEndpoint, ".spec.kind", "kind cannot be changed")
            .refuses_change(json!({}), spec(json!({"kind": "Repo"}))),
    ];
    let addresses = [
        json!({"url": "http://169.254.169.254"}),
        json!({"webURL": "http://a"}),
        json!({"authSecretRef": {"name": "a"}}),
    ];
    for address in addresses {
        cases.push(NO_ADDRESS.refuses(spec(address.clone())));
        cases.push(NO_ADDRESS.refuses_change(json!({}), spec(address)));
    }
    cases
}

fn names() -> Vec<Case> {
    let named = |name: &str| json!({"metadata": {"name": name}});
    let with =
        |name: &str, run_name: &str, ticket: &str| json!({"metadata": {"name": name}, "spec": run(run_name, ticket)});
    vec![
        REPO_NAME.takes(named("shop-docs.a")),
        REPO_NAME.refuses(named("relay--a-1")),
        REPO_NAME.refuses(named("a--b.c")),
        WORKSPACE_NAME.takes(with("relay--a-1", "relay", "A-1")),
        WORKSPACE_NAME.takes(with("relay--a-1-b", "relay", "A_1.b")),
        WORKSPACE_NAME.refuses(with("relay-a-1", "relay", "A-1")),
        WORKSPACE_NAME.refuses(with("relay--a-2", "relay", "A-1")),
        WORKSPACE_NAME.refuses(with("other--a-1", "relay", "A-1")),
    ]
}

fn identities() -> Vec<Case> {
    let mut cases = vec![
        REPO.takes(spec(json!({"repo": "web-2"}))),
        REPO_STAYS.takes_change(json!({}), spec(json!({"interval": "1m"}))),
        REPO_STAYS.refuses_change(json!({}), spec(json!({"repo": "web"}))),
        About(WorkspaceEndpoint, ".spec.repo", "repo cannot be changed")
            .refuses_change(json!({}), spec(json!({"repo": "web"}))),
        REPO_URL.takes(spec(json!({"repoURL": "git@github.com:a/b"}))),
        REPO_URL_STAYS.takes_change(json!({}), spec(json!({"suspend": true}))),
        REPO_URL_STAYS.refuses_change(json!({}), spec(json!({"repoURL": "/srv/other"}))),
        REPO_URL_STAYS.refuses_change(json!({}), spec(json!({"repoURL": null}))),
        REPO_URL_STAYS.refuses_change(spec(json!({"repoURL": null})), spec(json!({"repoURL": "/srv/a"}))),
        RUN_STAYS.takes_change(json!({}), spec(json!({"interval": "1m"}))),
        RUN_STAYS.refuses_change(json!({}), spec(json!({"runRef": {"uid": "u-2"}}))),
        RUN_STAYS.refuses_change(json!({}), spec(json!({"runRef": {"name": "other"}}))),
        TICKET_STAYS.takes_change(json!({}), spec(json!({"staleAfter": "1m"}))),
        TICKET_STAYS.refuses_change(json!({}), spec(json!({"ticket": "B-1"}))),
        TICKET_STAYS.refuses_change(json!({}), spec(json!({"ticket": "a-1"}))),
        RUN_NAME.takes(json!({})),
        TICKET.takes(json!({})),
    ];
    cases.extend(["Web", "a/b", "..", "a b", "a\n"].map(|name| REPO.refuses(spec(json!({ "repo": name })))));
    cases.extend(
        ["https://a/b c", "/srv/a\nb", "/srv/\u{202e}a"].map(|url| REPO_URL.refuses(spec(json!({ "repoURL": url })))),
    );
    cases.extend(["Relay", "a/b", "../a"].map(|name| RUN_NAME.refuses(spec(run(name, "A-1")))));
    cases.extend(["../x", "-rf", "a b", "a--b", "<script>"].map(|ticket| TICKET.refuses(spec(run("relay", ticket)))));
    cases
}

fn secrets() -> Vec<Case> {
    let secret = |name: &str| spec(json!({"authSecretRef": {"name": name}}));
    vec![
        SECRET.takes(secret("docs.token-1")),
        SECRET.refuses(secret("Docs")),
        SECRET.refuses(secret("../docs")),
    ]
}

#[tokio::test]
async fn endpoints_are_taken_or_refused_with_the_field_and_the_reason() {
    let cases = cases();
    assert!(cases.iter().any(|c| c.base == Base::WorkspaceEndpoint));
    try_all(cases).await;
}
