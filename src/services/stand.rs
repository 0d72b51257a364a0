//! Stands over one docs server: a session of its own, an identity on disk, bounded logs; starts the server again when
//! it ends or grows too large, with full-jitter backoff. Never two for one folder: the lock decides.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Signal, setsid};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};

use super::{backoff, logs};
use crate::adapters::nofollow::Folder;
use crate::adapters::processes::{ProcessIdentity, SUPERVISOR};
use crate::adapters::service_folder::{self as files, Announced, DocsProgram, ServicePlan, Setback};
use crate::adapters::sockets;
use crate::adapters::system_clock::SystemClock;
use crate::failpoint::{fallible, sabotaged};
use crate::ports::clock::Clock as _;

/// How long what is left of a session may take to die of SIGKILL.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the server may take to end by itself once asked.
const GRACE: Duration = Duration::from_secs(3);
/// How long it may take to listen: the first index of a very large tree on a slow disk.
const TO_LISTEN: Duration = Duration::from_mins(5);
/// How often a port that is awaited is looked for.
const GLANCE: Duration = Duration::from_millis(20);
/// How often memory is looked at: a refresh takes longer than this in the trees where it matters.
const WEIGH: Duration = Duration::from_secs(5);

/// How one life of the server came to its end.
enum End {
    /// We were asked to end.
    Asked,
    /// It ended, or had to; why.
    Server(String),
}

