//! A faulty road between the controller and the API server: a proxy that speaks plain HTTP to the one and TLS with the
//! kubeconfig's credentials to the other. Lease, Events and reviews pass unharmed unless a story says otherwise.

mod felt;
mod lists;
mod mangle;
pub mod script;
mod serve;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use self::script::Script;

/// What a road is told while it serves.
pub struct Terms {
    pub script: Script,
    /// The API server as of now: it may move to another address with other credentials.
    pub upstream: Client,
    /// Requests reach the API server as this user's.
    pub user: Option<String>,
    /// Only requests with one of these tokens pass; all where there is none.
    pub tokens: Vec<&'static str>,
    /// Which of them were shown so far.
    pub shown: BTreeSet<&'static str>,
    /// The next watch events of this `(path ends with, name)` are swallowed without a word, so many of them.
    pub swallow: Option<(String, String, u32)>,
    counts: HashMap<String, u64>,
    lists: HashMap<String, Vec<lists::Seen>>,
    /// The resource version of a path that was called too old: it stays so until the next list.
    gone: HashMap<String, String>,
    /// What went wrong so far, and how often.
    pub done: BTreeMap<String, u32>,
}

impl Terms {
    fn nth(&mut self, of: String) -> u64 {
        let count = self.counts.entry(of).or_default();
        *count += 1;
        *count
    }

    /// The paths of our group that were written to so far, and how often.
    pub fn writes(&self) -> BTreeMap<String, u64> {
        let written = self.counts.iter().filter(|(of, _)| of.starts_with("Write "));
        written.map(|(of, count)| (of.clone(), *count)).collect()
    }

    fn note(&mut self, what: impl std::fmt::Debug) {
        *self.done.entry(format!("{what:?}")).or_default() += 1;
    }
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Terms>>);

impl Shared {
    fn terms(&self) -> MutexGuard<'_, Terms> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The proxy; gone with the value. A failing test prints its seed and what it did.
pub struct Road {
    shared: Shared,
    server: JoinHandle<()>,
    folder: tempfile::TempDir,
    address: String,
}

impl Road {
    /// A road to the API server of a kubeconfig.
    pub async fn to(kubeconfig: &str, script: Script) -> Self {
        let terms = Terms {
            script,
            upstream: client_of(kubeconfig).await,
            user: None,
            tokens: vec![],
            shown: BTreeSet::new(),
            swallow: None,
            counts: HashMap::new(),
            lists: HashMap::new(),
            gone: HashMap::new(),
            done: BTreeMap::new(),
        };
        let shared = Shared(Arc::new(Mutex::new(terms)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(serve::serve(listener, shared.clone()));
        Self {
            shared,
            server,
            folder: tempfile::tempdir().unwrap(),
            address,
        }
    }

    /// Changes the terms from now on.
    pub fn change<T>(&self, change: impl FnOnce(&mut Terms) -> T) -> T {
        change(&mut self.shared.terms())
    }

    /// From now on nothing goes wrong.
    pub fn mend(&self) {
        self.change(|t| t.script = Script::clean());
    }

    /// From now on the API server is where this kubeconfig says.
    pub async fn lead_to(&self, kubeconfig: &str) {
        let upstream = client_of(kubeconfig).await;
        self.change(|t| t.upstream = upstream);
    }

    /// A kubeconfig that takes this road with a token.
    pub fn kubeconfig(&self, token: &str) -> PathBuf {
        let path = self.folder.path().join("kubeconfig");
        let text = format!(
            "{{apiVersion: v1, kind: Config, current-context: road, contexts: [{{name: road, context: {{cluster: road, \
             user: road}}}}], clusters: [{{name: road, cluster: {{server: \"{}\"}}}}], users: [{{name: road, user: \
             {{token: \"{token}\"}}}}]}}\n",
            self.address
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The port on the loopback interface.
    pub fn port(&self) -> u16 {
        self.address.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// What went wrong so far, and how often.
    pub fn done(&self) -> BTreeMap<String, u32> {
        self.change(|t| t.done.clone())
    }
}

impl Drop for Road {
    fn drop(&mut self) {
        self.server.abort();
        if std::thread::panicking() {
            let terms = self.shared.terms();
            eprintln!(
                "---- the road '{}' with METAWSM_TEST_SEED={} did: {:?}",
                terms.script.name, terms.script.seed, terms.done
            );
        }
    }
}

async fn client_of(kubeconfig: &str) -> Client {
    let read = Kubeconfig::read_from(kubeconfig).expect("the kubeconfig can be read");
    let config = kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
    let mut config = config.expect("the kubeconfig is usable");
    // What the controller asks and how often is its own affair.
    (config.default_retry, config.disable_compression) = (false, true);
    Client::try_from(config).expect("a client can be made")
}
