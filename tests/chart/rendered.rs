//! What the chart says with each set of values, against what was looked at and kept in `snapshots/`: all of it for the
//! usual values, for the others what is not alike. To see and take a change: `INSTA_UPDATE=always make test-chart`, then
//! `git diff`.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::helm::{Chart, MUTATING, identity, objects, root, sets};

/// Every document of what was rendered. Definitions, policies, alerts and dashboard are files of their own: only that they
/// are there.
fn documents(text: &str) -> Vec<String> {
    let shorten = |document: &str| {
        let shipped = [
            "templates/crds.yaml",
            "templates/admission.yaml",
            "\nkind: PrometheusRule\n",
        ];
        let (shipped, field) = match shipped.iter().any(|t| document.contains(t)) {
            true => (true, "spec"),
            false => (document.contains("\n  metawsm.json: |\n"), "data"),
        };
        match document.split_once(&format!("\n{field}:\n")) {
            Some((head, _)) if shipped => {
                let kept = head
                    .lines()
                    .filter(|l| !l.starts_with("# ") || l.starts_with("# Source"));
                format!("{}\n{field}: (see files/)", kept.collect::<Vec<_>>().join("\n"))
            }
            _ => document.trim_end().to_owned(),
        }
    };
    let text = format!("\n{text}").replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let all = text.split("\n---\n").map(shorten);
    all.filter(|d| !d.trim().is_empty()).collect()
}

/// What of `usual` is not there at all, and every document that `usual` does not have.
fn apart_from(usual: &[String], set: &[String]) -> String {
    let name = |document: &String| identity(&objects(document)[0]);
    let names: BTreeSet<_> = set.iter().map(name).collect();
    let absent = usual.iter().map(name).filter(|n| !names.contains(n));
    let absent = absent.map(|n| format!("# Absent: {n}"));
    let other = set.iter().filter(|d| !usual.contains(d)).cloned();
    let absent = absent.collect::<Vec<_>>().join("\n");
    let parts = std::iter::once(absent).chain(other);
    parts.filter(|p| !p.is_empty()).collect::<Vec<_>>().join("\n---\n")
}

#[test]
fn each_set_of_values_renders_as_it_was_looked_at() {
    let Some(chart) = Chart::there() else { return };
    assert!(sets().len() >= 10);
    let render = |values: &Path| documents(&chart.template_set(values, &["--api-versions", MUTATING]));
    let usual = render(&root("tests/chart/values/usual.yaml"));
    for (name, values) in sets() {
        let told = match name.as_str() {
            "usual" => usual.join("\n---\n"),
            _ => apart_from(&usual, &render(&values)),
        };
        insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(name, told);
        });
    }
}

#[test]
fn helm_finds_nothing_to_complain_about() {
    let Some(chart) = Chart::there() else { return };
    let folder = root("charts/metawsm");
    for (name, values) in sets() {
        let arguments = [
            "lint",
            "--strict",
            folder.to_str().unwrap(),
            "--values",
            values.to_str().unwrap(),
        ];
        chart.helm(&arguments).unwrap_or_else(|said| panic!("{name}: {said}"));
    }
}

#[test]
fn every_object_has_the_recommended_labels_and_a_name_that_no_other_has() {
    let Some(chart) = Chart::there() else { return };
    for (name, values) in sets() {
        let all = objects(&chart.template_set(&values, &[]));
        let extra = |o: &Value| name == "more" && o["kind"] == "ConfigMap" && o["metadata"]["labels"].is_null();
        let mut seen = BTreeSet::new();
        for object in all.iter().filter(|o| !extra(o)) {
            let labels = &object["metadata"]["labels"];
            for label in ["name", "instance", "version", "component", "part-of", "managed-by"] {
                let value = &labels[format!("app.kubernetes.io/{label}")];
                assert!(value.is_string(), "{name}: {} has no label {label}", identity(object));
            }
            let place = object["metadata"]["namespace"].to_string();
            assert!(
                seen.insert((identity(object), place)),
                "{name}: {} twice",
                identity(object)
            );
        }
    }
}

