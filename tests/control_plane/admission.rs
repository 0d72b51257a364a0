//! How tables of admission are tried: each case says which rule it is about, so that a rule without cases shows.
//! Creations are dry runs, which the API server judges like real ones.

use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::{CustomResourceExt as _, ResourceExt as _};
use metawsm::doc_endpoint::crd::DocEndpoint;
use metawsm::forum_thread::crd::ForumThread;
use metawsm::run::crd::Run;
use metawsm::ticket_topology::crd::TicketTopology;
use serde_json::{Value, json};

use crate::harness::cluster::Cluster;
use crate::harness::manifests::merge;
use crate::harness::people::Person;
use crate::schemas::rules;

/// What a case begins from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Base {
    Run,
    Bootstrap,
    Topology,
    DocEndpoint,
    WorkspaceEndpoint,
    Thread,
}

/// One case: an object, perhaps its status, perhaps a change of it, and whether the API server takes it.
#[derive(Clone, Debug)]
pub struct Case {
    pub base: Base,
    /// Where the rule stands in the schema, like `.spec.repos[].url`; empty for the root.
    pub path: &'static str,
    /// Words of the rule's message that tell it from the other rules there.
    pub words: &'static str,
    pub create: Value,
    pub status: Option<Value>,
    /// JSON patches between creation and change.
    pub before: Vec<Value>,
    /// A merge of the object, or, where it is a list, a JSON patch.
    pub then: Option<Value>,
    pub refused: bool,
}

/// Cases about one rule.
#[derive(Clone, Copy, Debug)]
pub struct About(pub Base, pub &'static str, pub &'static str);

impl About {
    fn case(self, create: Value, refused: bool) -> Case {
        let Self(base, path, words) = self;
        Case {
            base,
            path,
            words,
            create,
            status: None,
            before: vec![],
            then: None,
            refused,
        }
    }
    /// Taken at creation.
    pub fn takes(self, create: Value) -> Case {
        self.case(create, false)
    }
    /// Refused at creation.
    pub fn refuses(self, create: Value) -> Case {
        self.case(create, true)
    }
    /// Created, then changed: taken.
    pub fn takes_change(self, create: Value, then: Value) -> Case {
        Case {
            then: Some(then),
            ..self.case(create, false)
        }
    }
    /// Created, then changed: refused.
    pub fn refuses_change(self, create: Value, then: Value) -> Case {
        Case {
            then: Some(then),
            ..self.case(create, true)
        }
    }
}

impl Case {
    /// With this status before the change.
    pub fn while_status(self, status: Value) -> Case {
        Case {
            status: Some(status),
            ..self
        }
    }

    /// After this JSON patch.
    pub fn after(mut self, patch: Value) -> Case {
        self.before.push(patch);
        self
    }
}

/// A manifest that is accepted as it is. `number` keeps names apart.
pub fn manifest(base: Base, number: usize) -> Value {
    let (kind, spec) = match base {
        Base::Run | Base::Bootstrap => (
            "Run",
            json!({
                "tickets": ["METAWSM-101"],
                "repos": [{"name": "api", "url": "https://github.com/a/api"}, {"name": "web", "url": "https://github.com/a/web"}],
            }),
        ),
        Base::Topology => (
            "TicketTopology",
            json!({
                "ticket": format!("CASE-{number}"), "docHomeRepo": "api", "docHomeURL": "https://github.com/a/api",
            }),
        ),
        Base::DocEndpoint => (
            "DocEndpoint",
            json!({
                "kind": "Repo", "url": "http://docs.example.com:8787", "repo": "api", "repoURL": "https://github.com/a/api",
            }),
        ),
        Base::WorkspaceEndpoint => (
            "DocEndpoint",
            json!({
                "kind": "Workspace", "repo": "api", "repoURL": "https://github.com/a/api",
                "runRef": {"name": "case", "uid": "u-1"}, "ticket": format!("{number}"),
            }),
        ),
        Base::Thread => (
            "ForumThread",
            json!({
                "ticket": "METAWSM-101", "title": "Which port?", "posts": [{"id": "q-1", "kind": "Question", "body": "80 is taken."}],
            }),
        ),
    };
    let mut made = json!({
        "apiVersion": "metawsm.dev/v1alpha1", "kind": kind, "metadata": {"name": format!("case-{number}")}, "spec": spec,
    });
    if base == Base::WorkspaceEndpoint {
        merge(&mut made, json!({"metadata": {"name": format!("case--{number}")}}));
    }
    if base == Base::Bootstrap {
        let brief = json!({"goal": "Reach it", "scope": "All of it", "doneCriteria": "It works"});
        merge(&mut made, json!({"spec": {"mode": "Bootstrap", "brief": brief}}));
    }
    made
}

/// A change of the spec alone.
pub fn spec(spec: Value) -> Value {
    Value::Object([("spec".to_owned(), spec)].into_iter().collect())
}

