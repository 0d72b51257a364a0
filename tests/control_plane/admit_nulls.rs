//! Explicit nulls, sizes at their bounds, defaults, and misspelt fields.

use serde_json::{Value, json};

use crate::admission::{Base, manifest, try_create};
use crate::harness::cluster::Cluster;
use crate::harness::manifests::merge;
use crate::harness::polling::eventually;
use crate::schemas::{parts, schema};

/// The base with one field of its spec set to what JSON merge patch cannot say.
fn with(base: Base, pointer: &str, value: Value) -> Value {
    let mut made = manifest(base, 0);
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    made.pointer_mut(parent).unwrap()[name] = value;
    made
}

#[tokio::test]
async fn an_explicit_null_means_absent_where_absent_is_allowed() {
    let cluster = Cluster::new().await;
    for field in [
        "docHomeRepo",
        "docSeedRef",
        "docSeedMode",
        "docSeedFrom",
        "docsPath",
        "mode",
        "brief",
        "workspace",
        "suspend",
    ] {
        let made = try_create(
            &cluster,
            Base::Run,
            &with(Base::Run, &format!("/spec/{field}"), Value::Null),
        )
        .await;
        let plain = try_create(&cluster, Base::Run, &manifest(Base::Run, 0)).await;
        assert_eq!(made.expect(field)["spec"], plain.unwrap()["spec"], "{field}: null");
    }
    let topology = with(Base::Topology, "/spec/docsPath", Value::Null);
    assert_eq!(
        try_create(&cluster, Base::Topology, &topology).await.unwrap()["spec"]["docsPath"],
        "ttmp"
    );
}

#[tokio::test]
async fn an_explicit_null_is_refused_where_something_is_required() {
    let cluster = Cluster::new().await;
    for (base, field) in [
        (Base::Run, "tickets"),
        (Base::Run, "repos"),
        (Base::Topology, "ticket"),
        (Base::Topology, "docHomeRepo"),
        (Base::Bootstrap, "brief/goal"),
        (Base::Bootstrap, "brief/doneCriteria"),
    ] {
        let message = try_create(&cluster, base, &with(base, &format!("/spec/{field}"), Value::Null))
            .await
            .unwrap_err();
        assert!(
            message.contains(&format!("spec.{}", field.replace('/', "."))),
            "{field}: {message}"
        );
    }
    let bootstrap = with(Base::Bootstrap, "/spec/brief", Value::Null);
    let message = try_create(&cluster, Base::Bootstrap, &bootstrap).await.unwrap_err();
    assert!(message.contains("Bootstrap needs a brief"), "{message}");
}

#[tokio::test]
async fn what_is_left_out_gets_the_documented_default() {
    let cluster = Cluster::new().await;
    let made = try_create(&cluster, Base::Run, &manifest(Base::Run, 0)).await.unwrap();
    let expected = json!({
        "docAuthorityMode": "WorkspaceActive", "docSeedMode": "CopyFromRepoOnStart", "docSeedFrom": "Commit", "docsPath": "ttmp",
        "mode": "Standard", "workspace": {"branchPrefix": "task"}, "suspend": false,
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(made["spec"][field], *value, "{field}");
    }
    assert_eq!(made["spec"]["repos"][0]["baseBranch"], "main");
}

#[tokio::test]
async fn what_is_exactly_as_long_as_allowed_is_taken() {
    let cluster = Cluster::new().await;
    let tickets: Vec<_> = (0..16).map(|n| format!("{n:x}{}", "t".repeat(62))).collect();
    let repos: Vec<_> = (0..16)
        .map(|n| {
            let url = format!("https://github.com/{}", "u".repeat(2048 - 19));
            json!({"name": format!("{n:x}{}", "r".repeat(62)), "url": url, "baseBranch": "b".repeat(200)})
        })
        .collect();
    let text = "ä".repeat(4096);
    let brief = json!({"goal": text, "scope": text, "doneCriteria": text, "constraints": text, "mergeIntent": text});
    let spec = json!({
        "tickets": tickets, "repos": repos, "docHomeRepo": repos[15]["name"], "docSeedRef": "s".repeat(200), "mode": "Bootstrap",
        "docsPath": "d".repeat(255), "workspace": {"branchPrefix": "w".repeat(63)}, "brief": brief,
    });
    let mut whole = manifest(Base::Run, 0);
    merge(
        &mut whole,
        json!({ "metadata": {"name": "n".repeat(63)}, "spec": spec }),
    );
    try_create(&cluster, Base::Run, &whole)
        .await
        .expect("all at their bounds");
}

#[tokio::test]
async fn two_repositories_of_one_name_are_refused() {
    let cluster = Cluster::new().await;
    let twice =
        json!([{"name": "api", "url": "https://github.com/a/a"}, {"name": "api", "url": "https://github.com/a/b"}]);
    let message = try_create(&cluster, Base::Run, &with(Base::Run, "/spec/repos", twice))
        .await
        .unwrap_err();
    assert!(
        message.contains("spec.repos[1]") && message.contains("Duplicate value"),
        "{message}"
    );
}

#[tokio::test]
async fn kubectl_refuses_a_misspelt_field_and_explains_the_right_one() {
    let cluster = Cluster::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.json");
    std::fs::write(&file, with(Base::Run, "/spec/docHome", json!("api")).to_string()).unwrap();
    let (taken, said) = cluster.kubectl(&["create", "-f", &file.to_string_lossy()]).await;
    assert!(!taken && said.contains(r#"unknown field "spec.docHome""#), "{said}");
    // What a definition says is published a moment after it is served.
    let explained = async || {
        let (known, said) = cluster.kubectl(&["explain", "run.spec", "--recursive"]).await;
        known.then_some(said)
    };
    let said = eventually("a Run's spec is explained", explained).await;
    assert!(said.contains("docHomeRepo"), "{said}");
}

#[test]
fn every_field_is_described_and_every_text_and_list_is_bounded() {
    let mut poor = Vec::new();
    for base in [Base::Run, Base::Topology, Base::DocEndpoint, Base::Thread] {
        // Conditions are Kubernetes' own type.
        let ours = parts(&schema(base))
            .into_iter()
            .filter(|(p, _)| !p.contains(".conditions[]"));
        for (path, part) in ours {
            let bounded = match part["type"].as_str() {
                Some("string") => {
                    part["maxLength"].is_u64() || part["enum"].is_array() || part["format"] == "date-time"
                }
                Some("array") => part["maxItems"].is_u64(),
                _ => true,
            };
            // What a list holds is described where the list is.
            let described = part["description"].is_string() || path.ends_with("[]") || path.is_empty();
            if !bounded || !described {
                poor.push(format!("{base:?} {path}: bounded {bounded}, described {described}"));
            }
        }
    }
    assert!(poor.is_empty(), "{}", poor.join("\n"));
}
