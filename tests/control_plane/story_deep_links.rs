//! Deep links on a real API server: who has which token and which right sees what of a workspace's documents.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use metawsm::adapters::docmgr::{Docmgr, DocsLimits};
use metawsm::adapters::kube_access::KubeAccess;
use metawsm::kernel::address_rules::AddressRules;
use metawsm::ports::doc_source::{DocsDoor, LiveDocs};
use metawsm::web::docs::{DeepLinks, Shown};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::cluster::Cluster;
use crate::harness::people::{Person, until_heeded};

/// Answers for one workspace.
struct Door {
    namespace: String,
    address: SocketAddr,
    /// Whether each look finds another process.
    changes: bool,
    looks: AtomicUsize,
}

#[async_trait]
impl DocsDoor for Door {
    async fn live(&self, namespace: &str, run: &str, ticket: &str) -> Option<LiveDocs> {
        let known = namespace == self.namespace && run == "relay" && ticket.eq_ignore_ascii_case("A-1");
        let looks = self.looks.fetch_add(1, Ordering::SeqCst);
        known.then(|| LiveDocs {
            address: self.address,
            run_uid: "r-1".to_owned(),
            instance: if self.changes { looks.to_string() } else { String::new() },
        })
    }
}

/// What reached the docs server: path with query, and headers.
type Reached = Arc<Mutex<Vec<(String, HeaderMap)>>>;

const HOSTILE: &str = "<script>alert(1)</script>";

async fn docs(State(reached): State<Reached>, uri: Uri, headers: HeaderMap) -> axum::Json<Value> {
    reached.lock().unwrap().push((uri.to_string(), headers));
    let row = json!({"path": "t/index.md", "title": HOSTILE, "docType": "index", "status": "active"});
    axum::Json(match uri.path() {
        "/api/v1/tickets/get" => json!({"ticket": "A-1", "title": HOSTILE, "indexPath": "t/index.md"}),
        "/api/v1/tickets/docs" => json!({"total": 1, "results": [row], "nextCursor": ""}),
        "/api/v1/docs/get" => json!({"path": "t/index.md", "doc": {"title": HOSTILE}, "body": HOSTILE}),
        _ => json!({"root": "/repo/ttmp"}),
    })
}

async fn served(routes: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    address
}

struct Story {
    cluster: Cluster,
    pages: SocketAddr,
    reached: Reached,
    http: reqwest::Client,
}

/// Status, content type, security policy, and the text.
struct Seen {
    status: u16,
    kind: String,
    policy: String,
    text: String,
}

impl Story {
    async fn new() -> Self {
        Self::with_a_door_that_changes(false).await
    }

    async fn with_a_door_that_changes(changes: bool) -> Self {
        let cluster = Cluster::new().await;
        let reached = Reached::default();
        let address = served(Router::new().fallback(docs).with_state(reached.clone())).await;
        let limits = DocsLimits {
            max_answer_bytes: 1 << 20,
            max_tickets: 100,
        };
        let links = DeepLinks::default();
        let pages = served(links.routes()).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let story = Self {
            cluster,
            pages,
            reached,
            http,
        };
        let before = story.get("relay/A-1/", Some("any")).await;
        assert_eq!(before.status, 503, "nothing is served before this process leads");
        links.open(Shown {
            access: Arc::new(KubeAccess::new(story.cluster.client.clone())),
            door: Arc::new(Door {
                namespace: story.cluster.namespace.clone(),
                address,
                changes,
                looks: AtomicUsize::new(0),
            }),
            pages: Arc::new(Docmgr::new(AddressRules::default(), limits).unwrap()),
        });
        story
    }

    async fn kubectl(&self, line: &[&str]) -> String {
        let (done, said) = self.cluster.kubectl(line).await;
        assert!(done, "{line:?}: {said}");
        said.trim().to_owned()
    }

    /// The token of a new service account.
    async fn token(&self, account: &str) -> String {
        self.kubectl(&["create", "serviceaccount", account]).await;
        self.kubectl(&["create", "token", account]).await
    }

    /// Lets an account get Runs, perhaps only one of them.
    async fn grant(&self, account: &str, names: &[&str]) {
        let names = names.iter().map(|name| format!("--resource-name={name}"));
        let names: Vec<_> = names.collect();
        let mut line = vec!["create", "role", account, "--verb=get", "--resource=runs.metawsm.dev"];
        line.extend(names.iter().map(String::as_str));
        self.kubectl(&line).await;
        let (role, who) = (
            format!("--role={account}"),
            format!("--serviceaccount={}:{account}", self.cluster.namespace),
        );
        self.kubectl(&["create", "rolebinding", account, &role, &who]).await;
        let name = Person::account(&self.cluster, account);
        until_heeded(&self.cluster, &name, "Role", account).await;
    }

    async fn send(&self, method: &str, below: &str, token: Option<&str>) -> Seen {
        let url = format!("http://{}/docs/{}/{below}", self.pages, self.cluster.namespace);
        let mut request = self.http.request(method.parse().unwrap(), url);
        request = request
            .header("cookie", "session=1")
            .header("x-forwarded-for", "10.0.0.1");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        let header = |name: &str| {
            let found = response.headers().get(name);
            found.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
        };
        Seen {
            status: response.status().as_u16(),
            kind: header("content-type"),
            policy: header("content-security-policy"),
            text: response.text().await.unwrap(),
        }
    }

