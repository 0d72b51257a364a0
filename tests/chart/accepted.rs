//! A real API server takes every object of every set of values: asked by server-side dry run, so nothing is installed but
//! the namespaces and the Prometheus operator's definitions. A few sets are wrong in a way that only it can see, so that
//! asking it is worth something.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::helm::{Chart, MUTATING, NAMESPACE, objects, root, sets};

struct Kubectl(String);

impl Kubectl {
    fn run(&self, arguments: &[&str], input: &str) -> (bool, String) {
        let mut command = Command::new(&self.0);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command.spawn().expect("kubectl can be started");
        process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let done = process.wait_with_output().unwrap();
        let said = [done.stdout, done.stderr].concat();
        (done.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    fn apply(&self, more: &[&str], input: &str) -> (bool, String) {
        let mut arguments = vec!["apply", "--server-side", "--force-conflicts", "-f", "-"];
        arguments.extend(more);
        self.run(&arguments, input)
    }

    /// Whether every object of a text would be taken, and what is said about those that would not.
    fn would_take(&self, text: &str) -> (bool, String) {
        self.apply(&["--dry-run=server"], text)
    }

    /// The definitions that the Prometheus operator brings; whether they are to be had.
    fn define_monitoring(&self) -> bool {
        let Some(folder) = std::env::var_os("METAWSM_TEST_MONITORING_CRDS") else {
            println!("left out: ServiceMonitor and PrometheusRule, for their definitions are not to be had");
            return false;
        };
        for name in ["servicemonitors", "prometheusrules"] {
            let path = Path::new(&folder).join(format!("monitoring.coreos.com_{name}.yaml"));
            let (done, said) = self.apply(&[], &std::fs::read_to_string(&path).unwrap());
            assert!(done, "{}: {said}", path.display());
            let crd = format!("crd/{name}.monitoring.coreos.com");
            let (done, said) = self.run(&["wait", "--for=condition=Established", "--timeout=60s", &crd], "");
            assert!(done, "{said}");
        }
        true
    }
}

/// The API server of `with`, with the namespaces that the sets of values name.
fn ground() -> Kubectl {
    let kubectl = std::env::var("METAWSM_TEST_KUBECTL").expect("run these tests below tests/control-plane/with");
    let kubectl = Kubectl(kubectl);
    for namespace in [NAMESPACE, "team-a", "team-b"] {
        // A Pod that does not fit is refused, and of what makes Pods it is said.
        let labels = "pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/warn: restricted";
        let manifest =
            format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}, labels: {{{labels}}}}}}}");
        let (done, said) = kubectl.apply(&[], &manifest);
        assert!(done, "{said}");
    }
    kubectl
}

#[test]
fn every_object_of_every_set_is_taken_by_the_api_server() {
    let Some(chart) = Chart::there() else { return };
    let kubectl = ground();
    let monitoring = kubectl.define_monitoring();
    let mut asked = BTreeSet::new();
    for (name, values) in sets() {
        if name == "monitored" && !monitoring {
            continue;
        }
        let rendered = chart.template_set(&values, &["--api-versions", MUTATING]);
        // Much is the same in all sets, and need not be asked again.
        let new: Vec<_> = rendered
            .split("\n---\n")
            .filter(|d| asked.insert((*d).to_owned()))
            .collect();
        if new.is_empty() {
            continue;
        }
        let text = new.join("\n---\n");
        let (taken, said) = kubectl.would_take(&text);
        assert!(taken, "{name}: {said}");
        assert!(!said.contains("Warning"), "{name}: {said}");
        let answers = said
            .lines()
            .filter(|l| l.contains("serverside-applied (server dry run)"))
            .count();
        assert_eq!(answers, objects(&text).len(), "{name}: {said}");
    }
}

#[test]
fn what_does_not_fit_the_restricted_level_is_said_by_the_api_server() {
    let Some(chart) = Chart::there() else { return };
    let kubectl = ground();
    let values = "extraVolumes[0].name=a,extraVolumes[0].hostPath.path=/x";
    let (_, said) = kubectl.would_take(&chart.template(&["--set", values]).unwrap());
    assert!(said.contains("Warning: would violate PodSecurity"), "{said}");
}

#[test]
fn what_the_chart_passes_on_is_refused_by_the_api_server_where_it_is_wrong() {
    let Some(chart) = Chart::there() else { return };
    let kubectl = ground();
    for (values, word) in [
        ("extraVolumes[0].name=a,extraVolumes[0].hostPth.path=/x", "hostPth"),
        ("affinity.nodeAffinity.required=x", "nodeAffinity.required"),
        ("networkPolicy.egress.git.except={10.0.0.0/99}", "except"),
    ] {
        let text = chart.template(&["--set", values]).unwrap();
        let (taken, said) = kubectl.would_take(&text);
        assert!(!taken && said.contains(word), "{values}: {said}");
    }
}

#[test]
fn helm_itself_finds_both_kinds_of_policies_on_an_api_server_that_has_them() {
    let Some(chart) = Chart::there() else { return };
    let kubectl = ground();
    let (_, served) = kubectl.run(
        &[
            "api-resources",
            "--api-group=admissionregistration.k8s.io",
            "--no-headers",
        ],
        "",
    );
    let folder = root("charts/metawsm");
    // What is there was made by hand, so Helm would have to take it over.
    let asking = ["--dry-run=server", "--take-ownership", "--namespace", NAMESPACE];
    let text = chart
        .helm(&[&["install", "metawsm", folder.to_str().unwrap()], &asking[..]].concat())
        .unwrap();
    for kind in ["ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"] {
        assert_eq!(
            text.contains(&format!("\nkind: {kind}\n")),
            served.contains(&format!(" {kind}\n")),
            "{kind}: {served}"
        );
    }
}
