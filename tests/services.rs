//! Docs servers of workspaces with the real program: started, killed, found again, bounded, and ended without a trace.

use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use metawsm::adapters::processes::ProcessIdentity;
use metawsm::adapters::service_folder::{Announced, DocsProgram};
use metawsm::adapters::services_local::{LocalServiceSettings, LocalServices};
use metawsm::ports::services::{DocsService, LiveService, ServiceKey, ServiceState, Services};
use rustix::process::Signal;
use serde_json::Value;

/// Far more than any of the waits needs on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
const PLENTY: u64 = 4 << 30;

struct Machine {
    scratch: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self {
            scratch: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir_all(machine.docs().root).unwrap();
        std::fs::write(
            machine.docs().root.join("index.md"),
            "---\nTicket: A-1\nDocType: index\n---\n",
        )
        .unwrap();
        machine
    }

    fn at(&self, name: &str) -> PathBuf {
        self.scratch.path().canonicalize().unwrap().join(name)
    }

    fn docs(&self) -> DocsService {
        DocsService {
            root: self.at("repo/ttmp"),
            repo: self.at("repo"),
        }
    }

    fn settings(&self) -> LocalServiceSettings {
        LocalServiceSettings {
            data: self.at("data"),
            program: env!("CARGO_BIN_EXE_metawsm").into(),
            docs: DocsProgram::BuiltIn,
            memory_bytes: PLENTY,
        }
    }

    fn services(&self) -> LocalServices {
        LocalServices::open(self.settings()).unwrap()
    }

    fn folder(&self, key: &ServiceKey) -> PathBuf {
        self.at("data/services").join(&key.run_uid).join(&key.workspace)
    }

    fn supervisor(&self, key: &ServiceKey) -> ProcessIdentity {
        serde_json::from_slice(&std::fs::read(self.folder(key).join("process.json")).unwrap()).unwrap()
    }

    fn announced(&self, key: &ServiceKey) -> Announced {
        serde_json::from_slice(&std::fs::read(self.folder(key).join("server.json")).unwrap()).unwrap()
    }

    fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.at(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    /// Processes of this machine's services: supervisors and servers.
    fn processes(&self) -> (Vec<i32>, Vec<i32>) {
        let data = self.at("data").to_string_lossy().into_owned();
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok());
        let (mut supervisors, mut servers) = (Vec::new(), Vec::new());
        for pid in pids {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            if line.contains(&data) && line.contains("supervise-docs") {
                supervisors.push(pid);
            } else if line.contains(&data) && line.contains("serve-docs") {
                servers.push(pid);
            }
        }
        (supervisors, servers)
    }
}

fn key(workspace: &str) -> ServiceKey {
    ServiceKey {
        namespace: "team".into(),
        run: "run".into(),
        run_uid: "uid-1".into(),
        workspace: workspace.into(),
        ticket: "A-1".into(),
    }
}

async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn serving(services: &LocalServices, key: &ServiceKey) -> LiveService {
    until("an answer", || async {
        match services.look(key).await.unwrap() {
            ServiceState::Serving(live) => Some(live),
            ServiceState::Absent
            | ServiceState::NoFolder
            | ServiceState::Starting { .. }
            | ServiceState::Waiting { .. } => None,
        }
    })
    .await
}

async fn waiting(services: &LocalServices, key: &ServiceKey, words: &str) -> u32 {
    until(words, || async {
        match services.look(key).await.unwrap() {
            ServiceState::Waiting { why, failures, .. } if why.contains(words) => Some(failures),
            _ => None,
        }
    })
    .await
}

async fn nothing_left(machine: &Machine) {
    until("an empty machine", || async {
        (machine.processes() == (vec![], vec![])).then_some(())
    })
    .await;
}

fn ask(address: SocketAddr, path: &str) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap()
}

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

