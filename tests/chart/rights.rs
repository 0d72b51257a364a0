//! The rights that the chart gives the controller against those that it used in the stories, by the API servers' own
//! audit logs. Runs after the stories (`tests/chart/around`); reads only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use serde_json::Value;

use crate::helm::{Chart, objects, root};

/// The name of the chart's account in the stories.
const ACCOUNT: &str = "metawsm";
/// No request asks for this one: the policy on status does, of whoever writes status.
const WRITE_STATUS: &str = "write-status metawsm.dev controllers";

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// `verb group resource` of every rule.
fn given(chart: &Chart, set: &str) -> BTreeSet<String> {
    let values = root(&format!("tests/chart/values/{set}.yaml"));
    let all = objects(&chart.template_set(&values, &["--show-only", "templates/rbac.yaml"]));
    let mut given = BTreeSet::new();
    for rule in all.iter().flat_map(|o| o["rules"].as_array().into_iter().flatten()) {
        let list = |field: &str| rule[field].as_array().unwrap().clone();
        for group in list("apiGroups") {
            for resource in list("resources") {
                for verb in list("verbs") {
                    given.insert(format!("{} {} {}", word(&verb), word(&group), word(&resource)));
                }
            }
        }
    }
    given
}

/// The logs of the API server that the stories share, and of those that were started for one story alone.
fn logs() -> Vec<PathBuf> {
    let shared = std::env::var("METAWSM_TEST_AUDIT_LOG").expect("run below tests/control-plane/with");
    let others = std::env::var("METAWSM_TEST_AUDIT_LOGS").expect("run below tests/chart/around");
    let others = std::fs::read_dir(others).unwrap().map(|entry| entry.unwrap().path());
    std::iter::once(PathBuf::from(shared)).chain(others).collect()
}

/// Every request of the chart's accounts.
fn requests() -> Vec<Value> {
    let mut requests = Vec::new();
    for log in logs() {
        let lines = BufReader::new(File::open(&log).unwrap()).lines().map_while(Result::ok);
        let ours = lines.filter(|l| l.contains("system:serviceaccount:"));
        // The last line of a server that was stopped may be half written.
        let entries = ours.filter_map(|l| serde_json::from_str::<Value>(&l).ok());
        requests.extend(entries.filter(|e| {
            let name = word(&e["user"]["username"]);
            name.starts_with("system:serviceaccount:") && name.rsplit(':').next() == Some(ACCOUNT)
        }));
    }
    requests
}

fn asked_for(request: &Value) -> String {
    let about = &request["objectRef"];
    let resource = match word(&about["subresource"]) {
        "" => word(&about["resource"]).to_owned(),
        part => format!("{}/{part}", word(&about["resource"])),
    };
    format!("{} {} {resource}", word(&request["verb"]), word(&about["apiGroup"]))
}

fn allowed(request: &Value) -> bool {
    request["annotations"]["authorization.k8s.io/decision"] == "allow"
}

/// Allowed by a role that every account has in every cluster: discovery, and questions about oneself.
fn allowed_to_everybody(request: &Value) -> bool {
    word(&request["annotations"]["authorization.k8s.io/reason"]).contains("of ClusterRole \"system:")
}

#[test]
fn rights_used_are_exactly_those_that_the_chart_gives() {
    if std::env::var_os("METAWSM_TEST_AFTER_STORIES").is_none() {
        println!("left out: compared after the stories, by tests/chart/around");
        return;
    }
    let chart = Chart::there().expect("run below tests/chart/around");
    let requests = requests();
    assert!(!requests.is_empty(), "no story ran as the chart's account");

    let refused: Vec<_> = requests.iter().filter(|r| !allowed(r)).map(Value::to_string).collect();
    assert!(
        refused.is_empty(),
        "it asked for what the chart does not give: {refused:#?}"
    );

    let mut used: BTreeMap<String, usize> = BTreeMap::new();
    for request in requests.iter().filter(|r| !allowed_to_everybody(r)) {
        *used.entry(asked_for(request)).or_default() += 1;
        let done = request["responseStatus"]["code"] == 200;
        if done && request["verb"] == "patch" && request["objectRef"]["subresource"] == "status" {
            *used.entry(WRITE_STATUS.to_owned()).or_default() += 1;
        }
    }
    println!(
        "requests of the chart's accounts: {}; each right and how often it was used:",
        requests.len()
    );
    for (right, times) in &used {
        println!("  {times:>6}  {right}");
    }
    let given = given(&chart, "one-namespace");
    let used: BTreeSet<_> = used.into_keys().collect();
    let unused: Vec<_> = given.difference(&used).collect();
    let missing: Vec<_> = used.difference(&given).collect();
    assert!(
        unused.is_empty() && missing.is_empty(),
        "given, not used: {unused:#?}; used, not given: {missing:#?}"
    );
}

#[test]
fn rights_used_never_reach_into_kube_system_and_secrets_are_asked_for_by_name() {
    if std::env::var_os("METAWSM_TEST_AFTER_STORIES").is_none() {
        println!("left out: looked at after the stories, by tests/chart/around");
        return;
    }
    let mut secrets = 0;
    for request in requests() {
        let about = &request["objectRef"];
        assert_ne!(word(&about["namespace"]), "kube-system", "{request}");
        if about["resource"] == "secrets" {
            secrets += 1;
            let by = word(&request["annotations"]["authorization.k8s.io/reason"]);
            assert!(
                request["verb"] == "get" && !word(&about["name"]).is_empty(),
                "{request}"
            );
            // Only namespaces that are listed have that Role.
            assert!(by.contains("RoleBinding \"metawsm-") && by.contains("-secrets"), "{by}");
        }
    }
    assert!(secrets > 0, "no story read a Secret");
}

#[test]
fn a_controller_of_one_namespace_has_the_rights_of_one_of_all_namespaces_and_no_more() {
    let Some(chart) = Chart::there() else { return };
    assert_eq!(given(&chart, "one-namespace"), given(&chart, "secrets"));
    let mut without = given(&chart, "secrets");
    without.remove("get  secrets");
    assert_eq!(given(&chart, "usual"), without);
}
