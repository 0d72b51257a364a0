//! A hundred documents' servers with a thousand tickets each, some of them dead, hanging or trickling: all are seen, and
//! where nothing changes nothing is written, neither to the API server nor to SQLite.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use futures::StreamExt as _;
use kube::ResourceExt as _;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Row as _, SqliteConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::harness::docs_server::DocsServer;
use crate::harness::history::column;
use crate::harness::polling::{PATIENCE, eventually};
use crate::harness::requests::Requests;
use crate::harness::stage::{Stage, condition};

const HEALTHY: usize = 85;
/// Of each bad sort.
const BAD: usize = 5;
const TICKETS: usize = 1_000;
/// Long enough that another latency, which is told after ten rounds, seldom falls into what is watched.
const INTERVAL: &str = "15s";

/// How a server is bad.
#[derive(Clone, Copy)]
enum Manner {
    Hangs,
    /// A byte a second.
    Trickles,
}

fn endpoint(name: &str, url: &str, repo: usize) -> Value {
    json!({
        "apiVersion": "metawsm.dev/v1alpha1", "kind": "DocEndpoint", "metadata": {"name": name},
        "spec": {
            "kind": "Repo", "url": url, "repo": format!("repo-{repo}"), "interval": INTERVAL, "timeout": "30s",
            "staleAfter": "24h",
        },
    })
}

/// A server that never answers well; gone with the test's runtime.
async fn bad(manner: Manner) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, manner));
        }
    });
    url
}

async fn answer(mut stream: TcpStream, manner: Manner) {
    let mut asked = [0; 1024];
    let _ = stream.read(&mut asked).await;
    match manner {
        Manner::Hangs => std::future::pending().await,
        Manner::Trickles => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n";
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(b" ").await.is_ok() {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        }
    }
}

/// Where nobody listens, nor will anybody for as long as the socket is held: a port that is given back may be another
/// server's a moment later.
fn dead() -> (String, TcpSocket) {
    let held = TcpSocket::new_v4().unwrap();
    held.bind(([127, 0, 0, 1], 0).into()).unwrap();
    (format!("http://{}", held.local_addr().unwrap()), held)
}

/// Which state of its database this connection sees: another one after each commit of anybody else.
async fn data_version(connection: &mut SqliteConnection) -> i64 {
    let row = sqlx::query("PRAGMA data_version").fetch_one(connection).await.unwrap();
    row.get(0)
}

async fn opened(database: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(database).read_only(true);
    options.connect().await.expect("the database can be read")
}

/// Every healthy server was asked so often once more.
async fn rounds(servers: &[DocsServer], more: usize) {
    let before: Vec<_> = servers.iter().map(DocsServer::questions).collect();
    eventually("every server is asked again", async || {
        let asked = servers.iter().zip(&before);
        asked.clone().all(|(s, b)| s.questions() >= b + more).then_some(())
    })
    .await;
}

/// The endpoints that were heard.
async fn heard(stage: &Stage) -> usize {
    let list = stage.endpoints().list(&kube::api::ListParams::default()).await.unwrap();
    let up = list.items.iter().filter(|e| {
        let object = json!(e);
        condition(&object, "Reachable")["status"] == "True" && object["status"]["tickets"] == TICKETS
    });
    up.count()
}

/// The step of each endpoint's latency.
async fn latencies(stage: &Stage) -> BTreeMap<String, String> {
    let list = stage.endpoints().list(&kube::api::ListParams::default()).await.unwrap();
    let latency = |e: &kube::api::DynamicObject| (e.name_any(), json!(e)["status"]["latency"].to_string());
    list.items.iter().map(latency).collect()
}

/// Whose writes count.
#[derive(Clone, Copy, PartialEq)]
enum Among {
    /// The healthy ones'; SQLite may be written for the others.
    Good,
    All,
}

