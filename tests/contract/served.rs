//! The real built-in server over a copy of the recorded tree, and a client that shows answers as they are.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::recordings::{Recording, all, fixtures};

/// Far more than any of the waits needs on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Folders that were added on disk between exchange 116 and 117.
pub const LATER: [&str; 4] = [
    "2026/11/21/BROKEN-9--malformed-index-on-purpose",
    "2026/11/21/DUP-1--duplicate-first-copy",
    "2026/11/21/DUP-1--duplicate-second-copy",
    "undated/BARE-3--bare",
];

/// A repository with the recorded documents.
pub struct Repository {
    scratch: tempfile::TempDir,
}

impl Repository {
    /// As it stood at the first exchange.
    pub fn early() -> Self {
        let repository = Self {
            scratch: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir_all(repository.root().join(".git")).unwrap();
        copy(&fixtures().join("example-ttmp"), &repository.docs());
        for (from, to) in [
            ("dot-ttmp.yaml.txt", "../.ttmp.yaml"),
            ("dot-docmgrignore.txt", ".docmgrignore"),
        ] {
            std::fs::rename(repository.docs().join(from), repository.docs().join(to)).unwrap();
        }
        for folder in LATER {
            std::fs::remove_dir_all(repository.docs().join(folder)).unwrap();
        }
        repository.set_times();
        repository
    }

    /// Puts the folders there that came later.
    pub fn add_later(&self) {
        for folder in LATER {
            copy(&fixtures().join("example-ttmp").join(folder), &self.docs().join(folder));
        }
        self.set_times();
    }

    /// Gives each file the time that the recordings tell of it.
    fn set_times(&self) {
        for (number, recording) in all().iter().filter(|(number, _)| *number != 113) {
            let body = &recording.response.body;
            let (path, time) = match (body["path"].as_str(), body["stats"]["modTime"].as_str()) {
                (Some(path), Some(time)) if recording.request.path.ends_with("/docs/get") => (path, time),
                _ if *number == 124 => (body["indexPath"].as_str().unwrap(), body["updatedAt"].as_str().unwrap()),
                _ => continue,
            };
            if let Ok(file) = std::fs::File::options().append(true).open(self.docs().join(path)) {
                let time: jiff::Timestamp = time.parse().unwrap();
                file.set_modified(SystemTime::from(time)).unwrap();
            }
        }
    }

    pub fn root(&self) -> PathBuf {
        self.scratch.path().canonicalize().unwrap().join("repo")
    }

    pub fn docs(&self) -> PathBuf {
        self.root().join("ttmp")
    }
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::write(&target, std::fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

/// The server as a process.
pub struct Server {
    pub child: Child,
    pub address: SocketAddr,
    pub repo: String,
}

impl Server {
    pub fn start(repository: &Repository) -> Self {
        let port_file = repository.scratch.path().join("addr");
        let _ = std::fs::remove_file(&port_file);
        let mut command = Command::new(env!("CARGO_BIN_EXE_metawsm"));
        command
            .current_dir(repository.root())
            .args(["docs-server", "--addr", "127.0.0.1:0", "--root"]);
        command.arg(repository.docs()).arg("--port-file").arg(&port_file);
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        let address = until("the port", || {
            std::fs::read_to_string(&port_file).ok()?.trim().parse().ok()
        });
        let repo = repository.root().to_string_lossy().into_owned();
        Self { child, address, repo }
    }

    pub fn ask(&self, method: &str, target: &str) -> Answer {
        self.send(method, target, &[], "")
    }

    pub fn get(&self, target: &str) -> Value {
        self.ask("GET", target).body
    }

    pub fn replay(&self, recording: &Recording) -> Answer {
        let request = &recording.request;
        let headers: Vec<_> = request
            .headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str().unwrap()))
            .collect();
        let body = match &request.body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        self.send(&request.method, &recording.target(&self.repo), &headers, &body)
    }

    pub fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let length = body.len();
        write!(
            stream,
            "{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        )
        .unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        Answer::read(&String::from_utf8(bytes).unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer, its body parsed where it is JSON.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Answer {
    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        Self {
            status,
            headers: headers.map(|(n, v)| (n.to_lowercase(), v.to_owned())).collect(),
            body: serde_json::from_str(body).unwrap_or_else(|_| Value::from(body)),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| *n == name.to_lowercase());
        found.map(|(_, value)| value.as_str())
    }
}

pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
