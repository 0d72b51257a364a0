//! Generates the CustomResourceDefinitions that users install: derived from the types, then tidied.
//! May not change what the types mean.

use std::path::Path;

use anyhow::Context;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::Value;

use crate::doc_endpoint::crd::DocEndpoint;
use crate::forum_thread::crd::ForumThread;
use crate::run::crd::Run;
use crate::ticket_topology::crd::TicketTopology;

/// Every kind's definition, as YAML by file name.
///
/// # Errors
/// When a definition cannot be written as YAML.
pub fn all() -> anyhow::Result<Vec<(String, String)>> {
    [
        Run::crd(),
        TicketTopology::crd(),
        DocEndpoint::crd(),
        ForumThread::crd(),
    ]
    .into_iter()
    .map(|crd| render(&crd))
    .collect()
}

fn render(crd: &CustomResourceDefinition) -> anyhow::Result<(String, String)> {
    let mut value = serde_json::to_value(crd)?;
    tidy(&mut value);
    let name = format!("{}.yaml", crd.metadata.name.clone().unwrap_or_default());
    let yaml = serde_saphyr::to_string(&value).context("failed to write a definition as YAML")?;
    Ok((name, yaml))
}

/// An explicit null must be refused, not stored: `nullable` and null enum values go. So do formats that API servers
/// only warn about.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("nullable");
            if let Some(Value::Array(values)) = map.get_mut("enum") {
                values.retain(|v| !v.is_null());
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Writes every definition into `dir`.
///
/// # Errors
/// When the folder or a file cannot be written.
pub fn write_to(dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("failed to make folder '{}'", dir.display()))?;
    for (name, yaml) in all()? {
        let path = dir.join(name);
        std::fs::write(&path, yaml).with_context(|| format!("failed to write '{}'", path.display()))?;
    }
    Ok(())
}
