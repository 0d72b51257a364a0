//! What of a Run cannot be changed, added late or removed, because a gate must not be edited away.

use serde_json::{Value, json};

use crate::admission::Base::{Bootstrap, Run};
use crate::admission::{About, Base, Case, spec, try_all};

/// What a Run begins with, and changes of it that the rule refuses.
type Changes = (About, Value, Vec<Value>);

fn lists() -> Vec<Changes> {
    let (api, web) = (
        json!({"name": "api", "url": "https://github.com/a/api"}),
        json!({"name": "web", "url": "https://github.com/a/web"}),
    );
    let changed = |field: &str, value: &str| {
        let mut changed = web.clone();
        changed[field] = json!(value);
        json!({ "repos": [api, changed] })
    };
    let repos = vec![
        json!({ "repos": [api] }),
        json!({ "repos": [web, api] }),
        changed("url", "https://github.com/b/web"),
        changed("baseBranch", "dev"),
        changed("name", "front"),
    ];
    let tickets = [&["A-1"][..], &["A-1", "A-2", "A-3"], &["A-2", "A-1"], &["a-1", "A-2"]];
    vec![
        (
            About(Run, ".spec.tickets", "tickets cannot be changed"),
            json!({"tickets": ["A-1", "A-2"]}),
            tickets.map(|t| json!({ "tickets": t })).to_vec(),
        ),
        (
            About(Run, ".spec.repos", "repos cannot be changed, nor their order"),
            json!({}),
            repos,
        ),
    ]
}

/// Words that may be absent: added late, changed, removed.
fn optional() -> Vec<Changes> {
    let words = [
        ("docHomeRepo", "docHomeRepo cannot be added", "api", "web"),
        ("docSeedRef", "docSeedRef cannot be added", "main", "dev"),
    ];
    let changes = |(field, says, one, other): (&'static str, &'static str, &str, &str)| {
        let rule = About(Run, ".spec", says);
        [
            (rule, json!({}), vec![json!({ field: one })]),
            (
                rule,
                json!({ field: one }),
                vec![json!({ field: other }), json!({ field: null })],
            ),
        ]
    };
    words.into_iter().flat_map(changes).collect()
}

/// Words with a default: changed from it, changed to it, removed.
fn with_defaults() -> Vec<Changes> {
    let words = [
        (
            About(Run, ".spec.docSeedMode", "docSeedMode cannot be changed"),
            "docSeedMode",
            json!("None"),
        ),
        (
            About(Run, ".spec.docSeedFrom", "docSeedFrom cannot be changed"),
            "docSeedFrom",
            json!("WorkingTree"),
        ),
        (
            About(Run, ".spec.docsPath", "docsPath cannot be changed"),
            "docsPath",
            json!("docs"),
        ),
        (
            About(Run, ".spec.workspace", "workspace cannot be changed"),
            "workspace",
            json!({"branchPrefix": "work"}),
        ),
    ];
    let changes = |(rule, field, other): (About, &str, Value)| {
        [
            (rule, json!({}), vec![json!({ field: other })]),
            (rule, json!({ field: other }), vec![json!({ field: null })]),
        ]
    };
    words.into_iter().flat_map(changes).collect()
}

fn modes() -> Vec<Changes> {
    let brief = json!({"goal": "a", "scope": "b", "doneCriteria": "c"});
    let mode = "mode cannot be changed";
    let says = "brief cannot be added";
    let begin = json!({});
    let edits = [
        json!({"brief": {"goal": "Another"}}),
        json!({"brief": {"constraints": "Late"}}),
        json!({"brief": null}),
    ];
    vec![
        (
            About(Run, ".spec.mode", mode),
            begin.clone(),
            vec![json!({"mode": "Bootstrap", "brief": brief})],
        ),
        (
            About(Bootstrap, ".spec.mode", mode),
            begin.clone(),
            vec![json!({"mode": "Standard", "brief": null})],
        ),
        (
            About(Run, ".spec", says),
            begin.clone(),
            vec![json!({ "brief": brief })],
        ),
        (About(Bootstrap, ".spec", says), begin, edits.to_vec()),
    ]
}

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (rule, begin, changes) in [lists(), optional(), with_defaults(), modes()].concat() {
        let free = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"suspend": true}});
        cases.push(rule.takes_change(spec(begin.clone()), free));
        let refused = changes
            .into_iter()
            .map(|change| rule.refuses_change(spec(begin.clone()), spec(change)));
        cases.extend(refused);
    }
    cases
}

#[tokio::test]
async fn what_a_run_began_with_cannot_be_changed_added_or_removed() {
    try_all(cases()).await;
}

/// One value exists today, so the rule against changing it cannot be met from outside: it stands for the day when a
/// second one comes.
pub const UNREACHABLE: [(Base, &str, &str); 1] =
    [(Run, ".spec.docAuthorityMode", "docAuthorityMode cannot be changed")];