    async fn get(&self, below: &str, token: Option<&str>) -> Seen {
        self.send("GET", below, token).await
    }

    fn reached(&self) -> Vec<(String, HeaderMap)> {
        std::mem::take(&mut self.reached.lock().unwrap())
    }
}

#[tokio::test]
async fn documents_are_shown_to_whom_the_cluster_lets_get_the_run_and_to_nobody_else() {
    let story = Story::new().await;
    let (reader, stranger, other) = (
        story.token("reader").await,
        story.token("stranger").await,
        story.token("other").await,
    );
    story.grant("reader", &["relay"]).await;
    story.grant("other", &["beacon"]).await;

    let nobody = story.get("relay/A-1/", None).await;
    assert_eq!(nobody.status, 401, "{}", nobody.text);
    for token in ["wrong", "a.b.c", &format!("{reader}x")] {
        assert_eq!(story.get("relay/A-1/", Some(token)).await.status, 401);
    }
    for token in [&stranger, &other] {
        let seen = story.get("relay/A-1/", Some(token)).await;
        assert_eq!(seen.status, 403);
        assert!(seen.text.contains("may not get run &#39;relay&#39;"), "{}", seen.text);
    }
    assert!(story.reached().is_empty(), "nothing reached the docs server so far");

    let page = story.get("relay/A-1/", Some(&reader)).await;
    assert_eq!(
        (page.status, page.kind.as_str()),
        (200, "text/html; charset=utf-8"),
        "{}",
        page.text
    );
    assert!(page.policy.starts_with("default-src 'none'"), "{}", page.policy);
    assert!(
        page.text.contains("&lt;script&gt;") && !page.text.contains("<script"),
        "{}",
        page.text
    );
    assert!(page.text.contains("/relay/A-1/doc?path=t%2Findex.md"), "{}", page.text);
    let document = story.get("relay/A-1/doc?path=t%2Findex.md", Some(&reader)).await;
    assert_eq!(document.status, 200, "{}", document.text);
    assert!(document.text.contains("<pre>&lt;script&gt;"), "{}", document.text);
    let passed = story.get("relay/A-1/api/v1/workspace/status?a=b", Some(&reader)).await;
    assert_eq!((passed.status, passed.kind.as_str()), (200, "application/json"));
    assert_eq!(passed.text, r#"{"root":"/repo/ttmp"}"#);
    let head = story
        .send("HEAD", "relay/A-1/api/v1/workspace/status", Some(&reader))
        .await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));

    let reached = story.reached();
    assert_eq!(reached.len(), 5, "{reached:?}");
    for (_, headers) in &reached {
        for kept in ["authorization", "cookie", "x-forwarded-for", "accept-encoding"] {
            assert!(!headers.contains_key(kept), "{kept} of the caller was passed on");
        }
    }
}

#[tokio::test]
async fn what_is_not_on_the_list_is_served_to_nobody() {
    let story = Story::new().await;
    let reader = story.token("reader").await;
    story.grant("reader", &[]).await;
    for below in [
        "relay/A-1/api/v1/files/get?path=.git/config",
        "relay/A-1/api/v1/index/refresh",
        "relay/A-1/api/v1/tickets/tasks/add",
        "relay/A-1/api/v1/docs/%2e%2e/files/get",
        "relay/A-1/api/v1/docs/..%2ffiles%2fget",
        "relay/A-1/api/v1/docs/get%00",
        "relay/A-1//api/v1/docs/get",
        "relay/%41-1/",
        "relay/B-2/",
        "beacon/A-1/",
    ] {
        assert_eq!(story.get(below, Some(&reader)).await.status, 404, "{below}");
    }
    for path in ["../secret.md", "/etc/passwd", "t/../../x.md", "t\\x.md", ""] {
        let path: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
        let seen = story.get(&format!("relay/A-1/doc?path={path}"), Some(&reader)).await;
        assert_eq!(seen.status, 404, "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let seen = story.send(method, "relay/A-1/api/v1/docs/get", Some(&reader)).await;
        assert_eq!(seen.status, 405, "{method}");
    }
    assert!(story.reached().is_empty(), "none of it reached the docs server");
}

#[tokio::test]
async fn an_answer_from_a_port_that_changed_hands_is_not_shown() {
    let story = Story::with_a_door_that_changes(true).await;
    let reader = story.token("reader").await;
    story.grant("reader", &["relay"]).await;
    let seen = story.get("relay/A-1/", Some(&reader)).await;
    assert_eq!(
        (seen.status, seen.text.contains("script")),
        (502, false),
        "{}",
        seen.text
    );
}

#[tokio::test]
async fn a_right_that_is_taken_away_counts_at_once() {
    let story = Story::new().await;
    let reader = story.token("reader").await;
    story.grant("reader", &["relay"]).await;
    assert_eq!(story.get("relay/A-1/", Some(&reader)).await.status, 200);
    story.kubectl(&["delete", "rolebinding", "reader"]).await;
    let refused = async || (story.get("relay/A-1/", Some(&reader)).await.status == 403).then_some(());
    crate::harness::polling::eventually("the right is gone", refused).await;
}
