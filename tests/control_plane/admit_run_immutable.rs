//! What of a Run cannot be changed, added late or removed, because a gate must not be edited away.

use serde_json::{Value, json};

use crate::admission::Base::{Bootstrap, Run};
use crate::admission::{About, Base, Case, try_all};

fn spec(spec: Value) -> Value {
    json!({ "spec": spec })
}

/// Rule, what it begins with, and changes that are refused.
fn changes() -> Vec<(About, Value, Vec<Value>)> {
    let two =
        json!([{"name": "api", "url": "https://github.com/a/api"}, {"name": "web", "url": "https://github.com/a/web"}]);
    let repos = |place: usize, field: &str, value: Value| {
        let mut changed = two.clone();
        changed[place][field] = value;
        json!({ "repos": changed })
    };
    let one = json!([{"name": "api", "url": "https://github.com/a/api"}]);
    let swapped = json!([two[1], two[0]]);
    vec![
        (
            About(Run, ".spec.tickets", "tickets cannot be changed"),
            json!({"tickets": ["A-1", "A-2"]}),
            vec![
                json!({"tickets": ["A-1"]}),
                json!({"tickets": ["A-1", "A-2", "A-3"]}),
                json!({"tickets": ["A-2", "A-1"]}),
                json!({"tickets": ["a-1", "A-2"]}),
            ],
        ),
        (
            About(Run, ".spec.repos", "repos cannot be changed, nor their order"),
            json!({}),
            vec![
                json!({ "repos": one }),
                json!({ "repos": swapped }),
                repos(0, "url", json!("https://github.com/b/api")),
                repos(1, "baseBranch", json!("dev")),
                repos(1, "name", json!("front")),
            ],
        ),
        (
            About(Run, ".spec", "docHomeRepo cannot be added"),
            json!({}),
            vec![json!({"docHomeRepo": "api"})],
        ),
        (
            About(Run, ".spec", "docHomeRepo cannot be added"),
            json!({"docHomeRepo": "api"}),
            vec![json!({"docHomeRepo": "web"}), json!({"docHomeRepo": null})],
        ),
        (
            About(Run, ".spec", "docSeedRef cannot be added"),
            json!({}),
            vec![json!({"docSeedRef": "main"})],
        ),
        (
            About(Run, ".spec", "docSeedRef cannot be added"),
            json!({"docSeedRef": "main"}),
            vec![json!({"docSeedRef": "dev"}), json!({"docSeedRef": null})],
        ),
        (
            About(Run, ".spec.docSeedMode", "docSeedMode cannot be changed"),
            json!({}),
            vec![json!({"docSeedMode": "None"})],
        ),
        (
            About(Run, ".spec.docSeedMode", "docSeedMode cannot be changed"),
            json!({"docSeedMode": "None"}),
            vec![
                json!({"docSeedMode": null}),
                json!({"docSeedMode": "CopyFromRepoOnStart"}),
            ],
        ),
        (
            About(Run, ".spec.docSeedFrom", "docSeedFrom cannot be changed"),
            json!({}),
            vec![json!({"docSeedFrom": "WorkingTree"})],
        ),
        (
            About(Run, ".spec.docSeedFrom", "docSeedFrom cannot be changed"),
            json!({"docSeedFrom": "WorkingTree"}),
            vec![json!({"docSeedFrom": null})],
        ),
        (
            About(Run, ".spec.docsPath", "docsPath cannot be changed"),
            json!({}),
            vec![json!({"docsPath": "docs"})],
        ),
        (
            About(Run, ".spec.docsPath", "docsPath cannot be changed"),
            json!({"docsPath": "docs"}),
            vec![json!({"docsPath": null})],
        ),
        (
            About(Run, ".spec.workspace", "workspace cannot be changed"),
            json!({}),
            vec![json!({"workspace": {"branchPrefix": "work"}})],
        ),
        (
            About(Run, ".spec.workspace", "workspace cannot be changed"),
            json!({"workspace": {"branchPrefix": "work"}}),
            vec![json!({"workspace": null})],
        ),
        (
            About(Run, ".spec.mode", "mode cannot be changed"),
            json!({}),
            vec![json!({"mode": "Bootstrap", "brief": {"goal": "a", "scope": "b", "doneCriteria": "c"}})],
        ),
        (
            About(Bootstrap, ".spec.mode", "mode cannot be changed"),
            json!({}),
            vec![json!({"mode": "Standard", "brief": null})],
        ),
        (
            About(Run, ".spec", "brief cannot be added"),
            json!({}),
            vec![json!({"brief": {"goal": "a", "scope": "b", "doneCriteria": "c"}})],
        ),
        (
            About(Bootstrap, ".spec", "brief cannot be added"),
            json!({}),
            vec![
                json!({"brief": {"goal": "Another"}}),
                json!({"brief": {"constraints": "Late"}}),
                json!({"brief": null}),
            ],
        ),
    ]
}

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (rule, begin, changes) in changes() {
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
