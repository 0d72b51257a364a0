//! The schemas and CEL rules as `crds/` has them, by path. Asks no API server.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::admission::Base;

/// One CEL rule of a CRD file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    pub path: String,
    pub message: String,
    pub field: Option<String>,
}

/// The schema in `crds/`.
pub fn schema(base: Base) -> Value {
    let name = match base {
        Base::Run | Base::Bootstrap => "runs",
        Base::Topology => "tickettopologies",
        Base::Thread => "forumthreads",
    };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("crds/{name}.metawsm.dev.yaml"));
    let text = std::fs::read_to_string(file).expect("crds/ is there");
    let crd: Value = serde_saphyr::from_str(&text).expect("crds/ is YAML");
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// Every part of a schema by its path.
pub fn parts(schema: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    collect(schema, "", &mut found);
    found
}

fn collect(schema: &Value, path: &str, found: &mut BTreeMap<String, Value>) {
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        collect(inner, &format!("{path}.{name}"), found);
    }
    if schema["items"].is_object() {
        collect(&schema["items"], &format!("{path}[]"), found);
    }
    found.insert(path.to_owned(), schema.clone());
}

/// Every CEL rule of a base's CRD.
pub fn rules(base: Base) -> Vec<Rule> {
    let text = |v: &Value| v.as_str().map(str::to_owned);
    let of = |(path, part): (String, Value)| {
        let list = part["x-kubernetes-validations"].as_array().cloned().unwrap_or_default();
        list.into_iter().map(move |r| Rule {
            path: path.clone(),
            message: text(&r["message"])
                .or_else(|| text(&r["messageExpression"]))
                .unwrap_or_default(),
            field: text(&r["fieldPath"]),
        })
    };
    parts(&schema(base)).into_iter().flat_map(of).collect()
}
