//! The built-in docs server as a process of its own, beside a repository: started, killed, started again at its address.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::polling::eventually;

/// The server; killed when dropped.
pub struct RealDocsServer {
    pub address: SocketAddr,
    root: PathBuf,
    process: Option<Child>,
}

impl RealDocsServer {
    /// Serves the documents of a checkout.
    pub async fn of(checkout: &Path) -> Self {
        let mut server = Self {
            address: ([127, 0, 0, 1], 0).into(),
            root: checkout.join("ttmp"),
            process: None,
        };
        server.start().await;
        server
    }

    /// Its address for people.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Starts it, at the address that it had.
    pub async fn start(&mut self) {
        let folder = tempfile::tempdir().unwrap();
        let told = folder.path().join("address");
        self.process = Some(self.spawned(&told));
        let look = async || {
            // Somebody's connection may have had the port for a moment.
            if self.process.as_mut()?.try_wait().unwrap().is_some() {
                self.process = Some(self.spawned(&told));
            }
            fs::read_to_string(&told).ok()?.trim().parse().ok()
        };
        self.address = eventually("the docs server listens", look).await;
    }

    fn spawned(&self, told: &Path) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_metawsm"));
        command
            .arg("docs-server")
            .args(["--addr", &self.address.to_string(), "--root"])
            .arg(&self.root)
            .arg("--port-file")
            .arg(told)
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().expect("the binary can be started")
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

impl Drop for RealDocsServer {
    fn drop(&mut self) {
        self.kill();
    }
}
