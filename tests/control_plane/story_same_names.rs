//! Two namespaces with the same names of Run, ticket, repository and Secret, one with a credential that opens the
//! repository and one without: nothing of one is seen in the other, and Secrets are only ever asked for by name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use metawsm::adapters::git::cache::family_of;
use serde_json::{Value, json};

use crate::git_server::Server;
use crate::harness::cluster::variable;
use crate::harness::controller::Controller;
use crate::harness::kstatus::Verdict;
use crate::harness::manifests::run;
use crate::harness::plane::Plane;
use crate::harness::repositories::Repository;
use crate::harness::requests::for_secrets;
use crate::harness::stage::{Stage, condition};

const PASSWORD: &str = "q7-very-secret-Zt4";
/// What only the documents hold.
const WORDS: &str = "the plan that only members may read";

fn encoded() -> String {
    STANDARD.encode(format!("kim:{PASSWORD}"))
}

struct World {
    plane: Plane,
    server: Server,
    docs: Repository,
    /// Has the credential.
    ours: Stage,
    /// Has a Secret of that name which only vouches for the server.
    theirs: Stage,
    controller: Controller,
}

impl World {
    async fn new() -> Option<Self> {
        let plane = Plane::start().await?;
        let (ours, theirs) = (plane.stage().await, plane.stage().await);
        let docs = ours.repository("home");
        let folder = docs.ticket("A-1");
        docs.write(&format!("{folder}/secret-plan.md"), WORDS);
        docs.commit("Write the ticket");
        let server = Server::start(&ours.repositories(), &format!("Basic {}", encoded()));
        let (one, other) = (ours.namespace().to_owned(), theirs.namespace().to_owned());
        let mut settings = ours.controller("a");
        settings.namespace = String::new();
        settings.cluster = plane.kubeconfig();
        let settings = settings
            .with("METAWSM_LEASE_NAMESPACE", &one)
            .with("METAWSM_REDIS_PREFIX", format!("{one}:"))
            .with("METAWSM_GIT_ALLOWED_HOSTS", "127.0.0.1")
            .with("METAWSM_SECRET_NAMESPACES", format!("{one},{other}"));
        let controller = settings.lead().await;
        Some(Self {
            plane,
            server,
            docs,
            ours,
            theirs,
            controller,
        })
    }

    fn url(&self) -> String {
        self.server.url("private/home/.git")
    }

    /// Makes or replaces the Secret `git`, as people do.
    fn secret(&self, stage: &Stage, data: &Value) {
        let manifest = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "git", "namespace": stage.namespace() },
            "stringData": data,
        });
        self.apply(&manifest);
    }

    fn apply(&self, manifest: &Value) {
        let file = self.ours.repositories().join("manifest.json");
        std::fs::write(&file, manifest.to_string()).unwrap();
        let (done, said) = self.kubectl(&["apply", "-f", file.to_str().unwrap()]);
        assert!(done, "{said}");
        std::fs::remove_file(file).unwrap();
    }

    fn kubectl(&self, line: &[&str]) -> (bool, String) {
        let mut command = std::process::Command::new(variable("METAWSM_TEST_KUBECTL"));
        let done = command.args(line).env("KUBECONFIG", self.plane.kubeconfig()).output();
        let done = done.unwrap();
        let said = [done.stdout, done.stderr].concat();
        (done.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    async fn create_run(&self, stage: &Stage) {
        let repo = json!({ "name": "home", "url": self.url(), "credentialsSecretRef": { "name": "git" } });
        let manifest = run("relay", &["A-1"], &[("home", &self.docs)], json!({ "repos": [repo] }));
        stage.create(&manifest).await;
    }

    fn workspaces_of(&self, stage: &Stage) -> PathBuf {
        self.controller.workspaces().join(stage.namespace())
    }

    /// The caches of the repository that belong to the namespace, whatever opens them.
    fn caches_of(&self, stage: &Stage) -> BTreeSet<PathBuf> {
        let family = family_of(stage.namespace(), &self.url());
        let entries = std::fs::read_dir(self.controller.data().join("cache"))
            .unwrap()
            .flatten();
        let own = entries.filter(|e| e.file_name().to_string_lossy().starts_with(&family));
        own.map(|e| e.path()).filter(|p| p.is_dir()).collect()
    }

    /// All that people and programs can see of a namespace: its Runs, topologies and Events, and its Runs' steps.
    async fn seen_in(&self, stage: &Stage) -> String {
        let kinds = "runs,tickettopologies,events.v1.events.k8s.io";
        let (done, mut all) = self.kubectl(&["--namespace", stage.namespace(), "get", kinds, "-o", "json"]);
        assert!(done, "{all}");
        let uid = stage.run("relay").await["metadata"]["uid"].as_str().unwrap().to_owned();
        for (_, content) in files(&self.controller.data().join("steps").join(uid)) {
            all.push_str(&String::from_utf8_lossy(&content));
        }
        all
    }
}

/// Every file below a folder, links not followed.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
    {
        if path.is_dir() && !path.is_symlink() {
            found.extend(files(&path));
        } else if let Ok(content) = std::fs::read(&path) {
            found.push((path, content));
        }
    }
    found
}