/// Keeps the folder's server running until SIGTERM.
///
/// # Errors
/// The folder is gone, or cannot be used.
pub fn stand_over(path: &Path) -> io::Result<()> {
    setsid()?;
    let folder = Folder::open_trusted(path)?;
    let Some(_lock) = files::lock(&folder)? else {
        return Ok(());
    };
    if let Some(before) = files::read::<ProcessIdentity>(&folder, files::PROCESS)? {
        before.end_session(PATIENCE);
    }
    for stale in [files::SERVER, files::PORT] {
        folder.remove(stale)?;
    }
    let own = ProcessIdentity::own()?;
    files::write(&folder, files::PROCESS, &own)?;
    fallible("service.after_identity")?;
    let plan: Option<ServicePlan> = files::read(&folder, files::PLAN)?;
    let stand = Stand {
        path: path.to_owned(),
        plan: plan.ok_or_else(|| io::Error::other("there is no plan"))?,
        folder,
        own,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(stand.keep());
    stand.own.end_session(PATIENCE);
    ended.and(stand.folder.remove(files::SERVER))
}

struct Stand {
    path: PathBuf,
    folder: Folder,
    plan: ServicePlan,
    own: ProcessIdentity,
}

impl Stand {
    async fn keep(&self) -> io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let before: Option<Setback> = files::read(&self.folder, files::SETBACK)?;
        let mut failures = before.map_or(0, |setback| setback.failures);
        while self.is_known()? {
            let begun = Instant::now();
            let why = match self.one_life(&mut terminate).await {
                Ok(End::Asked) => return Ok(()),
                Ok(End::Server(why)) => why,
                Err(error) => format!("failed to run it: {error}"),
            };
            self.own.end_session(PATIENCE);
            self.folder.remove(files::SERVER)?;
            failures = backoff::failures(failures, begun.elapsed());
            let pause = backoff::wait(failures, rand::random());
            let next = SystemClock.now().plus(pause);
            files::write(&self.folder, files::SETBACK, &Setback { why, failures, next })?;
            fallible("service.after_setback")?;
            if sabotaged("sabotage.service.is_not_started_again") {
                terminate.recv().await;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = terminate.recv() => return Ok(()),
            }
        }
        Ok(())
    }

    /// Whether the folder is still there and ours: one that somebody removed, or put another in its place, takes the
    /// service with it.
    fn is_known(&self) -> io::Result<bool> {
        let Some(folder) = files::open(&self.path)? else {
            return Ok(false);
        };
        let process: Option<ProcessIdentity> = files::read(&folder, files::PROCESS)?;
        Ok(process.as_ref() == Some(&self.own))
    }

    async fn one_life(&self, terminate: &mut SignalStream) -> io::Result<End> {
        self.folder.remove(files::PORT)?;
        let port = self.free_port()?;
        let mut server = self.spawn(port)?;
        fallible("service.after_spawn")?;
        let pid = server.id().and_then(|id| i32::try_from(id).ok());
        let process = ProcessIdentity::of(pid.ok_or_else(|| io::Error::other("it ended at once"))?)?;
        let logs = self.keep_logs(&mut server);
        let end = tokio::select! {
            status = server.wait() => End::Server(ended(&status)),
            _ = terminate.recv() => End::Asked,
            end = self.watch(&process, port) => end?,
        };
        process.signal(Signal::TERM);
        let _ = tokio::time::timeout(GRACE, server.wait()).await;
        self.own.end_session(PATIENCE);
        let _ = server.wait().await;
        for log in logs {
            let _ = tokio::time::timeout(PATIENCE, log).await;
        }
        Ok(match end {
            End::Asked => End::Asked,
            End::Server(why) => End::Server(match logs::last_words(&self.path.join(files::STDERR)) {
                words if words.is_empty() => why,
                words => format!("{why}; its last words: {words}"),
            }),
        })
    }

    /// Announces the server once it listens, then looks after it now and then; returns why it has to go.
    async fn watch(&self, process: &ProcessIdentity, port: u16) -> io::Result<End> {
        let deadline = Instant::now() + TO_LISTEN;
        let address = loop {
            if let Some(address) = self.listens(process, port)? {
                break address;
            }
            if Instant::now() > deadline {
                let why = format!("it did not listen within {} seconds", TO_LISTEN.as_secs());
                return Ok(End::Server(why));
            }
            tokio::time::sleep(GLANCE).await;
        };
        let announced = Announced {
            process: process.clone(),
            address,
            started: SystemClock.now(),
        };
        files::write(&self.folder, files::SERVER, &announced)?;
        fallible("service.after_announce")?;
        let mut ticks = tokio::time::interval(WEIGH);
        loop {
            ticks.tick().await;
            if !self.is_known()? {
                return Ok(End::Asked);
            }
            let bytes = sockets::resident_bytes(process.pid).unwrap_or_default();
            if bytes > self.plan.memory_bytes {
                let (holds, may) = (bytes >> 20, self.plan.memory_bytes >> 20);
                let why = format!("it held {holds} MiB of memory and may hold {may}: it was started anew");
                return Ok(End::Server(why));
            }
        }
    }

    /// Where the server listens, proved to be its own socket.
    fn listens(&self, process: &ProcessIdentity, port: u16) -> io::Result<Option<SocketAddr>> {
        let told = match &self.plan.program {
            DocsProgram::BuiltIn => self.folder.read(files::PORT, 100)?.and_then(|bytes| {
                let text = String::from_utf8_lossy(&bytes);
                text.trim().parse::<SocketAddr>().ok()
            }),
            DocsProgram::Docmgr { .. } => Some(loopback(port)),
        };
        let Some(address) = told else { return Ok(None) };
        Ok(sockets::listener(process.pid, address)?.map(|_| address))
    }

    /// A port out of the configured range that nobody has now; 0 where the server chooses by itself.
    fn free_port(&self) -> io::Result<u16> {
        let DocsProgram::Docmgr {
            first_port, last_port, ..
        } = self.plan.program
        else {
            return Ok(0);
        };
        let ports = u32::from(last_port.saturating_sub(first_port)) + 1;
        let begin = rand::random_range(0..ports);
        let candidates = (0..ports).map(|step| u32::from(first_port) + (begin + step) % ports);
        let mut ports = candidates.filter_map(|port| u16::try_from(port).ok());
        // Somebody may take it before the server does: then the server ends, and another one is tried.
        let free = ports.find(|port| std::net::TcpListener::bind(loopback(*port)).is_ok());
        free.ok_or_else(|| io::Error::other(format!("no port between {first_port} and {last_port} is free")))
    }

    fn spawn(&self, port: u16) -> io::Result<Child> {
        let mut command = Command::new("/proc/self/exe");
        command.arg("serve-docs").arg("--dir").arg(&self.path);
        command
            .args(["--port", &port.to_string()])
            .env(SUPERVISOR, self.own.pid.to_string());
        command
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.process_group(0).spawn()
    }

    fn keep_logs(&self, server: &mut Child) -> Vec<tokio::task::JoinHandle<io::Result<()>>> {
        let stdout = server
            .stdout
            .take()
            .map(|pipe| logs::keep(pipe, self.path.join(files::STDOUT)));
        let stderr = server
            .stderr
            .take()
            .map(|pipe| logs::keep(pipe, self.path.join(files::STDERR)));
        [stdout, stderr].into_iter().flatten().collect()
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, port))
}

fn ended(status: &io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => format!("it ended ({status})"),
        Err(error) => format!("it was lost sight of: {error}"),
    }
}
