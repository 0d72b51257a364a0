//! What the chart brings for Prometheus and Grafana: alerts that lead to their runbooks, and a dashboard that has the shape
//! of Grafana's classic model. Whether the metrics exist is asked elsewhere (`status_metrics`); Grafana itself is not run.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::helm::{Chart, objects, root};

/// The fields of Grafana's classic model (schema version 36 and later) that a reader of dashboards may expect to mean
/// something, by where they stand. Anything else it drops without a word.
const DASHBOARD: &str =
    "annotations editable graphTooltip links panels refresh schemaVersion tags templating time timezone title uid";
const PANEL: &str = "datasource description fieldConfig gridPos id options targets title type";
const ROW: &str = "collapsed gridPos id panels title type";
const TARGET: &str = "datasource expr instant legendFormat range refId";
const VARIABLE: &str = "current datasource definition hide includeAll label multi name query refresh sort type";
const OPTIONS: [(&str, &str); 2] = [
    (
        "stat",
        "colorMode graphMode justifyMode orientation reduceOptions textMode",
    ),
    ("timeseries", "legend tooltip"),
];
/// Identifiers of units, as Grafana has them.
const UNITS: [&str; 4] = ["bytes", "none", "ops", "s"];

fn dashboard() -> Value {
    let text = std::fs::read_to_string(root("charts/metawsm/files/dashboard.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn knows(model: &str, value: &Value) {
    let known: BTreeSet<_> = model.split(' ').collect();
    for field in value.as_object().unwrap().keys() {
        assert!(known.contains(field.as_str()), "Grafana knows no '{field}' in {value}");
    }
}

fn is_row(panel: &Value) -> bool {
    panel["type"] == "row"
}

#[test]
fn the_dashboard_has_only_fields_that_grafana_knows() {
    let dashboard = dashboard();
    knows(DASHBOARD, &dashboard);
    assert!(dashboard["schemaVersion"].as_u64().is_some_and(|v| v >= 36));
    let uid = dashboard["uid"].as_str().unwrap();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    assert!((8..=40).contains(&uid.len()) && uid.chars().all(plain), "uid '{uid}'");
    for variable in list(&dashboard["templating"]["list"]) {
        knows(VARIABLE, variable);
        assert!(["query", "datasource"].contains(&variable["type"].as_str().unwrap()));
    }
    for panel in list(&dashboard["panels"]) {
        knows(if is_row(panel) { ROW } else { PANEL }, panel);
        if is_row(panel) {
            assert_eq!((&panel["collapsed"], &panel["panels"]), (&json!(false), &json!([])));
            continue;
        }
        let title = &panel["title"];
        let options = OPTIONS.iter().find(|(kind, _)| panel["type"] == *kind);
        knows(
            options.unwrap_or_else(|| panic!("{title}: {}", panel["type"])).1,
            &panel["options"],
        );
        let shown = &panel["fieldConfig"]["defaults"];
        assert!(UNITS.contains(&shown["unit"].as_str().unwrap()), "{title}");
        assert!(panel["fieldConfig"]["overrides"].is_array(), "{title}");
        let steps: Vec<_> = list(&shown["thresholds"]["steps"])
            .iter()
            .map(|s| s["value"].as_f64())
            .collect();
        assert!(
            steps.is_sorted() && steps.iter().skip(1).all(Option::is_some),
            "{title}: {steps:?}"
        );
    }
}

#[test]
fn every_panel_has_an_id_and_a_place_of_its_own() {
    let dashboard = dashboard();
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeMap::new());
    for panel in list(&dashboard["panels"]) {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id is taken");
        let at = |field: &str| panel["gridPos"][field].as_u64().unwrap();
        let (x, y, w, h) = (at("x"), at("y"), at("w"), at("h"));
        assert!(w > 0 && h > 0 && x + w <= 24, "{title}: a dashboard has 24 columns");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            if let Some(other) = taken.insert(cell, title) {
                panic!("{title} and {other} lie on each other");
            }
        }
    }
    assert!(ids.len() > 20);
}

#[test]
fn every_query_asks_the_source_and_the_job_that_the_reader_chose() {
    let dashboard = dashboard();
    let chosen = json!({"type": "prometheus", "uid": "${datasource}"});
    let variables = list(&dashboard["templating"]["list"]).iter();
    let variables: BTreeSet<_> = variables.map(|v| v["name"].as_str().unwrap()).collect();
    assert_eq!(variables, BTreeSet::from(["datasource", "job"]));
    for panel in list(&dashboard["panels"]).iter().filter(|p| !is_row(p)) {
        let title = &panel["title"];
        assert_eq!(panel["datasource"], chosen, "{title}");
        let mut letters = BTreeSet::new();
        assert!(!list(&panel["targets"]).is_empty(), "{title}");
        for target in list(&panel["targets"]) {
            knows(TARGET, target);
            assert_eq!(target["datasource"], chosen, "{title}");
            assert!(letters.insert(target["refId"].as_str().unwrap()), "{title}");
            let said = target["expr"].as_str().unwrap();
            assert!(said.contains("{job=\"$job\""), "{title}: {said}");
            assert_eq!(said.replace("\"$job\"", "").matches('$').count(), 0, "{title}: {said}");
            assert_eq!(panel["type"] == "stat", target["instant"] == true, "{title}");
        }
    }
}

#[test]
fn alerts_lead_to_where_the_runbooks_are_kept() {
    let Some(chart) = Chart::there() else { return };
    let said = |values: &str| {
        let set = format!("metrics.prometheusRule.enabled=true,{values}");
        let all = objects(&chart.template(&["--set", &set]).unwrap());
        let rule = all.into_iter().find(|o| o["kind"] == "PrometheusRule").unwrap();
        let rules = list(&rule["spec"]["groups"]).iter().flat_map(|g| list(&g["rules"]));
        let links = rules.map(|r| {
            (
                r["alert"].clone(),
                r["annotations"]["runbook_url"].as_str().unwrap().to_owned(),
            )
        });
        links.collect::<Vec<_>>()
    };
    let (bare, linked) = (
        said("metrics.prometheusRule.runbookBaseUrl="),
        said("metrics.prometheusRule.runbookBaseUrl=https://git.example.com/a/metawsm/-/blob/v0.1.0/"),
    );
    assert!(bare.len() > 20 && bare.len() == linked.len());
    for ((alert, path), (_, link)) in bare.iter().zip(&linked) {
        assert!(path.starts_with("docs/runbooks.md#"), "{alert}: {path}");
        assert_eq!(
            link,
            &format!("https://git.example.com/a/metawsm/-/blob/v0.1.0/{path}"),
            "{alert}"
        );
    }
}

#[test]
fn what_is_said_after_an_install_names_an_egress_that_is_open() {
    let Some(chart) = Chart::there() else { return };
    let folder = root("charts/metawsm");
    let said = |values: &str| {
        let line = [
            "install",
            "metawsm",
            folder.to_str().unwrap(),
            "--namespace",
            "system",
            "--dry-run=client",
            "--take-ownership",
            "--set",
            values,
        ];
        chart.helm(&line).unwrap()
    };
    let open = "may reach any address on port 443 and 6443";
    assert!(said("networkPolicy.enabled=true").contains(open));
    assert!(!said("networkPolicy.egress.apiServer.cidrs={192.0.2.1/32}").contains(open));
    assert!(!said("networkPolicy.enabled=false").contains(open));
}
