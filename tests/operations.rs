//! Whether alerts, runbooks, the reference of metrics and the threat model hold together. Reads files only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Every alert by its name.
fn alerts() -> BTreeMap<String, Value> {
    let file = yaml("charts/metawsm/files/alerts.yaml");
    let rules = list(&file["groups"]).iter().flat_map(|group| list(&group["rules"]));
    let named = |rule: &Value| (rule["alert"].as_str().expect("only alerts").to_owned(), rule.clone());
    let all: Vec<_> = rules.map(named).collect();
    let count = all.len();
    let alerts: BTreeMap<_, _> = all.into_iter().collect();
    assert!(count > 10 && alerts.len() == count, "alerts have names of their own");
    alerts
}

/// The sections of a page: the heading and what stands below it.
fn sections(path: &str) -> BTreeMap<String, String> {
    let page = text(path);
    let parts = page.split("\n## ").skip(1);
    parts
        .map(|part| part.split_once('\n').unwrap_or((part, "")))
        .map(|(heading, rest)| (heading.to_owned(), rest.to_owned()))
        .collect()
}

#[test]
fn every_alert_says_what_it_means_and_leads_to_its_runbook() {
    let sections = sections("docs/runbooks.md");
    for (name, alert) in alerts() {
        let severity = alert["labels"]["severity"].as_str().unwrap_or_default();
        assert!(
            ["critical", "warning", "info"].contains(&severity),
            "{name}: severity '{severity}'"
        );
        let said = |key: &str| alert["annotations"][key].as_str().unwrap_or_default().to_owned();
        assert!(
            said("summary").ends_with('.') && said("description").ends_with('.'),
            "{name}"
        );
        assert_eq!(said("runbook_url"), format!("docs/runbooks.md#{}", name.to_lowercase()));
        let section = sections
            .get(&name)
            .unwrap_or_else(|| panic!("docs/runbooks.md has no section {name}"));
        for part in ["**Means**", "**See**", "**Do**"] {
            assert!(section.contains(part), "{name}: its runbook lacks {part}");
        }
    }
}

#[test]
fn every_runbook_is_of_an_alert() {
    let alerts = alerts();
    for heading in sections("docs/runbooks.md").keys() {
        assert!(
            alerts.contains_key(heading),
            "docs/runbooks.md: no alert is called {heading}"
        );
    }
}

#[test]
fn every_alert_has_a_test_that_fires_and_one_that_does_not() {
    let tests = yaml("tests/promtool/alerts_test.yaml");
    let mut seen: BTreeMap<String, BTreeSet<bool>> = BTreeMap::new();
    for test in list(&tests["tests"]) {
        for one in list(&test["alert_rule_test"]) {
            let name = one["alertname"].as_str().expect("it names its alert").to_owned();
            seen.entry(name)
                .or_default()
                .insert(!list(&one["exp_alerts"]).is_empty());
        }
    }
    let named: BTreeSet<_> = alerts().into_keys().collect();
    assert_eq!(named, seen.keys().cloned().collect(), "alerts, and alerts with tests");
    for (name, both) in seen {
        assert_eq!(both.len(), 2, "{name} needs a test that fires and one that does not");
    }
}

#[test]
fn every_metric_that_is_registered_stands_in_the_reference() {
    let page = text("docs/metrics.md");
    let mut registered = 0;
    for path in rust_files(&root().join("src")) {
        let source = fs::read_to_string(&path).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap();
        for call in ["register(\n", "register(\"", "register_with_unit("] {
            registered += source
                .match_indices(call)
                .filter(|(at, _)| {
                    source[at + call.len() - 1..]
                        .trim_start_matches(['\n', ' ', '('])
                        .starts_with('"')
                })
                .count();
        }
    }
    let rows = page.lines().filter(|l| l.starts_with("| `")).count();
    assert!(rows > 30);
    assert_eq!(
        rows, registered,
        "metrics in docs/metrics.md, and metrics that are registered in src/"
    );
}

#[test]
fn pages_for_operators_link_to_what_is_there() {
    for page in [
        "metrics",
        "runbooks",
        "operations",
        "uninstall",
        "upgrade",
        "threat-model",
    ]
    .map(|p| format!("docs/{p}.md"))
    {
        for target in links(&text(&page)) {
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = if file.is_empty() {
                root().join(&page)
            } else {
                root().join("docs").join(file)
            };
            assert!(path.exists(), "{page} links to {target}, which is not there");
            if !anchor.is_empty() && path.extension().is_some_and(|e| e == "md") {
                let found = headings(&fs::read_to_string(&path).unwrap());
                assert!(
                    found.contains(anchor),
                    "{page} links to {target}; there is no such heading"
                );
            }
        }
    }
}

fn links(page: &str) -> Vec<String> {
    let ends = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    ends.filter(|t| !t.contains("://")).map(str::to_owned).collect()
}

/// The anchors of a page's headings, as renderers make them.
fn headings(page: &str) -> BTreeSet<String> {
    let lines = page.lines().filter(|l| l.starts_with('#'));
    let anchor = |line: &str| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    lines.map(anchor).collect()
}

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let mut sources = String::new();
    for folder in ["src", "tests"] {
        for path in rust_files(&root().join(folder)) {
            sources.push_str(&fs::read_to_string(path).unwrap());
        }
    }
    let page = text("docs/threat-model.md");
    let named: Vec<_> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| {
            word.matches('_').count() >= 3
                && word
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        })
        .collect();
    assert!(named.len() >= 20, "the threat model names tests: {named:?}");
    for name in named {
        assert!(
            sources.contains(&format!("fn {name}(")),
            "the threat model names {name}, and there is no such test"
        );
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}
