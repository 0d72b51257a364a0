//! Every bound of all schemas, found in `crds/` and not in a list: lengths, sizes, enums, numbers, dates, required
//! fields and types, in spec and status. A sample that has every field is broken at one place at a time.

use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::admission::{Base, api, manifest, try_create, without_places};
use crate::admit_samples::{sample_spec, sample_status};
use crate::harness::cluster::Cluster;
use crate::harness::manifests::merge;
use crate::harness::plane::Plane;
use crate::schemas::{parts, schema};

/// One way to break the sample.
struct Breach {
    path: String,
    value: Value,
    /// What the refusal must say besides the field.
    says: &'static str,
}

#[tokio::test]
async fn every_bound_of_every_spec_is_enforced_and_the_refusal_names_the_field() {
    let cluster = Cluster::new().await;
    for base in [Base::Bootstrap, Base::Topology] {
        let wrong = wrong_bounds_of_spec(&cluster, base).await;
        assert!(wrong.is_empty(), "{base:?}:\n{}", wrong.join("\n"));
    }
}

/// Admission fills in authors before the schema is asked, and answers itself where it cannot read a thread. So its
/// bounds are tried where no policy is.
#[tokio::test]
async fn every_bound_of_a_thread_is_enforced_by_the_schema_alone() {
    let Some(plane) = Plane::start().await else { return };
    let stage = plane.stage().await;
    let wrong = wrong_bounds_of_spec(&stage.cluster, Base::Thread).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn wrong_bounds_of_spec(cluster: &Cluster, base: Base) -> Vec<String> {
    let mut whole = manifest(base, 0);
    merge(&mut whole, json!({ "spec": sample_spec(base) }));
    accepted(base, try_create(cluster, base, &whole).await);
    let mut wrong = Vec::new();
    for breach in breaches(base, ".spec") {
        let said = try_create(cluster, base, &broken(&whole, &breach)).await;
        wrong.extend(judge(&breach, said));
    }
    wrong
}

/// No thread can be created with every field, for it has a past only later: there the rules refuse the sample, but the
/// schema does not, and so a breach of the schema shows.
fn accepted(base: Base, said: Result<Value, String>) {
    match said {
        Ok(_) => assert_ne!(base, Base::Thread, "its sample has a past, which creation must refuse"),
        Err(words) => {
            let by_rules = words.contains("earlier post") && words.contains("choice belongs to");
            let by_them_alone = words.matches("Invalid value").count() == 2;
            assert!(
                base == Base::Thread && by_rules && by_them_alone,
                "the sample is accepted: {words}"
            );
        }
    }
}

#[tokio::test]
async fn every_bound_of_every_status_is_enforced_and_the_refusal_names_the_field() {
    let cluster = Cluster::new().await;
    for base in [Base::Bootstrap, Base::Topology, Base::Thread] {
        let api = api(&cluster, base);
        let object: DynamicObject = serde_json::from_value(manifest(base, 0)).unwrap();
        api.create(&PostParams::default(), &object).await.unwrap();
        let whole = json!({ "status": sample_status(base) });
        let dry = PatchParams {
            dry_run: true,
            ..PatchParams::default()
        };
        api.patch_status("case-0", &dry, &Patch::Merge(&whole))
            .await
            .expect("the sample is accepted");
        let mut wrong = Vec::new();
        for breach in breaches(base, ".status") {
            let said = api
                .patch_status("case-0", &dry, &Patch::Merge(broken(&whole, &breach)))
                .await;
            let said = said
                .map(|o| serde_json::to_value(o).unwrap())
                .map_err(|e| e.to_string());
            wrong.extend(judge(&breach, said));
        }
        assert!(wrong.is_empty(), "{base:?}:\n{}", wrong.join("\n"));
    }
}

#[test]
fn the_samples_have_every_field_of_the_schemas() {
    for base in [Base::Bootstrap, Base::Topology, Base::Thread] {
        let whole = json!({ "spec": sample_spec(base), "status": sample_status(base) });
        for path in parts(&schema(base))
            .keys()
            .filter(|p| p.starts_with(".spec") || p.starts_with(".status"))
        {
            assert!(
                whole.pointer(&pointer(path)).is_some(),
                "the sample of {base:?} lacks {path}"
            );
        }
    }
}

fn judge(breach: &Breach, said: Result<Value, String>) -> Option<String> {
    let field = breach.path.trim_start_matches('.');
    let shown: String = breach.value.to_string().chars().take(60).collect();
    match said {
        Ok(_) => Some(format!("{field} = {shown} was taken")),
        Err(message) if without_places(&message).contains(field) && message.contains(breach.says) => None,
        Err(message) => Some(format!(
            "{field} = {shown}: {:?} expected in: {message:.300}",
            breach.says
        )),
    }
}

/// `.a.b[].c` as `/a/b/0/c`.
fn pointer(path: &str) -> String {
    path.replace("[]", ".0").replace('.', "/")
}

fn broken(whole: &Value, breach: &Breach) -> Value {
    let mut broken = whole.clone();
    match (breach.value.is_null(), breach.path.rsplit_once('.')) {
        (true, Some((parent, name))) => {
            let parent = broken.pointer_mut(&pointer(parent)).expect("the sample has it");
            parent.as_object_mut().unwrap().remove(name);
        }
        _ => *broken.pointer_mut(&pointer(&breach.path)).expect("the sample has it") = breach.value.clone(),
    }
    broken
}

/// Two breaches of every bound below a path, and values of a wrong type everywhere.
fn breaches(base: Base, below: &str) -> Vec<Breach> {
    let mut found = Vec::new();
    for (path, part) in parts(&schema(base))
        .into_iter()
        .filter(|(p, _)| p.starts_with(below) && p != below)
    {
        let mut add = |value: Value, says| {
            found.push(Breach {
                path: path.clone(),
                value,
                says,
            });
        };
        if let Some(max) = part["maxLength"].as_u64() {
            let max = usize::try_from(max).unwrap();
            add(json!("a".repeat(max + 1)), "Too long");
            add(json!("ä".repeat(max + 100)), "Too long");
        }
        if part["minLength"].as_u64().is_some() {
            add(json!(""), "should be at least 1 chars long");
        }
        if let Some(max) = part["maxItems"].as_u64() {
            add(many(&part, usize::try_from(max).unwrap() + 1), "Too many");
            add(many(&part, usize::try_from(max).unwrap() + 100), "Too many");
        }
        if part["minItems"].as_u64().is_some() {
            add(json!([]), "should have at least 1 items");
        }
        if part["enum"].is_array() {
            add(json!("Perhaps"), "Unsupported value");
            add(json!("none"), "Unsupported value");
        }
        if part["minimum"].is_number() {
            add(json!(0), "should be greater than or equal to 1");
            add(json!(-1), "should be greater than or equal to 1");
        }
        if part["format"] == "date-time" {
            add(json!("yesterday"), "must be of type date-time");
            add(json!("2026-13-01"), "must be of type date-time");
        }
        let wrong = match part["type"].as_str() {
            Some("string") => json!(7),
            Some("array") => json!("a"),
            _ => json!([true]),
        };
        add(wrong, "must be of type");
        for name in part["required"].as_array().into_iter().flatten() {
            let path = format!("{path}.{}", name.as_str().unwrap());
            found.push(Breach {
                path,
                value: Value::Null,
                says: "Required value",
            });
        }
    }
    found
}

fn many(part: &Value, count: usize) -> Value {
    let key = part["x-kubernetes-list-map-keys"][0].as_str();
    let one = |n: usize| match (part["items"]["type"].as_str(), key) {
        (Some("string"), _) => json!(format!("a{n}")),
        (_, Some(key)) if part["items"]["properties"][key]["type"] == "integer" => json!({ key: n + 1 }),
        (_, Some(key)) => json!({ key: format!("a{n}") }),
        _ => json!({}),
    };
    (0..count).map(one).collect()
}
