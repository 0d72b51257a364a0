//! The real binary as a process: started, looked at, killed, asked to stop. What it logs is printed when a test fails.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::account::Release;
use super::leftovers;
use super::polling::{PATIENCE, eventually, within};

/// How long an answer may be awaited: one that is asked for once must not be missed because the machine is busy.
const ANSWER: Duration = Duration::from_secs(60);

/// How a controller is started. Every field may be changed before [`Settings::start`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Empty: all namespaces; then the places that are named after it must be set with [`Settings::with`].
    pub namespace: String,
    /// Tests that restart a controller keep its name, so that it need not wait for its own Lease to run out.
    pub identity: String,
    pub data: PathBuf,
    pub log: PathBuf,
    pub local_roots: Vec<PathBuf>,
    pub redis_url: String,
    /// The kubeconfig of the cluster that it works on.
    pub cluster: PathBuf,
    /// More `METAWSM_*` variables; later ones win.
    pub more: Vec<(String, OsString)>,
}

impl Settings {
    /// One more setting.
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.more.push((name.to_owned(), value.into()));
        self
    }

    /// Starts it, and does not wait for anything.
    pub fn start(self) -> Controller {
        fs::create_dir_all(&self.data).unwrap();
        let mut controller = Controller {
            kubeconfig: self.kubeconfig(),
            settings: self,
            process: None,
        };
        controller.start();
        controller
    }

    /// Starts it and waits until it leads.
    pub async fn lead(self) -> Controller {
        let controller = self.start();
        controller.until_leading().await;
        controller
    }

    /// What was said last of one variable; empty where nothing was.
    fn said(&self, name: &str) -> Option<String> {
        let found = self.more.iter().rev().find(|(n, _)| n == name)?;
        Some(found.1.to_string_lossy().into_owned())
    }

    /// Who it is in the cluster. A road that was laid for the story leads there as whoever laid it.
    pub fn kubeconfig(&self) -> PathBuf {
        if let Some(road) = self.said("KUBECONFIG") {
            return road.into();
        }
        let lease_namespace = self.said("METAWSM_LEASE_NAMESPACE");
        let release = Release {
            namespace: lease_namespace.unwrap_or_else(|| self.namespace.clone()),
            watch: self.namespace.clone(),
            secrets: self.said("METAWSM_SECRET_NAMESPACES").unwrap_or_default(),
            lease: self.said("METAWSM_LEASE_NAME").unwrap_or_default(),
        };
        release.kubeconfig(&self.cluster, &self.log.with_extension("kubeconfig"))
    }

    fn command(&self, kubeconfig: &Path) -> Command {
        // Benchmarks measure the binary that is released.
        let given = std::env::var_os("METAWSM_BENCH_BINARY").filter(|path| !path.is_empty());
        let mut command = Command::new(given.unwrap_or_else(|| env!("CARGO_BIN_EXE_metawsm").into()));
        for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("METAWSM_")) {
            command.env_remove(name);
        }
        let roots: Vec<_> = self.local_roots.iter().map(|r| r.to_string_lossy()).collect();
        command
            .arg("controller")
            .env("KUBECONFIG", kubeconfig)
            .env("METAWSM_NAMESPACE", &self.namespace)
            .env("METAWSM_LEASE_NAMESPACE", &self.namespace)
            .env("METAWSM_IDENTITY", &self.identity)
            .env("METAWSM_DATA_DIR", &self.data)
            .env("METAWSM_HTTP_LISTEN", "127.0.0.1:0")
            .env("METAWSM_REDIS_URL", &self.redis_url)
            .env("METAWSM_REDIS_PREFIX", format!("{}:", self.namespace))
            .env("METAWSM_GIT_LOCAL_ROOTS", roots.join(","))
            .env("METAWSM_LOG", "info,metawsm=debug")
            .envs(self.more.iter().map(|(n, v)| (n, v)));
        if self.namespace.is_empty() {
            command.env_remove("METAWSM_NAMESPACE");
        }
        command
    }
}