#[tokio::test(flavor = "multi_thread")]
async fn docmgr_gets_a_free_port_of_its_range_and_its_own_flags() {
    let machine = Machine::new();
    let own = env!("CARGO_BIN_EXE_metawsm");
    let told = machine.at("told");
    let text = format!(
        "#!/bin/sh\necho \"$PWD $TZ $*\" > '{}'\n[ \"$1 $2\" = 'api serve' ] || exit 9\nshift 2\nexec '{own}' docs-server \"$@\"\n",
        told.display()
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let first_port = taken.local_addr().unwrap().port().min(65_500);
    let settings = LocalServiceSettings {
        docs: DocsProgram::Docmgr {
            path: machine.script("docmgr", &text),
            first_port,
            last_port: first_port + 20,
        },
        ..machine.settings()
    };
    let (services, key) = (LocalServices::open(settings).unwrap(), key("a"));
    services.start(&key, &machine.docs()).await.unwrap();
    let live = serving(&services, &key).await;
    assert!(
        (first_port..=first_port + 20).contains(&live.addr.port()),
        "{}",
        live.addr
    );
    assert_ne!(live.addr, taken.local_addr().unwrap());
    assert_eq!(
        ask(live.addr, "/api/v1/workspace/status")["root"],
        live.root.to_string_lossy().as_ref()
    );
    let docs = machine.docs();
    let expected = format!(
        "{} UTC api serve --addr {} --root {}\n",
        docs.repo.display(),
        live.addr,
        docs.root.display()
    );
    assert_eq!(std::fs::read_to_string(told).unwrap(), expected);
    services.stop_all("uid-1").await.unwrap();
    assert!(TcpStream::connect(live.addr).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_docmgr_that_cannot_be_run_is_told() {
    let machine = Machine::new();
    let settings = LocalServiceSettings {
        docs: DocsProgram::Docmgr {
            path: "/nonexistent/docmgr".into(),
            first_port: 20_000,
            last_port: 40_000,
        },
        ..machine.settings()
    };
    let (services, key) = (LocalServices::open(settings).unwrap(), key("a"));
    services.start(&key, &machine.docs()).await.unwrap();
    let failures = waiting(&services, &key, "/nonexistent/docmgr").await;
    assert!(failures >= 1);
    services.stop_all("uid-1").await.unwrap();
    nothing_left(&machine).await;
}

/// Killed, or made to fail, between any two steps of starting: in the end there is one server, and after the stop none.
#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_step_of_starting_leaves_one_server_and_no_orphan() {
    let own = env!("CARGO_BIN_EXE_metawsm");
    for place in ["after_identity", "after_spawn", "after_announce", "after_setback"] {
        for action in ["kill", "panic", "error"] {
            let machine = Machine::new();
            let once = machine.at("once");
            let text = format!(
                "#!/bin/sh\nFAILPOINTS='service.{place}=return({action} {})' exec '{own}' \"$@\"\n",
                once.display()
            );
            let settings = LocalServiceSettings {
                program: machine.script("program", &text),
                ..machine.settings()
            };
            let (services, key) = (LocalServices::open(settings).unwrap(), key("a"));
            let docs = machine.docs();
            if place == "after_setback" {
                std::fs::rename(&docs.root, machine.at("away")).unwrap();
                std::fs::write(&docs.root, "no folder").unwrap();
            }
            let hit = || async {
                if services.look(&key).await.unwrap() == ServiceState::Absent {
                    services.start(&key, &docs).await.unwrap();
                }
                once.exists().then_some(())
            };
            until(&format!("{place} {action}"), hit).await;
            if place == "after_setback" {
                std::fs::remove_file(&docs.root).unwrap();
                std::fs::rename(machine.at("away"), &docs.root).unwrap();
            }
            until("an answer", || async {
                let state = services.look(&key).await.unwrap();
                if state == ServiceState::Absent {
                    services.start(&key, &docs).await.unwrap();
                }
                matches!(state, ServiceState::Serving(_)).then_some(())
            })
            .await;
            until("one of each", || async {
                let (supervisors, servers) = machine.processes();
                (supervisors.len() == 1 && servers.len() == 1).then_some(())
            })
            .await;
            services.stop_all("uid-1").await.unwrap();
            assert_eq!(machine.processes(), (vec![], vec![]), "{place} {action}");
        }
    }
}
