//! Admission of a Run's repositories, branches, references and folders.

use serde_json::{Value, json};

use crate::admission::Base::Run;
use crate::admission::{About, Case, try_all};

const NAME: About = About(Run, ".spec.repos[].name", "a repository's name is lower-case");
const ONE_WORD: About = About(Run, ".spec.repos[].url", "remove white space and control characters");
const SHAPE: About = About(Run, ".spec.repos[].url", "give an https:// or ssh:// URL");
const SECRET: About = About(Run, ".spec.repos[].url", "remove the user or password");
const BRANCH: About = About(Run, ".spec.repos[].baseBranch", "give a branch, tag or commit name");
const OPENED: About = About(Run, ".spec.repos[]", "opened without credentials");
const SECRET_NAME: About = About(
    Run,
    ".spec.repos[].credentialsSecretRef.name",
    "give the name of a Secret",
);
const PREFIX: About = About(Run, ".spec.workspace.branchPrefix", "give a branch, tag or commit name");
const SEED_REF: About = About(Run, ".spec.docSeedRef", "give a branch, tag or commit name");
const DOCS_PATH: About = About(Run, ".spec.docsPath", "relative to the repository's root");

/// What git refuses, or what only makes trouble.
const BAD_REFS: [&str; 27] = [
    "..",
    "a..b",
    "-x",
    "--upload-pack=id",
    "a.lock",
    "a.lock/b",
    "a@{1}",
    "@{",
    "a@@b",
    "a/",
    "/a",
    "a//b",
    "a b",
    " a",
    "a\tb",
    "a\n",
    "a\u{7f}",
    "a\u{1b}[0m",
    "a~1",
    "a^",
    "a:b",
    "a?b",
    "a*b",
    "a[b",
    "a\\b",
    "refs/heads/a",
    "a/.b",
];
const GOOD_REFS: [&str; 8] = [
    "main",
    "feature/x-1",
    "v1.2.3",
    "a_b",
    "1.x",
    "release/2026.11",
    "user@team/topic",
    "c++",
];

fn repo(rest: Value) -> Value {
    let mut repo = json!({"name": "api", "url": "https://github.com/a/api"});
    crate::harness::manifests::merge(&mut repo, rest);
    json!({ "spec": { "repos": [repo] } })
}

fn named(name: &str) -> Value {
    repo(json!({ "name": name }))
}

fn at(url: &str) -> Value {
    repo(json!({ "url": url }))
}

pub fn cases() -> Vec<Case> {
    [names(), urls(), credentials(), references(), folders()].concat()
}

fn credentials() -> Vec<Case> {
    let opened = |url: &str, name: &str| repo(json!({ "url": url, "credentialsSecretRef": { "name": name } }));
    let https = "https://github.com/a/api";
    let names = ["git", "a", "git.prod-1", &"a".repeat(253)].map(|n| SECRET_NAME.takes(opened(https, n)));
    let bad = ["Git", "a_b", "-a", "a-", "a/b", "../a", "a b", "a\n", "ä", "$(id)"];
    let bad = bad.map(|n| SECRET_NAME.refuses(opened(https, n)));
    let remote = [https, "ssh://git@github.com/a/api", "git@github.com:a/api"].map(|u| OPENED.takes(opened(u, "git")));
    let local = ["/srv/api", "file:///srv/api"].map(|u| OPENED.refuses(opened(u, "git")));
    [names.to_vec(), bad.to_vec(), remote.to_vec(), local.to_vec()].concat()
}

fn names() -> Vec<Case> {
    let good = ["api", "a", "0", "a-b", &"a".repeat(63)].map(|n| NAME.takes(named(n)));
    let bad = [
        "API", "a_b", "a.b", "..", ".git", "-a", "a-", "a/b", "a b", "a\nb", "ä", "🦀", "$(id)", "a\u{0}",
    ];
    good.into_iter().chain(bad.map(|n| NAME.refuses(named(n)))).collect()
}

fn urls() -> Vec<Case> {
    let mut cases = Vec::new();
    for good in [
        "https://github.com/a/b",
        "https://git.example.com:8443/a/b.git",
        "ssh://git@host:22/a/b",
        "git@github.com:a/b.git",
        "/srv/repositories/a",
        "file:///srv/repositories/a",
        "git@host:~/a",
    ] {
        cases.extend([ONE_WORD, SHAPE, SECRET].map(|rule| rule.takes(at(good))));
    }
    for bad in [
        "https://github.com/a b",
        "https://github.com/a\nb",
        "/srv/a\u{0}b",
        "/srv/a\u{1b}[31mb",
        "/srv/a\tb",
        "/srv/\u{202e}a",
        "/srv/a\u{a0}b",
        "https://github.com/a\u{2028}b",
        "ext::sh -c id",
    ] {
        cases.push(ONE_WORD.refuses(at(bad)));
    }
    for bad in [
        "ext::sh",
        "ext::sh%20-c%20id",
        "--upload-pack=id",
        "-oProxyCommand=id",
        "javascript:alert(1)",
        "http://github.com/a/b",
        "git://github.com/a/b",
        "ftp://host/a",
        "file://host/a",
        "../a",
        "a/b",
        "C:\\a",
        "github.com/a/b",
        "HTTPS://github.com/a",
        "ssh://-oProxyCommand=id/a",
        "https://-a/b",
        "data:text/plain,a",
        "fd::17",
        "transport::address",
    ] {
        cases.push(SHAPE.refuses(at(bad)));
    }
    for bad in [
        "https://token@github.com/a/b",
        "https://user:password@github.com/a/b",
        "https://@github.com/a/b",
    ] {
        cases.push(SECRET.refuses(at(bad)));
    }
    cases
}

fn references() -> Vec<Case> {
    let branch = |name: &str| repo(json!({ "baseBranch": name }));
    let prefix = |name: &str| json!({ "spec": { "workspace": { "branchPrefix": name } } });
    let seed_ref = |name: &str| json!({ "spec": { "docSeedRef": name } });
    let good = GOOD_REFS.iter().flat_map(|r| {
        [
            BRANCH.takes(branch(r)),
            PREFIX.takes(prefix(r)),
            SEED_REF.takes(seed_ref(r)),
        ]
    });
    let bad = BAD_REFS.iter().flat_map(|r| {
        [
            BRANCH.refuses(branch(r)),
            PREFIX.refuses(prefix(r)),
            SEED_REF.refuses(seed_ref(r)),
        ]
    });
    good.chain(bad).collect()
}

fn folders() -> Vec<Case> {
    let folder = |path: &str| json!({ "spec": { "docsPath": path } });
    let good = ["ttmp", "docs/tickets", "a.b/c_d/e-f", ".docs"].map(|p| DOCS_PATH.takes(folder(p)));
    let bad = [
        "/ttmp",
        "..",
        "a/../b",
        "../ttmp",
        ".",
        "a/./b",
        ".git",
        "a/.git",
        ".GIT/hooks",
        "a//b",
        "a/",
        "a b",
        "a\\b",
        "~",
        "a\n",
        "a\u{0}",
        "ä",
        "a*",
        ":(top)a",
        "a\u{1b}[0m",
    ];
    good.into_iter()
        .chain(bad.map(|p| DOCS_PATH.refuses(folder(p))))
        .collect()
}

#[tokio::test]
async fn repositories_branches_and_folders_are_taken_or_refused_with_the_field_and_the_reason() {
    try_all(cases()).await;
}