/// A controller; killed with all its steps when dropped.
pub struct Controller {
    pub settings: Settings,
    kubeconfig: PathBuf,
    process: Option<Child>,
}

impl Controller {
    fn start(&mut self) {
        let _ = fs::remove_file(self.settings.data.join("http.addr"));
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.settings.log)
            .unwrap();
        let mut command = self.settings.command(&self.kubeconfig);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.process = Some(command.spawn().expect("the binary can be started"));
    }

    /// Starts it again after it ended, and waits until it leads.
    pub async fn restart(&mut self) {
        assert!(self.process.is_none(), "it still runs");
        self.start();
        self.until_leading().await;
    }

    /// As [`Self::restart`], without waiting.
    pub fn restart_only(&mut self) {
        assert!(self.process.is_none(), "it still runs");
        self.start();
    }

    /// SIGKILL; its steps go on.
    pub fn kill9(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// SIGTERM, and it must end well.
    pub async fn terminate(&mut self) {
        let mut process = self.process.take().expect("it runs");
        let pid = Pid::from_child(&process);
        kill_process(pid, Signal::TERM).unwrap();
        let ended: ExitStatus = within(PATIENCE, "the controller ends after SIGTERM", async || {
            process.try_wait().unwrap()
        })
        .await;
        assert!(
            ended.success(),
            "it ended with {ended}; see {}",
            self.settings.log.display()
        );
    }

    /// The process while there is one.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Whether the process ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.process.as_mut().is_none_or(|p| p.try_wait().unwrap().is_some())
    }

    /// Waits until the process ends by itself; how.
    pub async fn until_ended(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("it runs");
        let look = async || process.try_wait().unwrap();
        eventually("the controller ends by itself", look).await
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(self.process.as_ref().expect("it runs"));
        kill_process(pid, signal).unwrap();
    }

    /// What an address answers: status and body. `None` while nobody answers.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        self.ask(path, "")
    }

    /// The same, asked with a token.
    pub fn get_as(&self, path: &str, token: &str) -> Option<(u16, String)> {
        self.ask(path, &format!("Authorization: Bearer {token}\r\n"))
    }

    fn ask(&self, path: &str, headers: &str) -> Option<(u16, String)> {
        let address = fs::read_to_string(self.settings.data.join("http.addr")).ok()?;
        let mut stream = TcpStream::connect(address.trim()).ok()?;
        stream.set_read_timeout(Some(ANSWER)).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: test\r\n{headers}Connection: close\r\n\r\n"
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
    }

    /// What its metrics say of one without labels.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let (_, page) = self.get("/metrics")?;
        let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(' ')?.to_owned());
        page.lines().find_map(value)?.parse().ok()
    }

    /// Whether it leads and its caches are filled.
    pub fn leads(&self) -> bool {
        self.get("/readyz")
            .is_some_and(|(status, body)| status == 200 && body.contains("[+] caches"))
    }

    /// Waits until it leads.
    pub async fn until_leading(&self) {
        eventually("the controller leads", async || self.leads().then_some(())).await;
    }

    /// Waits until it stands by: ready, and not leading.
    pub async fn until_standing_by(&self) {
        eventually("the controller stands by", async || {
            let (status, body) = self.get("/readyz")?;
            (status == 200 && body.contains("[+] standby") && !body.contains("caches")).then_some(())
        })
        .await;
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.settings.log).unwrap_or_default()
    }

    /// Its database.
    pub fn database(&self) -> PathBuf {
        self.settings.data.join("metawsm.db")
    }

    /// The folder of a workspace.
    pub fn workspace(&self, run: &str, ticket: &str) -> PathBuf {
        self.workspaces().join(&self.settings.namespace).join(run).join(ticket)
    }

    /// The root of all workspaces.
    pub fn workspaces(&self) -> PathBuf {
        self.settings.data.join("workspaces")
    }

    /// Its data folder.
    pub fn data(&self) -> &Path {
        &self.settings.data
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        leftovers::end(&self.settings.data);
        if std::thread::panicking() {
            eprintln!("---- log of controller {}:\n{}", self.settings.identity, self.log());
        }
    }
}
