//! A machine on which docs servers run, and looking at them until they are as they should be.

use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use metawsm::adapters::processes::ProcessIdentity;
use metawsm::adapters::service_folder::{Announced, DocsProgram};
use metawsm::adapters::services_local::{LocalServiceSettings, LocalServices};
use metawsm::ports::services::{DocsService, LiveService, ServiceKey, ServiceState, Services as _};
use serde_json::Value;

/// Far more than any of the waits needs on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(90);
const PLENTY: u64 = 4 << 30;

/// A data folder, a repository with documents, and whatever runs for it.
pub struct Machine {
    scratch: tempfile::TempDir,
}

impl Machine {
    pub fn new() -> Self {
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

    pub fn at(&self, name: &str) -> PathBuf {
        self.scratch.path().canonicalize().unwrap().join(name)
    }

    pub fn docs(&self) -> DocsService {
        DocsService {
            root: self.at("repo/ttmp"),
            repo: self.at("repo"),
        }
    }

    pub fn settings(&self) -> LocalServiceSettings {
        LocalServiceSettings {
            data: self.at("data"),
            program: env!("CARGO_BIN_EXE_metawsm").into(),
            docs: DocsProgram::BuiltIn,
            memory_bytes: PLENTY,
        }
    }

    pub fn services(&self) -> LocalServices {
        LocalServices::open(self.settings()).unwrap()
    }

    pub fn folder(&self, key: &ServiceKey) -> PathBuf {
        self.at("data/services").join(&key.run_uid).join(&key.workspace)
    }

    pub fn supervisor(&self, key: &ServiceKey) -> ProcessIdentity {
        serde_json::from_slice(&std::fs::read(self.folder(key).join("process.json")).unwrap()).unwrap()
    }

    pub fn announced(&self, key: &ServiceKey) -> Announced {
        serde_json::from_slice(&std::fs::read(self.folder(key).join("server.json")).unwrap()).unwrap()
    }

    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.at(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    /// Processes of this machine's services: supervisors and servers.
    pub fn processes(&self) -> (Vec<i32>, Vec<i32>) {
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

/// The service of a workspace.
pub fn key(workspace: &str) -> ServiceKey {
    ServiceKey {
        namespace: "team".into(),
        run: "run".into(),
        run_uid: "uid-1".into(),
        workspace: workspace.into(),
        ticket: "A-1".into(),
    }
}

/// The first answer that `look` gives.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until it serves.
pub async fn serving(services: &LocalServices, key: &ServiceKey) -> LiveService {
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

/// Waits until it waits for that reason; how often it failed.
pub async fn waiting(services: &LocalServices, key: &ServiceKey, words: &str) -> u32 {
    until(words, || async {
        match services.look(key).await.unwrap() {
            ServiceState::Waiting { why, failures, .. } if why.contains(words) => Some(failures),
            _ => None,
        }
    })
    .await
}

/// Waits until no process of the machine is left.
pub async fn nothing_left(machine: &Machine) {
    until("an empty machine", || async {
        (machine.processes() == (vec![], vec![])).then_some(())
    })
    .await;
}

/// What a server answers.
pub fn ask(address: SocketAddr, path: &str) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap()
}
