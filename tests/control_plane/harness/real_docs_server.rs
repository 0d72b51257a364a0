//! The built-in docs server as a process of its own, beside a repository: started, killed, started again at its address.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::polling::eventually;
use super::ports;

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
        let folder = tempfile::tempdir().unwrap();
        let told = folder.path().join("address");
        eventually("a docs server listens", async || {
            if server.has_ended() {
                server.address.set_port(ports::free());
                server.launch(&told);
            }
            told.exists().then_some(())
        })
        .await;
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
        eventually("the docs server listens again", async || {
            if self.has_ended() {
                self.launch(&told);
            }
            told.exists().then_some(())
        })
        .await;
    }

    fn has_ended(&mut self) -> bool {
        self.process.as_mut().is_none_or(|p| p.try_wait().unwrap().is_some())
    }

    fn launch(&mut self, told: &Path) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_metawsm"));
        command
            .arg("docs-server")
            .args(["--addr", &self.address.to_string(), "--root"])
            .arg(&self.root)
            .arg("--port-file")
            .arg(told)
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        self.process = Some(command.spawn().expect("the binary can be started"));
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
