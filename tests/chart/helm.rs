//! Helm as a program, and what it renders as objects. Installs nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Where `tests/chart/values` are rendered to.
pub const NAMESPACE: &str = "metawsm-system";
/// What an API server of 1.36 has and `helm template` does not know by itself.
pub const MUTATING: &str = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy";

/// A file or folder of the clone.
pub fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Every set of values: its name, and its file.
pub fn sets() -> Vec<(String, PathBuf)> {
    let found = std::fs::read_dir(root("tests/chart/values")).unwrap();
    let mut sets: Vec<_> = found
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), path))
        .collect();
    sets.sort();
    sets
}

/// The chart, and the helm that renders it.
pub struct Chart {
    helm: PathBuf,
}

impl Chart {
    /// `None` where `tests/chart/around` does not stand around this run or could not build helm: that is said, and the
    /// test is left out.
    pub fn there() -> Option<Self> {
        let helm = std::env::var_os("METAWSM_TEST_HELM").filter(|path| !path.is_empty());
        if helm.is_none() {
            println!("left out: tests of the chart run below tests/chart/around, which builds helm (make test-chart)");
        }
        helm.map(|helm| Self { helm: helm.into() })
    }

    /// Runs helm; what it prints, or what it complains about.
    pub fn helm(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.helm);
        // Nothing of the user's own Helm.
        for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(name, std::env::temp_dir().join("metawsm-no-helm-home"));
        }
        let done = command.args(arguments).output().expect("helm can be started");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        match done.status.success() {
            true => Ok(text(done.stdout)),
            false => Err(text(done.stderr)),
        }
    }

    /// The chart rendered as release `metawsm` in [`NAMESPACE`].
    pub fn template(&self, more: &[&str]) -> Result<String, String> {
        let chart = root("charts/metawsm");
        let mut arguments = vec!["template", "metawsm", chart.to_str().unwrap(), "--namespace", NAMESPACE];
        arguments.extend(more);
        self.helm(&arguments)
    }

    /// The chart rendered with one set of values.
    pub fn template_set(&self, values: &Path, more: &[&str]) -> String {
        let mut arguments = vec!["--values", values.to_str().unwrap()];
        arguments.extend(more);
        let rendered = self.template(&arguments);
        rendered.unwrap_or_else(|said| panic!("{}: {said}", values.display()))
    }
}

/// The objects of a text of many documents.
pub fn objects(text: &str) -> Vec<Value> {
    let documents = format!("\n{text}");
    let read = documents.split("\n---").map(|document| {
        serde_saphyr::from_str::<Value>(document).unwrap_or_else(|error| panic!("no YAML: {error}\n{document}"))
    });
    read.filter(Value::is_object).collect()
}

/// Kind and name.
pub fn identity(object: &Value) -> String {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
}
