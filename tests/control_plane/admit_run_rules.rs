//! Admission of what goes together in a Run: seeding, Bootstrap and its brief, and the brief's text.

use serde_json::json;

use crate::admission::Base::{Bootstrap, Run};
use crate::admission::{About, Case, spec, try_all};

const REF_NEEDS_COMMIT: About = About(Run, ".spec", "docSeedRef names a commit");
const NONE_COPIES_NOTHING: About = About(Run, ".spec", "docSeedMode: None copies nothing");
const BRIEF_AND_BOOTSTRAP: About = About(Run, ".spec", "brief belongs to mode: Bootstrap");
const BOOTSTRAP_SEEDS: About = About(Run, ".spec", "mode: Bootstrap makes documents");

const TEXT: &str = "remove control characters";
const BRIEF: [(About, &str); 5] = [
    (About(Bootstrap, ".spec.brief.goal", TEXT), "goal"),
    (About(Bootstrap, ".spec.brief.scope", TEXT), "scope"),
    (About(Bootstrap, ".spec.brief.doneCriteria", TEXT), "doneCriteria"),
    (About(Bootstrap, ".spec.brief.constraints", TEXT), "constraints"),
    (About(Bootstrap, ".spec.brief.mergeIntent", TEXT), "mergeIntent"),
];

pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        REF_NEEDS_COMMIT.takes(spec(json!({"docSeedRef": "main", "docSeedFrom": "Commit"}))),
        REF_NEEDS_COMMIT.takes(spec(json!({"docSeedFrom": "WorkingTree"}))),
        REF_NEEDS_COMMIT.refuses(spec(json!({"docSeedRef": "main", "docSeedFrom": "WorkingTree"}))),
        REF_NEEDS_COMMIT.refuses(spec(
            json!({"docSeedRef": "v1", "docSeedFrom": "WorkingTree", "docSeedMode": "CopyFromRepoOnStart"}),
        )),
        NONE_COPIES_NOTHING.takes(spec(json!({"docSeedMode": "None"}))),
        NONE_COPIES_NOTHING.takes(spec(json!({"docSeedMode": "None", "docSeedFrom": "Commit"}))),
        NONE_COPIES_NOTHING.refuses(spec(json!({"docSeedMode": "None", "docSeedRef": "main"}))),
        NONE_COPIES_NOTHING.refuses(spec(json!({"docSeedMode": "None", "docSeedFrom": "WorkingTree"}))),
        NONE_COPIES_NOTHING.refuses(spec(
            json!({"docSeedMode": "None", "docSeedFrom": "WorkingTree", "docSeedRef": "main"}),
        )),
        BRIEF_AND_BOOTSTRAP.takes(spec(json!({"mode": "Standard"}))),
        BRIEF_AND_BOOTSTRAP.refuses(spec(json!({"mode": "Bootstrap"}))),
        BRIEF_AND_BOOTSTRAP.refuses(spec(json!({"brief": {"goal": "a", "scope": "b", "doneCriteria": "c"}}))),
        BRIEF_AND_BOOTSTRAP.refuses(spec(
            json!({"mode": "Standard", "brief": {"goal": "a", "scope": "b", "doneCriteria": "c"}}),
        )),
        About(Bootstrap, ".spec", BRIEF_AND_BOOTSTRAP.2).takes(json!({})),
        About(Bootstrap, ".spec", BOOTSTRAP_SEEDS.2).takes(spec(json!({"docSeedMode": "CopyFromRepoOnStart"}))),
        About(Bootstrap, ".spec", BOOTSTRAP_SEEDS.2).takes(spec(json!({"docSeedRef": "main"}))),
        About(Bootstrap, ".spec", BOOTSTRAP_SEEDS.2).refuses(spec(json!({"docSeedMode": "None"}))),
        About(Bootstrap, ".spec", BOOTSTRAP_SEEDS.2)
            .refuses(spec(json!({"docSeedMode": "None", "docSeedFrom": "Commit"}))),
        BOOTSTRAP_SEEDS.takes(spec(json!({"docSeedMode": "None"}))),
    ];
    cases.extend(texts());
    cases
}

fn texts() -> Vec<Case> {
    let mut cases = Vec::new();
    for (rule, field) in BRIEF {
        let with = |text: &str| spec(json!({"brief": { field: text }}));
        for good in [
            "Two lines\nand a\ttab",
            "ä ✓ 🦀 日本語 العربية",
            "a\u{a0}b",
            "$(id); `rm` \\x1b <b>",
        ] {
            cases.push(rule.takes(with(good)));
        }
        for bad in [
            "\u{0}",
            "a\u{1}b",
            "bell \u{7}",
            "back\u{8}space",
            "\u{1b}[31mred\u{1b}[0m",
            "\u{1b}]0;title\u{7}",
            "a\rb",
            "a\u{b}b",
            "a\u{7f}b",
            "\u{85}",
            "\u{9b}31m",
            "a\u{202e}b",
            "a\u{202a}b",
            "a\u{2066}b",
            "a\u{2069}b",
            "a\u{200f}b",
            "a\u{200e}b",
            "a\u{61c}b",
        ] {
            cases.push(rule.refuses(with(bad)));
        }
    }
    cases
}

#[tokio::test]
async fn what_does_not_go_together_is_refused_with_the_field_and_the_way_out() {
    try_all(cases()).await;
}
