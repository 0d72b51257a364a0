//! The prober against servers that answer, hang, die and panic; time is the test's own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc::UnboundedReceiver;

use super::metrics::FederationMetrics;
use super::mirror::Mirror;
use super::target::{Copy, Place, Problem, Target};
use super::{CredentialSource, News, Prober, ProberSettings};
use crate::kernel::moment::Moment;
use crate::ports::clock::Clock;
use crate::ports::doc_source::{
    DocServer, DocSource, DocSourceCode, DocSourceError, DocsDoor, Refreshed, ServerStatus, TicketList, TicketRow,
};
use crate::ports::federated::{FederatedChange, FederatedStore};
use crate::ports::journal::JournalError;
use crate::ports::secrets::Credential;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq)]
enum Mood {
    /// Answers after so many milliseconds.
    Well(u64),
    Hangs,
    Dead,
    Panics,
}

struct Server {
    mood: Mood,
    indexed: i64,
    tickets: Vec<String>,
    root: String,
    asked: usize,
    listed: usize,
    refreshes: usize,
    at_once: usize,
}

/// Many servers by their host's name.
#[derive(Default)]
struct Servers(Mutex<BTreeMap<String, Server>>);

impl Servers {
    fn with<T>(&self, host: &str, change: impl FnOnce(&mut Server) -> T) -> T {
        change(self.0.lock().unwrap().get_mut(host).unwrap())
    }

    fn put(&self, host: &str, mood: Mood, tickets: usize) {
        let tickets = (0..tickets).map(|n| format!("T-{n}")).collect();
        let server = Server {
            mood,
            indexed: 1,
            tickets,
            root: "/docs".into(),
            asked: 0,
            listed: 0,
            refreshes: 0,
            at_once: 0,
        };
        self.0.lock().unwrap().insert(host.into(), server);
    }

    async fn answer(&self, server: &DocServer) -> Result<(String, ServerStatus), DocSourceError> {
        let host = server.url.host_str().unwrap().to_owned();
        let mood = self.with(&host, |s| {
            s.asked += 1;
            s.mood
        });
        match mood {
            Mood::Well(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Mood::Hangs => std::future::pending().await,
            Mood::Panics => panic!("a bug"),
            Mood::Dead => {
                return Err(DocSourceError {
                    code: DocSourceCode::ConnectFailed,
                    message: "nobody".into(),
                });
            }
        }
        let status = self.with(&host, |s| ServerStatus {
            root: s.root.clone(),
            repo_root: String::new(),
            indexed_at: Moment::from_millis(s.indexed),
            docs_indexed: s.tickets.len() as u64,
            full_text: true,
        });
        Ok((host, status))
    }
}

#[async_trait]
impl DocSource for Servers {
    async fn status(&self, server: &DocServer, _: Duration) -> Result<ServerStatus, DocSourceError> {
        Ok(self.answer(server).await?.1)
    }

    async fn tickets(&self, server: &DocServer, _: Duration) -> Result<TicketList, DocSourceError> {
        let (host, status) = self.answer(server).await?;
        let rows: Vec<_> = self.with(&host, |s| {
            s.listed += 1;
            s.tickets.iter().map(|ticket| row(ticket)).collect()
        });
        Ok(TicketList {
            status,
            rows,
            duplicates: vec![],
            refused_count: 0,
            refused: vec![],
        })
    }