/// Two rounds without any write. A machine that became busier or quieter for so long that another latency is told is a
/// change: then two more, and nothing but those endpoints may have been written.
async fn quiet_rounds(stage: &Stage, servers: &[DocsServer], database: &mut SqliteConnection, among: Among) {
    let (first, mut late) = (Instant::now(), false);
    loop {
        let (told, version) = (latencies(stage).await, data_version(database).await);
        let requests = Requests::from_now(stage.namespace());
        rounds(servers, 2).await;
        let writes = requests.map_or(vec![], |r| r.writes());
        let version = (version, data_version(database).await);
        let now = latencies(stage).await;
        let moved: Vec<_> = now
            .iter()
            .filter(|(name, step)| told.get(*name) != Some(step))
            .map(|(n, _)| n)
            .collect();
        let counts = |write: &&String| among == Among::All || write.contains("/good-");
        let is_moved = |write: &String| moved.iter().any(|name| write.contains(&format!("/{name} ")));
        let wrong: Vec<_> = writes.iter().filter(counts).filter(|w| !is_moved(w)).collect();
        assert!(wrong.is_empty(), "the API server was written: {wrong:?}");
        if moved.is_empty() {
            if among == Among::Good || version.0 == version.1 {
                return;
            }
            // What was told just before may have been recorded within; nothing can be late a second time.
            assert!(!std::mem::replace(&mut late, true), "SQLite was written");
            continue;
        }
        late = false;
        assert!(first.elapsed() < PATIENCE, "other latencies all the time: {moved:?}");
    }
}

async fn served(stage: &Stage) -> Vec<DocsServer> {
    let mut servers = Vec::new();
    for repo in 0..HEALTHY {
        let names: Vec<_> = (0..TICKETS).map(|n| format!("R{repo}-{n}")).collect();
        let tickets: Vec<_> = names.iter().map(|name| (name.as_str(), "active")).collect();
        servers.push(DocsServer::of(&tickets).await);
    }
    let made = futures::stream::iter(servers.iter().enumerate())
        .map(|(n, server)| async move { stage.create(&endpoint(&format!("good-{n}"), &server.url(), n)).await });
    let _: Vec<_> = made.buffer_unordered(8).collect().await;
    servers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_servers_are_seen_beside_bad_ones_and_rounds_without_changes_write_nothing() {
    let stage = Stage::new().await;
    let ports: Vec<_> = (0..BAD).map(|_| dead()).collect();
    for (n, (dead, _held)) in ports.iter().enumerate() {
        for (name, url) in [
            ("dead", dead.clone()),
            ("hangs", bad(Manner::Hangs).await),
            ("trickles", bad(Manner::Trickles).await),
        ] {
            stage.create(&endpoint(&format!("{name}-{n}"), &url, n)).await;
        }
    }
    let servers = served(&stage).await;
    // Nothing here is about who leads, and a hundred lists at once keep two cores busy in a build without optimisation.
    let controller = stage.controller("a").with("METAWSM_LEASE_DURATION", "5m");
    let controller = controller.with("METAWSM_DOCS_ALLOW_CIDR", "127.0.0.1/32").lead().await;
    eventually("every healthy server is heard", async || {
        (heard(&stage).await == HEALTHY).then_some(())
    })
    .await;
    let count = "SELECT CAST(count(*) AS TEXT) FROM federated_tickets";
    let all = (HEALTHY * TICKETS).to_string();
    eventually("the global view has every ticket", async || {
        (column(&controller.database(), count).await == [all.clone()]).then_some(())
    })
    .await;
    rounds(&servers, 1).await;

    // Beside bad servers: nothing is written of the healthy ones.
    let mut connection = opened(&controller.database()).await;
    quiet_rounds(&stage, &servers, &mut connection, Among::Good).await;

    // How often the bad ones failed is told in powers of two. Without them nothing is written at all.
    for n in 0..BAD {
        for name in ["dead", "hangs", "trickles"] {
            let suspended = json!({ "spec": { "suspend": true } });
            stage.patch("DocEndpoint", &format!("{name}-{n}"), suspended).await;
        }
    }
    for n in 0..BAD {
        for name in ["dead", "hangs", "trickles"] {
            let rests = |e: &Value| condition(e, "Suspended")["status"] == "True";
            stage
                .until("DocEndpoint", &format!("{name}-{n}"), "it is asked no more", rests)
                .await;
        }
    }
    let mut before = 0;
    eventually("what was on its way is written", async || {
        rounds(&servers, 1).await;
        let now = data_version(&mut connection).await;
        std::mem::replace(&mut before, now).eq(&now).then_some(())
    })
    .await;
    quiet_rounds(&stage, &servers, &mut connection, Among::All).await;
}