fn holding(folder: &Path, word: &str) -> Vec<PathBuf> {
    let found = files(folder).into_iter();
    let holds = |content: &[u8]| content.windows(word.len()).any(|part| part == word.as_bytes());
    found.filter(|(_, c)| holds(c)).map(|(path, _)| path).collect()
}

#[tokio::test]
async fn of_two_namespaces_with_the_same_names_only_the_one_with_the_credential_gets_anything() {
    let Some(world) = World::new().await else {
        println!("skipped: needs a control plane of its own");
        return;
    };
    let (ours, theirs) = (&world.ours, &world.theirs);
    let trust = json!({ "ca.crt": world.server.ca });
    let opens = json!({ "ca.crt": world.server.ca, "username": "kim", "password": PASSWORD });
    world.secret(ours, &opens);
    world.secret(theirs, &trust);
    world.create_run(ours).await;
    ours.until_run_is("relay", Verdict::Current).await;
    assert!(
        !holding(&world.workspaces_of(ours), WORDS).is_empty(),
        "the documents are there"
    );

    // The cache is full now, and helps nobody else.
    world.create_run(theirs).await;
    let refused = theirs.until_run_is("relay", Verdict::Failed).await;
    assert_eq!(condition(&refused, "Ready")["reason"], "CredentialsRequired");
    assert_eq!(holding(&world.workspaces_of(theirs), WORDS), Vec::<PathBuf>::new());
    let filled = |caches: &BTreeSet<PathBuf>| caches.iter().filter(|c| has_objects(c)).count();
    assert_eq!(filled(&world.caches_of(ours)), 1);
    assert_eq!(filled(&world.caches_of(theirs)), 0);
    nothing_crosses(&world).await;

    // With a credential of its own it gets everything, into a cache of its own.
    world.secret(theirs, &opens);
    theirs.request("relay", "now").await;
    theirs.until_run_is("relay", Verdict::Current).await;
    assert!(!holding(&world.workspaces_of(theirs), WORDS).is_empty());
    assert!(world.caches_of(ours).is_disjoint(&world.caches_of(theirs)));
    nothing_crosses(&world).await;

    // And its end is nothing to the other.
    theirs.delete("Run", "relay").await;
    theirs.until_gone("Run", "relay").await;
    assert!(!holding(&world.workspaces_of(ours), WORDS).is_empty());
    assert_eq!(filled(&world.caches_of(ours)), 1);
    secrets_were_only_asked_for_by_name(&world);
}

fn has_objects(cache: &Path) -> bool {
    let packed = files(&cache.join("objects")).into_iter();
    packed.filter(|(p, _)| !p.ends_with("info/alternates")).count() > 0
}

/// Neither namespace shows anything of the other, and the password is nowhere.
async fn nothing_crosses(world: &World) {
    let uid = async |stage: &Stage| stage.run("relay").await["metadata"]["uid"].as_str().unwrap().to_owned();
    for (here, there) in [(&world.ours, &world.theirs), (&world.theirs, &world.ours)] {
        let seen = world.seen_in(here).await;
        assert!(seen.contains(here.namespace()) && seen.contains("A-1"));
        for word in [there.namespace(), &uid(there).await] {
            assert!(
                !seen.contains(word),
                "{word} of the other is seen in {}",
                here.namespace()
            );
        }
        let foreign = holding(&world.workspaces_of(here), there.namespace());
        assert_eq!(foreign, Vec::<PathBuf>::new());
    }
    let log = world.controller.log();
    let both = |line: &&str| line.contains(world.ours.namespace()) && line.contains(world.theirs.namespace());
    // The one line that tells the settings names both namespaces.
    let told: Vec<_> = log.lines().filter(both).filter(|l| l.contains("relay")).collect();
    assert_eq!(told, Vec::<&str>::new());
    for word in [PASSWORD, &encoded()] {
        assert_eq!(holding(world.controller.data(), word), Vec::<PathBuf>::new());
        assert!(!log.contains(word));
        for stage in [&world.ours, &world.theirs] {
            assert!(!world.seen_in(stage).await.contains(word));
        }
    }
}

fn secrets_were_only_asked_for_by_name(world: &World) {
    let asked = for_secrets(&world.plane.audit_log());
    let own = [world.ours.namespace(), world.theirs.namespace()];
    for request in &asked {
        let right = request.verb == "get" && request.name == "git" && own.contains(&request.namespace.as_str());
        assert!(right, "{request:?}");
    }
    for namespace in own {
        assert!(
            asked.iter().any(|r| r.namespace == namespace),
            "asked for in {namespace}: {asked:?}"
        );
    }
}
