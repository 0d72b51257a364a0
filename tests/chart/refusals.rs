//! Values that the chart refuses, and that it names what is wrong.

use serde_json::Value;

use crate::helm::{Chart, root};

/// What is said, and the words that the refusal must have.
const REFUSED: [(&str, &[&str]); 23] = [
    ("imagee.tag=1", &["imagee"]),
    ("image.tga=1", &["image", "tga"]),
    ("image.digest=sha256:abc", &["image", "digest"]),
    ("image.pullPolicy=Sometimes", &["image", "pullPolicy"]),
    ("replicas=2", &["replicas"]),
    ("secretNamespaces={*}", &["secretNamespaces"]),
    ("secretNamespaces={kube-system}", &["secretNamespaces"]),
    ("secretNamespaces={a,a}", &["secretNamespaces"]),
    ("watchNamespace=Team_A", &["watchNamespace"]),
    ("settings.allowLocalAgents=true", &["settings", "allowLocalAgents"]),
    ("settings.concurrency=0", &["settings", "concurrency"]),
    ("settings.leaseDuration=soon", &["settings", "leaseDuration"]),
    ("settings.gitLocalRoots={repos}", &["settings", "gitLocalRoots"]),
    ("extraEnv[0].name=METAWSM_ALLOW_LOCAL_AGENTS", &["extraEnv", "settings"]),
    ("policy.sla.levels={half}", &["policy", "sla", "levels"]),
    ("policy.slo.levels={1h}", &["policy", "slo"]),
    (
        "persistence.accessModes={ReadWriteMany}",
        &["persistence", "accessModes"],
    ),
    (
        "networkPolicy.egress.git.ports={0}",
        &["networkPolicy", "egress", "git", "ports"],
    ),
    ("admissionPolicies.mutating=Perhaps", &["admissionPolicies", "mutating"]),
    ("user.id=0", &["user", "id"]),
    (
        "metrics.prometheusRule.runbookBaseUrl=docs here",
        &["metrics", "prometheusRule", "runbookBaseUrl"],
    ),
    ("serviceAccount.create=false", &["serviceAccount.name"]),
    (
        "redis.bundled.enabled=true,redis.external.secretName=a",
        &["redis.external.secretName", "redis.bundled.enabled"],
    ),
];

#[test]
fn what_is_wrong_is_refused_by_its_name() {
    let Some(chart) = Chart::there() else { return };
    for (values, words) in REFUSED {
        let said = chart.template(&["--set", values]).expect_err(values);
        for word in words {
            assert!(said.contains(word), "{values}: '{word}' is not in: {said}");
        }
    }
}

#[test]
fn no_part_of_the_values_takes_keys_that_nobody_reads() {
    let text = std::fs::read_to_string(root("charts/metawsm/values.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let mut open = Vec::new();
    look(&schema, "", &mut open);
    open.sort();
    // As Kubernetes has them: the API server checks those. And what Helm puts there by itself.
    assert_eq!(open, ["/definitions/object", "/properties/global"]);
}

fn look(schema: &Value, path: &str, open: &mut Vec<String>) {
    if schema["type"] == "object" && schema["additionalProperties"].is_null() {
        open.push(path.to_owned());
    }
    assert!(
        schema["properties"].is_null() || schema["type"] != "object" || schema["additionalProperties"] == false,
        "{path} takes unknown keys"
    );
    match schema {
        Value::Object(fields) => {
            for (name, inner) in fields {
                look(inner, &format!("{path}/{name}"), open);
            }
        }
        Value::Array(items) => {
            for inner in items {
                look(inner, path, open);
            }
        }
        _ => {}
    }
}
