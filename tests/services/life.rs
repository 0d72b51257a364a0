//! The built-in server from its start to its end, whoever is killed on the way.

use std::net::{TcpListener, TcpStream};

use metawsm::adapters::processes::ProcessIdentity;
use metawsm::adapters::service_folder::Announced;
use metawsm::adapters::services_local::{LocalServiceSettings, LocalServices};
use metawsm::ports::services::{ServiceState, Services as _};
use rustix::process::Signal;

use crate::machine::{Machine, PATIENCE, ask, key, nothing_left, serving, until, waiting};

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_was_started_answers_with_its_root_and_goes_without_a_trace() {
    let machine = Machine::new();
    let (services, key) = (machine.services(), key("a"));
    assert_eq!(services.look(&key).await.unwrap(), ServiceState::Absent);
    services.start(&key, &machine.docs()).await.unwrap();
    let live = serving(&services, &key).await;
    assert!(live.addr.ip().is_loopback());
    let status = ask(live.addr, "/api/v1/workspace/status");
    assert_eq!(status["root"], live.root.to_string_lossy().as_ref());
    assert_eq!(services.live().await.unwrap(), std::slice::from_ref(&live));
    assert_eq!(
        services.known_runs().await.unwrap(),
        [("team".to_owned(), "uid-1".to_owned())]
    );
    let told = tokio::time::timeout(PATIENCE, services.next_changed()).await.unwrap();
    assert_eq!(told.key, key);
    services.start(&key, &machine.docs()).await.unwrap();
    assert_eq!(serving(&services, &key).await, live, "it was not started twice");

    services.stop("uid-1", "a").await.unwrap();
    assert_eq!(machine.processes(), (vec![], vec![]));
    assert!(TcpStream::connect(live.addr).is_err());
    assert!(!machine.folder(&key).exists());
    assert_eq!(services.look(&key).await.unwrap(), ServiceState::Absent);
    services.stop("uid-1", "a").await.unwrap();
    services.stop_all("uid-1").await.unwrap();
    assert!(services.stop("..", "a").await.is_err() && services.stop_all("../x").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_is_told_and_started_again() {
    let machine = Machine::new();
    let (services, key) = (machine.services(), key("a"));
    services.start(&key, &machine.docs()).await.unwrap();
    let first = serving(&services, &key).await;
    machine.announced(&key).process.signal(Signal::KILL);
    let second = until("another process", || async {
        let live = serving(&services, &key).await;
        (live.instance != first.instance).then_some(live)
    })
    .await;
    assert_eq!(ask(second.addr, "/api/v1/healthz")["ok"], true);
    let setback = std::fs::read_to_string(machine.folder(&key).join("setback.json")).unwrap();
    assert!(
        setback.contains("signal: 9") && setback.contains("\"failures\":1"),
        "{setback}"
    );
    services.stop_all("uid-1").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_starts_again_finds_the_same_process() {
    let machine = Machine::new();
    let (services, key) = (machine.services(), key("a"));
    services.start(&key, &machine.docs()).await.unwrap();
    let live = serving(&services, &key).await;
    drop(services);
    let services = machine.services();
    assert_eq!(serving(&services, &key).await, live);
    services.start(&key, &machine.docs()).await.unwrap();
    assert_eq!(services.live().await.unwrap(), [live]);
    assert_eq!(machine.processes().0.len(), 1);
    services.stop_all("uid-1").await.unwrap();
    nothing_left(&machine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_supervisor_takes_its_server_along_and_another_one_is_started() {
    let machine = Machine::new();
    let (services, key) = (machine.services(), key("a"));
    services.start(&key, &machine.docs()).await.unwrap();
    let first = serving(&services, &key).await;
    machine.supervisor(&key).signal(Signal::KILL);
    until("nobody", || async {
        (services.look(&key).await.unwrap() == ServiceState::Absent).then_some(())
    })
    .await;
    nothing_left(&machine).await;
    services.start(&key, &machine.docs()).await.unwrap();
    assert_ne!(serving(&services, &key).await.instance, first.instance);
    services.stop_all("uid-1").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_controllers_at_once_start_one_server() {
    let machine = Machine::new();
    let (one, two) = (machine.services(), machine.services());
    for round in 0..4 {
        let key = key(&format!("w{round}"));
        let docs = machine.docs();
        let (first, second) = tokio::join!(one.start(&key, &docs), two.start(&key, &docs));
        first.unwrap();
        second.unwrap();
        assert_eq!(serving(&one, &key).await, serving(&two, &key).await);
    }
    until("one each", || async {
        let (supervisors, servers) = machine.processes();
        (supervisors.len() == 4 && servers.len() == 4).then_some(())
    })
    .await;
    one.stop_all("uid-1").await.unwrap();
    nothing_left(&machine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_another_controller_started_since_is_seen_once_it_is_asked_for() {
    let machine = Machine::new();
    let (before, other) = (machine.services(), machine.services());
    let key = key("w");
    other.start(&key, &machine.docs()).await.unwrap();
    let live = serving(&other, &key).await;
    before.start(&key, &machine.docs()).await.unwrap();
    assert_eq!(serving(&before, &key).await, live, "it was not started again");
    before.stop_all("uid-1").await.unwrap();
    nothing_left(&machine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_that_is_missing_has_no_server_and_is_served_once_it_is_there() {
    let machine = Machine::new();
    let (services, key) = (machine.services(), key("a"));
    let docs = machine.docs();
    std::fs::rename(&docs.root, machine.at("away")).unwrap();
    services.start(&key, &docs).await.unwrap();
    until("that there is no folder", || async {
        (services.look(&key).await.unwrap() == ServiceState::NoFolder).then_some(())
    })
    .await;
    assert_eq!(machine.processes(), (vec![], vec![]), "nothing is started for nothing");
    std::fs::rename(machine.at("away"), &docs.root).unwrap();
    assert_eq!(services.look(&key).await.unwrap(), ServiceState::Absent);
    services.start(&key, &docs).await.unwrap();
    serving(&services, &key).await;
    services.stop_all("uid-1").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_holds_too_much_memory_is_started_anew() {
    let machine = Machine::new();
    let settings = LocalServiceSettings {
        memory_bytes: 1 << 20,
        ..machine.settings()
    };
    let (services, key) = (LocalServices::open(settings).unwrap(), key("a"));
    services.start(&key, &machine.docs()).await.unwrap();
    waiting(&services, &key, "may hold 1").await;
    services.stop_all("uid-1").await.unwrap();
    nothing_left(&machine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_folder_was_removed_ends_by_itself() {
    let machine = Machine::new();
    let (services, key) = (machine.services(), key("a"));
    services.start(&key, &machine.docs()).await.unwrap();
    serving(&services, &key).await;
    std::fs::rename(machine.at("data/services"), machine.at("data/elsewhere")).unwrap();
    nothing_left(&machine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_another_process_has_now_is_never_listed() {
    let machine = Machine::new();
    let (services, key) = (machine.services(), key("a"));
    services.start(&key, &machine.docs()).await.unwrap();
    let live = serving(&services, &key).await;
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let announced = Announced {
        address: stranger.local_addr().unwrap(),
        ..machine.announced(&key)
    };
    let file = machine.folder(&key).join("server.json");
    std::fs::write(&file, serde_json::to_vec(&announced).unwrap()).unwrap();
    assert!(!matches!(services.look(&key).await.unwrap(), ServiceState::Serving(_)));
    assert_eq!(services.live().await.unwrap(), []);
    let twin = Announced {
        address: live.addr,
        process: ProcessIdentity::own().unwrap(),
        ..announced
    };
    std::fs::write(&file, serde_json::to_vec(&twin).unwrap()).unwrap();
    assert_eq!(services.live().await.unwrap(), [], "alive, but not who listens there");
    services.stop_all("uid-1").await.unwrap();
}
