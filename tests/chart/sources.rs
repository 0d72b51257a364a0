//! The chart against the rest of the project: one source for definitions, policies and roles, every setting known, one
//! version, every value told.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::helm::{Chart, MUTATING, identity, objects, root};

fn read(path: &str) -> String {
    fs::read_to_string(root(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn definitions_policies_and_roles_are_those_of_the_project_and_nothing_is_lost_on_the_way() {
    let Some(chart) = Chart::there() else { return };
    let mut sources = Vec::new();
    for folder in ["crds", "manifests/admission"] {
        for file in fs::read_dir(root(folder)).unwrap() {
            sources.extend(objects(&fs::read_to_string(file.unwrap().path()).unwrap()));
        }
    }
    sources.extend(objects(&read("manifests/roles/forum.yaml")));
    let rendered = objects(&chart.template(&["--api-versions", MUTATING]).unwrap());
    for source in &sources {
        let found = rendered.iter().find(|o| identity(o) == identity(source));
        let mut found = found
            .unwrap_or_else(|| panic!("{} is missing", identity(source)))
            .clone();
        let metadata = found["metadata"].as_object_mut().unwrap();
        metadata.remove("labels");
        metadata.remove("annotations");
        assert_eq!(&found, source, "{}", identity(source));
    }
    assert_eq!(sources.len(), 4 + 8 + 5);
}

/// What the chart says by itself, in its own words.
const BY_ITSELF: [&str; 9] = [
    "DATA_DIR",
    "HTTP_LISTEN",
    "IDENTITY",
    "LEASE_NAME",
    "LEASE_NAMESPACE",
    "NAMESPACE",
    "POLICY",
    "REDIS_URL",
    "SECRET_NAMESPACES",
];
/// Below the data folder in every case.
const NEVER: [&str; 2] = ["DB", "WORKSPACES"];

#[test]
fn every_setting_of_the_controller_can_be_said_and_no_other() {
    let Some(chart) = Chart::there() else { return };
    let done = Command::new(env!("CARGO_BIN_EXE_metawsm"))
        .args(["controller", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(done.stdout).unwrap();
    let named = help.split("[env: METAWSM_").skip(1);
    let known: BTreeSet<_> = named
        .map(|rest| rest.split(['=', ']']).next().unwrap().trim().to_owned())
        .collect();
    assert!(known.len() > 30, "{help}");

    let tuned = objects(&chart.template_set(&root("tests/chart/values/tuned.yaml"), &[]));
    let said: BTreeSet<_> = variables(&tuned).into_iter().collect();
    let schema: Value = serde_json::from_str(&read("charts/metawsm/values.schema.json")).unwrap();
    let count = schema["properties"]["settings"]["properties"]
        .as_object()
        .unwrap()
        .len();
    let own: BTreeSet<_> = BY_ITSELF.iter().chain(&NEVER).map(|&n| n.to_owned()).collect();
    let by_values: BTreeSet<_> = said.difference(&own).cloned().collect();
    assert_eq!(
        by_values.len(),
        count,
        "tests/chart/values/tuned.yaml has every setting of the schema"
    );
    assert_eq!(known.difference(&own).cloned().collect::<BTreeSet<_>>(), by_values);
    assert!(own.is_subset(&known), "{own:?}");
}

fn variables(objects: &[Value]) -> Vec<String> {
    let set = objects.iter().find(|o| o["kind"] == "StatefulSet").unwrap();
    let all = set["spec"]["template"]["spec"]["containers"][0]["env"]
        .as_array()
        .unwrap();
    let names = all.iter().filter_map(|v| v["name"].as_str()?.strip_prefix("METAWSM_"));
    names.map(str::to_owned).collect()
}

#[test]
fn the_policy_of_the_values_is_one_that_the_controller_takes() {
    let Some(chart) = Chart::there() else { return };
    for set in ["usual", "tuned"] {
        let all = objects(&chart.template_set(&root(&format!("tests/chart/values/{set}.yaml")), &[]));
        let map = all
            .iter()
            .find(|o| o["kind"] == "ConfigMap" && o["metadata"]["name"] == "metawsm-policy");
        let text = map.unwrap()["data"]["policy.yaml"].as_str().unwrap();
        let policy = metawsm::policy::file::read(text);
        assert!(policy.is_ok(), "{set}: {policy:?}\n{text}");
    }
}

#[test]
fn chart_and_controller_have_one_version() {
    let chart: Value = serde_saphyr::from_str(&read("charts/metawsm/Chart.yaml")).unwrap();
    for field in ["version", "appVersion"] {
        assert_eq!(chart[field], env!("CARGO_PKG_VERSION"), "{field}");
    }
}

#[test]
fn every_value_is_in_the_table_of_the_docs() {
    let values: Value = serde_saphyr::from_str(&read("charts/metawsm/values.yaml")).unwrap();
    let docs = read("docs/install.md");
    let schema: Value = serde_json::from_str(&read("charts/metawsm/values.schema.json")).unwrap();
    for name in schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .filter(|n| *n != "global")
    {
        assert!(!values[name].is_null(), "values.yaml lacks {name}");
        let told = [format!("`{name}`"), format!("`{name}."), format!("`{name}[")];
        assert!(
            told.iter().any(|t| docs.contains(t.as_str())),
            "docs/install.md lacks {name}"
        );
    }
}