    async fn refresh(&self, server: &DocServer, _: Duration) -> Result<Refreshed, DocSourceError> {
        let host = server.url.host_str().unwrap().to_owned();
        let alone = self.with(&host, |s| {
            s.refreshes += 1;
            s.at_once += 1;
            s.at_once == 1
        });
        assert!(alone, "one refresh at a time");
        tokio::time::sleep(SECOND).await;
        self.with(&host, |s| {
            s.at_once -= 1;
            s.indexed += 1;
        });
        Ok(Refreshed {
            indexed_at: Moment::from_millis(2).unwrap(),
            docs_indexed: 1,
        })
    }
}

fn row(ticket: &str) -> TicketRow {
    TicketRow {
        ticket: ticket.into(),
        title: "a".into(),
        status: "active".into(),
        intent: String::new(),
        topics: vec![],
        owners: vec![],
        updated_at: None,
        ticket_dir: String::new(),
        index_path: String::new(),
    }
}

struct Nothing;

#[async_trait]
impl DocsDoor for Nothing {
    async fn address(&self, _: &str, _: &str, _: &str) -> Option<SocketAddr> {
        None
    }
}

#[async_trait]
impl CredentialSource for Nothing {
    async fn credential(&self, _: &str, _: &str) -> Result<Credential, Problem> {
        Err(Problem::lasting("SecretNotFound", "none"))
    }
}

impl Clock for Nothing {
    fn now(&self) -> Moment {
        Moment::from_millis(1_000_000).unwrap()
    }
}

fn prober(servers: &Arc<Servers>) -> (Arc<Prober>, UnboundedReceiver<News>) {
    let (nothing, metrics) = (Arc::new(Nothing), FederationMetrics::default());
    Prober::new(
        servers.clone(),
        nothing.clone(),
        nothing.clone(),
        nothing,
        metrics,
        ProberSettings::default(),
    )
}

fn target(name: &str) -> Target {
    Target {
        uid: name.into(),
        namespace: "team".into(),
        name: name.into(),
        copy: Copy::Repo,
        repo: "docs".into(),
        home: None,
        run_uid: None,
        ticket: None,
        web_url: None,
        place: Place::Written {
            url: format!("http://{name}/"),
            secret: None,
        },
        expected_root: None,
        interval: 30 * SECOND,
        timeout: 5 * SECOND,
        stale_after: 900 * SECOND,
    }
}

fn drained(news: &mut UnboundedReceiver<News>) -> Vec<News> {
    std::iter::from_fn(|| news.try_recv().ok()).collect()
}

#[tokio::test(start_paused = true)]
async fn dead_hanging_and_panicking_servers_delay_nobody() {
    let servers = Arc::new(Servers::default());
    let (prober, _news) = prober(&servers);
    for n in 0..100 {
        let mood = match n {
            0..10 => Mood::Hangs,
            10..15 => Mood::Dead,
            15..20 => Mood::Panics,
            _ => Mood::Well(400),
        };
        servers.put(&format!("s{n}"), mood, 3);
        prober.ask(target(&format!("s{n}")), None);
    }
    // A second to begin in, and twice the time of an answer: more than 64 take a second turn.
    tokio::time::sleep(Duration::from_millis(2000)).await;
    let heard = (20..100).filter(|n| prober.catalogue().of(&format!("s{n}")).unwrap().1.reachable());
    assert_eq!(heard.count(), 80);
    tokio::time::sleep(6 * SECOND).await;
    let code = |name: &str| prober.catalogue().of(name).unwrap().1.trouble.unwrap().0.code;
    assert_eq!(
        [code("s0"), code("s10"), code("s15")],
        ["TimedOut", "ConnectFailed", "AskingFailed"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_quiet_server_is_asked_one_question_a_round_and_is_no_news() {
    let servers = Arc::new(Servers::default());
    let (prober, mut news) = prober(&servers);
    servers.put("docs", Mood::Well(1), 5);
    prober.ask(target("docs"), None);
    tokio::time::sleep(2 * SECOND).await;
    let first = drained(&mut news);
    assert_eq!(first.last().unwrap().tickets.len(), 5, "{first:?}");
    tokio::time::sleep(310 * SECOND).await;
    assert_eq!(drained(&mut news), []);
    let (asked, listed) = servers.with("docs", |s| (s.asked, s.listed));
    assert!(
        (10..=12).contains(&asked) && listed == 1,
        "{asked} questions, {listed} lists"
    );
}

#[tokio::test(start_paused = true)]
async fn only_what_changed_is_news() {
    let servers = Arc::new(Servers::default());
    let (prober, mut news) = prober(&servers);
    servers.put("docs", Mood::Well(1), 5);
    prober.ask(target("docs"), None);
    tokio::time::sleep(2 * SECOND).await;
    drained(&mut news);
    servers.with("docs", |s| {
        s.tickets.push("New-1".into());
        s.indexed = 7;
    });
    prober.ask(target("docs"), None);
    tokio::time::sleep(SECOND).await;
    let told: BTreeSet<_> = drained(&mut news).into_iter().flat_map(|n| n.tickets).collect();
    assert!(told.contains("new-1"), "{told:?}");
    assert_eq!(
        prober.catalogue().listed("team", "NEW-1")[0]
            .row
            .as_ref()
            .unwrap()
            .ticket,
        "New-1"
    );
    assert_eq!(prober.catalogue().listed("other", "NEW-1").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_down_keeps_its_last_answer_and_is_told_in_few_steps() {
    let servers = Arc::new(Servers::default());
    let (prober, mut news) = prober(&servers);
    servers.put("docs", Mood::Well(1), 5);
    prober.ask(target("docs"), None);
    tokio::time::sleep(2 * SECOND).await;
    servers.with("docs", |s| s.mood = Mood::Dead);
    tokio::time::sleep(40 * SECOND).await;
    drained(&mut news);
    tokio::time::sleep(24 * 3600 * SECOND).await;
    let told = drained(&mut news);
    assert!(told.len() <= 11, "{} times in a day", told.len());
    let known = prober.catalogue().of("docs").unwrap().1;
    assert!(
        known.facts.is_some() && !known.reachable() && known.failures >= 256,
        "{known:?}"
    );
    assert!(prober.catalogue().listed("team", "t-1")[0].row.is_some());
    servers.with("docs", |s| s.mood = Mood::Well(1));
    tokio::time::sleep(300 * SECOND).await;
    assert!(
        prober.catalogue().of("docs").unwrap().1.reachable(),
        "it is back within five minutes"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refresh_is_made_once_and_alone_and_its_index_is_read_at_once() {
    let servers = Arc::new(Servers::default());
    let (prober, _news) = prober(&servers);
    servers.put("docs", Mood::Well(1), 5);
    prober.ask(target("docs"), None);
    tokio::time::sleep(2 * SECOND).await;
    let announced = Moment::from_millis(77).unwrap();
    for _ in 0..200 {
        prober.refresh("docs", announced);
        prober.ask(target("docs"), None);
    }
    tokio::time::sleep(3 * SECOND).await;
    let known = prober.catalogue().of("docs").unwrap().1;
    assert_eq!(known.flight.unwrap().outcome, Some(Ok(Moment::from_millis(2).unwrap())));
    assert_eq!(known.facts.unwrap().indexed_at, Moment::from_millis(2));
    assert_eq!(servers.with("docs", |s| s.refreshes), 1);
}

#[tokio::test(start_paused = true)]
async fn another_process_behind_the_address_is_not_believed() {
    let servers = Arc::new(Servers::default());
    let (prober, _news) = prober(&servers);
    servers.put("docs", Mood::Well(1), 5);
    let expecting = Target {
        expected_root: Some("/docs/".into()),
        ..target("docs")
    };
    prober.ask(expecting, None);
    tokio::time::sleep(2 * SECOND).await;
    assert!(prober.catalogue().of("docs").unwrap().1.reachable());
    servers.with("docs", |s| {
        (s.root, s.tickets) = ("/elsewhere".into(), vec!["Evil-1".into()]);
    });
    tokio::time::sleep(40 * SECOND).await;
    let known = prober.catalogue().of("docs").unwrap().1;
    assert_eq!(known.trouble.unwrap().0.code, "RootMismatch");
    assert!(prober.catalogue().listed("team", "evil-1")[0].row.is_none());
    servers.with("docs", |s| (s.root, s.tickets) = ("/docs".into(), vec![]));
    prober.ask(
        Target {
            expected_root: Some("/docs".into()),
            ..target("docs")
        },
        None,
    );
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(
        prober.catalogue().of("docs").unwrap().1.trouble.unwrap().0.code,
        "NoDocuments"
    );
}

#[tokio::test(start_paused = true)]
async fn who_is_forgotten_or_suspended_is_not_asked_any_more() {
    let servers = Arc::new(Servers::default());
    let (prober, mut news) = prober(&servers);
    for name in ["gone", "still"] {
        servers.put(name, Mood::Well(1), 5);
        prober.ask(target(name), None);
    }
    tokio::time::sleep(2 * SECOND).await;
    prober.forget("gone");
    prober.ask(
        Target {
            place: Place::Paused,
            ..target("still")
        },
        None,
    );
    drained(&mut news);
    let before = servers.with("gone", |s| s.asked) + servers.with("still", |s| s.asked);
    tokio::time::sleep(600 * SECOND).await;
    assert_eq!(
        servers.with("gone", |s| s.asked) + servers.with("still", |s| s.asked),
        before
    );
    assert!(prober.catalogue().of("gone").is_none());
    assert!(prober.catalogue().of("still").unwrap().1.facts.is_some());
}

/// What was kept, and how often.
#[derive(Default)]
struct Shelf {
    kept: Mutex<HashMap<String, String>>,
    writes: Mutex<usize>,
}

#[async_trait]
impl FederatedStore for Shelf {
    async fn kept(&self) -> Result<HashMap<String, String>, JournalError> {
        Ok(self.kept.lock().unwrap().clone())
    }

    async fn keep(&self, changes: Vec<FederatedChange>) -> Result<(), JournalError> {
        *self.writes.lock().unwrap() += 1;
        let mut kept = self.kept.lock().unwrap();
        for change in changes {
            match change {
                FederatedChange::Said { source, hash } => drop(kept.insert(source.endpoint_uid, hash)),
                FederatedChange::Gone { endpoint_uid } => drop(kept.remove(&endpoint_uid)),
            }
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_round_without_changes_keeps_nothing_also_not_after_a_restart() {
    let servers = Arc::new(Servers::default());
    let shelf = Arc::new(Shelf::default());
    let alive = || Arc::new(|| BTreeSet::from(["docs".to_owned()])) as super::mirror::Alive;
    let writes = || *shelf.writes.lock().unwrap();
    servers.put("docs", Mood::Well(1), 5);
    for expected in [1, 1] {
        let (prober, _news) = prober(&servers);
        let mut mirror = Mirror::new(shelf.clone(), alive());
        assert_eq!(
            mirror.look(prober.catalogue()).await.unwrap(),
            0,
            "nothing was heard yet, nothing is taken away"
        );
        prober.ask(target("docs"), None);
        tokio::time::sleep(2 * SECOND).await;
        mirror.look(prober.catalogue()).await.unwrap();
        tokio::time::sleep(100 * SECOND).await;
        mirror.look(prober.catalogue()).await.unwrap();
        assert_eq!(writes(), expected);
    }
    let (prober, _news) = prober(&servers);
    let mut mirror = Mirror::new(shelf.clone(), Arc::new(BTreeSet::new));
    assert_eq!(
        mirror.look(prober.catalogue()).await.unwrap(),
        1,
        "the endpoint is gone"
    );
    assert!(shelf.kept.lock().unwrap().is_empty());
}
