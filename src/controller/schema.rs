//! Whether the cluster's CRDs are as new as this program: an older one would refuse our status. Reads only.

use std::collections::BTreeSet;

use anyhow::{Context as _, bail};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::Api;
use serde_json::Value;
use tracing::warn;

/// Compares a definition with the one the API server serves.
///
/// # Errors
/// It is missing, or lacks fields that we write; the message says what to apply.
pub async fn check(client: &Client, ours: &CustomResourceDefinition) -> anyhow::Result<()> {
    let name = ours.metadata.name.clone().unwrap_or_default();
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let theirs = match api.get_opt(&name).await {
        Ok(Some(found)) => found,
        Ok(None) => bail!("CustomResourceDefinition '{name}' is not installed: apply crds/ of this version"),
        Err(kube::Error::Api(answer)) if answer.is_forbidden() => {
            warn!(
                name,
                "may not read this CustomResourceDefinition; taking it as new enough"
            );
            return Ok(());
        }
        Err(error) => return Err(error).context(format!("failed to read CustomResourceDefinition '{name}'")),
    };
    let missing = missing(&serde_json::to_value(ours)?, &serde_json::to_value(&theirs)?);
    match missing.first() {
        None => Ok(()),
        Some(first) => bail!(
            "CustomResourceDefinition '{name}' is older than this controller ({} fields missing, the first is '{first}'): apply crds/ of this version",
            missing.len()
        ),
    }
}

/// The fields that `ours` has and `theirs` lacks, sorted.
fn missing(ours: &Value, theirs: &Value) -> Vec<String> {
    let served = fields(theirs);
    fields(ours).into_iter().filter(|f| !served.contains(f)).collect()
}

fn fields(definition: &Value) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let versions = definition["spec"]["versions"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    for version in versions {
        let name = version["name"].as_str().unwrap_or_default();
        collect(&version["schema"]["openAPIV3Schema"], name, &mut out);
    }
    out
}

fn collect(schema: &Value, path: &str, out: &mut BTreeSet<String>) {
    if let Some(properties) = schema["properties"].as_object() {
        for (name, inner) in properties {
            let path = format!("{path}.{name}");
            collect(inner, &path, out);
            out.insert(path);
        }
    }
    if schema["items"].is_object() {
        collect(&schema["items"], &format!("{path}[]"), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn definition(properties: &Value) -> Value {
        json!({"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"properties": properties}}}]}})
    }

    #[test]
    fn a_definition_that_lacks_a_nested_field_is_older() {
        let ours = definition(&json!({"status": {"properties": {"list": {"items": {"properties": {"new": {}}}}}}}));
        let theirs = definition(&json!({"status": {"properties": {"list": {"items": {"properties": {"old": {}}}}}}}));
        assert_eq!(missing(&ours, &theirs), ["v1.status.list[].new"]);
        assert!(missing(&ours, &ours).is_empty());
    }
}
