//! The files of `manifests/samples`: each is taken by the API server, each kind has a small and a full one, and the full ones
//! together show every field that people write.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use crate::admission::Base;
use crate::harness::cluster::Cluster;
use crate::schemas::{parts, schema};

/// Kinds by the beginning of their samples' names, and the fields that are no people's.
const KINDS: [(&str, Base, &[&str]); 4] = [
    // A Run is Standard or Bootstrap; a brief belongs to the latter.
    ("run", Base::Run, &[]),
    ("tickettopology", Base::Topology, &[]),
    // Endpoints of workspaces are made by Runs.
    ("docendpoint", Base::DocEndpoint, &[".spec.runRef", ".spec.ticket"]),
    // Filled in by admission; a choice comes with an answer, later.
    (
        "forumthread",
        Base::Thread,
        &[".spec.changes", ".spec.posts[].author", ".spec.posts[].choice"],
    ),
];

fn files() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests/samples");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}

fn stem(file: &std::path::Path) -> String {
    file.file_stem().unwrap().to_string_lossy().into_owned()
}

/// Whether a value has the field, in any element of the lists on the way.
fn shows(value: &Value, steps: &[&str]) -> bool {
    let Some((first, rest)) = steps.split_first() else {
        return true;
    };
    match first.strip_suffix("[]") {
        None => value.get(first).is_some_and(|inner| shows(inner, rest)),
        Some(list) => value[list]
            .as_array()
            .into_iter()
            .flatten()
            .any(|inner| shows(inner, rest)),
    }
}

#[tokio::test]
async fn every_sample_is_taken_by_the_api_server_and_kubectl_has_nothing_to_say_about_it() {
    let cluster = Cluster::new().await;
    for file in files() {
        let path = file.to_str().unwrap();
        let line = ["create", "--dry-run=server", "--validate=strict", "-f", path];
        let (done, said) = cluster.kubectl(&line).await;
        assert!(done && !said.contains("Warning"), "{path}: {said}");
    }
}

#[test]
fn every_kind_has_a_small_and_a_full_sample_and_together_they_show_every_field() {
    let files = files();
    let mut counted = 0;
    for (name, base, not_for_people) in KINDS {
        let own: Vec<_> = files
            .iter()
            .filter(|f| stem(f).split('-').next() == Some(name))
            .collect();
        let stems: BTreeSet<_> = own.iter().map(|f| stem(f)).collect();
        for size in ["small", "full"] {
            assert!(stems.contains(&format!("{name}-{size}")), "{name} has no {size} sample");
        }
        counted += own.len();
        let read = |f: &&PathBuf| serde_saphyr::from_str::<Value>(&std::fs::read_to_string(f).unwrap()).unwrap();
        let samples: Vec<Value> = own.iter().map(read).collect();
        let theirs = |path: &str| not_for_people.iter().any(|not| path.starts_with(not));
        let parts = parts(&schema(base));
        for path in parts.keys().filter(|p| p.starts_with(".spec") && !theirs(p)) {
            let keys: Vec<_> = path.split('.').skip(1).collect();
            assert!(
                samples.iter().any(|s| shows(s, &keys)),
                "no sample of {name} shows {path}"
            );
        }
    }
    assert_eq!(counted, files.len(), "every file belongs to a kind: {files:?}");
}