/// The API of a base's kind.
pub fn api(cluster: &Cluster, base: Base) -> Api<DynamicObject> {
    let resource = match base {
        Base::Run | Base::Bootstrap => Run::api_resource(),
        Base::Topology => TicketTopology::api_resource(),
        Base::DocEndpoint | Base::WorkspaceEndpoint => DocEndpoint::api_resource(),
        Base::Thread => ForumThread::api_resource(),
    };
    Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &resource)
}

/// What the API server says to an object, without keeping it: `Ok`, or its words.
pub async fn try_create(cluster: &Cluster, base: Base, manifest: &Value) -> Result<Value, String> {
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let object = serde_json::from_value(manifest.clone()).expect("a manifest");
    answer(api(cluster, base).create(&dry, &object).await)
}

fn answer(said: kube::Result<DynamicObject>) -> Result<Value, String> {
    match said {
        Ok(object) => Ok(serde_json::to_value(object).unwrap()),
        Err(kube::Error::Api(status)) => Err(status.message),
        Err(error) => panic!("the API server cannot be asked: {error}"),
    }
}

/// Tries all cases; fails with a list of those that came out otherwise.
pub async fn try_all(cases: Vec<Case>) {
    let cluster = Cluster::new().await;
    let mut wrong = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let said = try_case(&cluster, case, number).await;
        if let Err(problem) = judge(case, &said) {
            wrong.push(format!(
                "{problem}\n  {:?} {:?}\n  {} then {:?}\n  said: {said:?}",
                case.path, case.words, case.create, case.then
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

async fn try_case(cluster: &Cluster, case: &Case, number: usize) -> Result<Value, String> {
    let mut object = manifest(case.base, number);
    merge(&mut object, case.create.clone());
    let Some(then) = &case.then else {
        return try_create(cluster, case.base, &object).await;
    };
    let api = api(cluster, case.base);
    let typed: DynamicObject = serde_json::from_value(object).unwrap();
    let made = api
        .create(&PostParams::default(), &typed)
        .await
        .map_err(|e| format!("NOT EVEN CREATED: {e}"))?;
    let mut now = made.clone();
    if let Some(status) = &case.status {
        let patch = Patch::Merge(json!({ "status": status }));
        now = api
            .patch_status(&made.name_any(), &PatchParams::default(), &patch)
            .await
            .map_err(|e| format!("STATUS NOT TAKEN: {e}"))?;
    }
    if then.is_array() {
        let (admin, name) = (Person::admin(cluster), made.name_any());
        for patch in &case.before {
            let done = admin.patch(&name, patch.clone()).await;
            done.map_err(|(_, message)| format!("NOT EVEN BROUGHT THERE: {message}"))?;
        }
        return admin.patch(&name, then.clone()).await.map_err(|(_, message)| message);
    }
    if case.path.starts_with(".status") {
        let name = made.name_any();
        return answer(
            api.patch_status(&name, &PatchParams::default(), &Patch::Merge(then))
                .await,
        );
    }
    let mut changed = serde_json::to_value(&now).unwrap();
    merge(&mut changed, then.clone());
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    answer(
        api.replace(&made.name_any(), &dry, &serde_json::from_value(changed).unwrap())
            .await,
    )
}

fn judge(case: &Case, said: &Result<Value, String>) -> Result<(), String> {
    match (case.refused, said) {
        (false, Ok(_)) => Ok(()),
        (false, Err(_)) => Err("was refused and should be taken".to_owned()),
        (true, Ok(_)) => Err("was taken and should be refused".to_owned()),
        (true, Err(message)) => {
            let field = field_of(case);
            if !without_places(message).contains(&field) {
                return Err(format!("the refusal does not name {field:?}"));
            }
            if message.contains(case.words) {
                Ok(())
            } else {
                Err("the refusal lacks the rule's words".to_owned())
            }
        }
    }
}

/// `spec.repos[3].url` as `spec.repos[].url`.
pub fn without_places(message: &str) -> String {
    let mut out = String::new();
    for part in message.split('[') {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        out.push_str(if out.is_empty() { "" } else { "[" });
        out.push_str(if rest.starts_with(']') { rest } else { part });
    }
    out
}

/// The field that a refusal must name: where the rule stands or points to; a root rule names it in its own words.
fn field_of(case: &Case) -> String {
    let rules = rules(case.base);
    let rule = rules
        .iter()
        .find(|r| r.path == case.path && r.message.contains(case.words));
    let rule = rule.unwrap_or_else(|| panic!("no rule at {:?} says {:?}", case.path, case.words));
    match (case.path, &rule.field) {
        ("", _) => rule.message.split([' ', ':']).next().unwrap_or_default().to_owned(),
        (path, Some(field)) => format!("{path}{field}").trim_start_matches('.').to_owned(),
        (path, None) => path.trim_start_matches('.').to_owned(),
    }
}
