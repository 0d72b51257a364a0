//! What a live controller serves at `/metrics`: everything that alerts, dashboard and reference name, and nothing that the
//! reference does not know.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::controller::Controller;
use crate::harness::kstatus::Verdict;
use crate::harness::manifests::run;
use crate::harness::polling::{PATIENCE, eventually, first};
use crate::harness::stage::Stage;

/// How names of metrics begin, ours and those that we share with other controllers.
const PREFIXES: [&str; 4] = ["metawsm_", "controller_runtime_", "leader_election_", "rest_client_"];

fn file(path: &str) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    std::fs::read_to_string(format!("{root}/{path}")).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Every name of a metric in an expression.
fn names(expression: &str) -> BTreeSet<String> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':');
    let words = expression.split(word);
    let ours = words.filter(|w| PREFIXES.iter().any(|p| w.starts_with(p)));
    ours.map(str::to_owned).collect()
}

/// Every text below `key`, however deep.
fn texts(value: &Value, key: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                match inner {
                    Value::String(text) if name == key => found.push(text.clone()),
                    _ => texts(inner, key, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|inner| texts(inner, key, found)),
        _ => {}
    }
}

fn asked_for() -> BTreeSet<String> {
    let alerts: Value = serde_saphyr::from_str(&file("charts/metawsm/files/alerts.yaml")).unwrap();
    let dashboard: Value = serde_json::from_str(&file("charts/metawsm/files/dashboard.json")).unwrap();
    let mut expressions = Vec::new();
    for (value, key) in [(&alerts, "expr"), (&dashboard, "expr"), (&dashboard, "definition")] {
        let before = expressions.len();
        texts(value, key, &mut expressions);
        assert!(expressions.len() > before, "expressions below '{key}'");
    }
    expressions.iter().flat_map(|e| names(e)).collect()
}

/// The names in the reference's table.
fn referenced() -> BTreeSet<String> {
    let page = file("docs/metrics.md");
    let rows = page.lines().filter_map(|l| l.strip_prefix("| `")?.split_once('`'));
    rows.map(|(name, _)| name.to_owned()).collect()
}

/// The names of a scrape's samples, and those of its families.
fn scraped(controller: &Controller) -> Option<(BTreeSet<String>, BTreeSet<String>)> {
    let (status, text) = controller.get("/metrics")?;
    assert_eq!(status, 200);
    assert!(text.ends_with("# EOF\n"), "the scrape is whole");
    let samples = text.lines().filter(|l| !l.starts_with('#'));
    let samples = samples.filter_map(|l| l.split(['{', ' ']).next()).map(str::to_owned);
    let families = text.lines().filter_map(|l| l.strip_prefix("# TYPE ")?.split_once(' '));
    let families = families.map(|(name, kind)| match kind {
        "counter" => format!("{name}_total"),
        "info" => format!("{name}_info"),
        _ => name.to_owned(),
    });
    Some((samples.collect(), families.collect()))
}

#[tokio::test]
async fn a_live_scrape_has_every_metric_that_alerts_dashboard_and_reference_name() {
    let (asked, referenced) = (asked_for(), referenced());
    assert!(asked.len() > 20 && referenced.len() > 30, "{asked:?} {referenced:?}");
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let controller = stage.controller("a").lead().await;
    stage.ready_run("relay", &["A-1"], &[("docs", &docs)]).await;
    let mut lacking = BTreeSet::new();
    // Each number appears at its own time.
    let complete = first(PATIENCE, async || {
        let (samples, families) = scraped(&controller)?;
        lacking = asked
            .difference(&samples)
            .chain(referenced.difference(&families))
            .cloned()
            .collect();
        lacking.is_empty().then_some(families)
    })
    .await;
    assert!(lacking.is_empty(), "no scrape has {lacking:?}");
    let complete = complete.expect("it can be scraped");
    let unknown: Vec<_> = complete.difference(&referenced).collect();
    assert!(
        unknown.is_empty(),
        "docs/metrics.md lacks {unknown:?}: run 'make generate'"
    );
}

#[tokio::test]
async fn the_numbers_of_objects_follow_their_conditions() {
    let stage = Stage::new().await;
    let docs = stage.home_of("docs", &["A-1"]);
    let controller = stage.controller("a").lead().await;
    let stalled = r#"metawsm_object_conditions{controller="Run",condition="Stalled",status="True"}"#;
    let counted = async |expected: &str| {
        let line = format!("{stalled} {expected}");
        eventually("the stalled Runs are counted", async || {
            let (_, text) = controller.get("/metrics")?;
            text.lines().any(|l| l == line).then_some(())
        })
        .await;
    };
    counted("0").await;
    // No documents of this ticket: somebody has to write them.
    stage
        .create(&run("relay", &["B-2"], &[("docs", &docs)], json!({})))
        .await;
    stage.until_run_is("relay", Verdict::Failed).await;
    counted("1").await;
    stage.delete("Run", "relay").await;
    stage.until_gone("Run", "relay").await;
    counted("0").await;
}