#[test]
fn every_pod_fits_the_restricted_level_and_can_write_only_its_volumes() {
    let Some(chart) = Chart::there() else { return };
    for (name, values) in sets() {
        let all = objects(&chart.template_set(&values, &[]));
        let pods = all.iter().filter_map(|o| match o["kind"].as_str()? {
            "Pod" => Some(&o["spec"]),
            "StatefulSet" | "Deployment" => Some(&o["spec"]["template"]["spec"]),
            _ => None,
        });
        let mut count = 0;
        for pod in pods {
            count += 1;
            let context = &pod["securityContext"];
            assert_eq!(context["runAsNonRoot"], true, "{name}");
            assert_eq!(context["seccompProfile"], json!({"type": "RuntimeDefault"}), "{name}");
            assert!(context["runAsUser"].as_u64().is_some_and(|id| id > 0), "{name}");
            for container in pod["containers"].as_array().unwrap() {
                let context = &container["securityContext"];
                assert_eq!(context["allowPrivilegeEscalation"], false, "{name}");
                assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
                assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}), "{name}");
            }
        }
        assert!(count >= 2, "{name}: the controller and the test");
    }
}

#[test]
fn no_role_has_a_wildcard_and_only_the_controller_writes_status() {
    let Some(chart) = Chart::there() else { return };
    for (name, values) in sets() {
        for role in objects(&chart.template_set(&values, &[])) {
            for rule in role["rules"].as_array().into_iter().flatten() {
                let said = rule.to_string();
                assert!(!said.contains('*'), "{name}: {}: {said}", identity(&role));
                let writes = said.contains("/status") || said.contains("write-status") || said.contains("secrets");
                let component = &role["metadata"]["labels"]["app.kubernetes.io/component"];
                assert!(
                    !writes || component == "controller",
                    "{name}: {}: {said}",
                    identity(&role)
                );
            }
        }
    }
}

#[test]
fn admission_policies_follow_what_the_api_server_has_and_the_value_wins() {
    let Some(chart) = Chart::there() else { return };
    let kinds = |more: &[&str]| -> BTreeSet<String> {
        let text = chart.template(more).unwrap();
        let all = objects(&text).into_iter();
        let kinds = all.filter_map(|o| o["kind"].as_str().map(str::to_owned));
        kinds.filter(|k| k.ends_with("AdmissionPolicy")).collect()
    };
    let (validating, mutating) = (
        "ValidatingAdmissionPolicy".to_owned(),
        "MutatingAdmissionPolicy".to_owned(),
    );
    let both = BTreeSet::from([validating.clone(), mutating.clone()]);
    assert_eq!(kinds(&[]), BTreeSet::from([validating.clone()]), "nobody was asked");
    assert_eq!(kinds(&["--api-versions", MUTATING]), both);
    let asked = ["--api-versions", "v1/Pod"];
    assert_eq!(kinds(&asked), BTreeSet::new(), "an API server that has neither");
    let wanted = "admissionPolicies.validating=Always,admissionPolicies.mutating=Always";
    assert_eq!(kinds(&["--api-versions", "v1/Pod", "--set", wanted]), both);
    let unwanted = "admissionPolicies.mutating=Never";
    assert_eq!(
        kinds(&["--api-versions", MUTATING, "--set", unwanted]),
        BTreeSet::from([validating])
    );
}

#[test]
fn definitions_policies_and_data_stay_when_the_release_goes() {
    let Some(chart) = Chart::there() else { return };
    let stays = ["CustomResourceDefinition", "PersistentVolumeClaim"];
    for object in objects(&chart.template(&["--api-versions", MUTATING]).unwrap()) {
        let kind = object["kind"].as_str().unwrap();
        let kept = object["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep";
        let must = stays.contains(&kind) || kind.contains("AdmissionPolicy");
        assert_eq!(kept, must, "{}", identity(&object));
    }
}

#[test]
fn secrets_are_readable_in_the_listed_namespaces_and_the_controller_is_told_the_same() {
    let Some(chart) = Chart::there() else { return };
    let listed = |set: &str| -> (Vec<String>, Value) {
        let all = objects(&chart.template_set(&root(&format!("tests/chart/values/{set}.yaml")), &[]));
        let reads = all.iter().filter(|o| o["rules"].to_string().contains("\"secrets\""));
        let places = reads.map(|o| o["metadata"]["namespace"].as_str().unwrap_or("everywhere").to_owned());
        let set = all.iter().find(|o| o["kind"] == "StatefulSet").unwrap();
        let variables = set["spec"]["template"]["spec"]["containers"][0]["env"]
            .as_array()
            .unwrap();
        let told = variables.iter().find(|v| v["name"] == "METAWSM_SECRET_NAMESPACES");
        (places.collect(), told.map_or(Value::Null, |v| v["value"].clone()))
    };
    assert_eq!(listed("usual"), (vec![], Value::Null));
    let two = vec!["team-a".to_owned(), "team-b".to_owned()];
    assert_eq!(listed("secrets"), (two, json!("team-a,team-b")));
}
