//! The folder of one service: the files by which its supervisor and the controller know of each other, and what they
//! tell. Level-based, so it is true also for what an earlier controller started. Starts and ends nothing.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::nofollow::Folder;
use super::processes::ProcessIdentity;
use super::sockets;
use crate::kernel::moment::Moment;
use crate::ports::services::{DocsService, LiveService, ServiceKey};

/// Written by the controller before anything else: whose service it is.
pub const KEY: &str = "key.json";
/// Written by the controller: what to run.
pub const PLAN: &str = "plan.json";
/// Held locked by the supervisor as long as it lives: who holds it is the one that there may be.
pub const LOCK: &str = "lock";
/// Written by the supervisor: its process identity.
pub const PROCESS: &str = "process.json";
/// Written by the built-in server: its address.
pub const PORT: &str = "port";
/// Written by the supervisor once the server listens, removed when it ended: [`Announced`].
pub const SERVER: &str = "server.json";
/// Written by the supervisor after each end of the server: [`Setback`].
pub const SETBACK: &str = "setback.json";
/// The server's output, bounded.
pub const STDOUT: &str = "stdout.log";
pub const STDERR: &str = "stderr.log";

/// Largest of these files that is read back.
const LIMIT: u64 = 64 * 1024;

/// Which program serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum DocsProgram {
    /// This one's own `docs-server`, on any free port.
    BuiltIn,
    /// The real docmgr, on a free port out of these.
    #[serde(rename_all = "camelCase")]
    Docmgr {
        path: PathBuf,
        first_port: u16,
        last_port: u16,
    },
}

/// What the supervisor runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePlan {
    pub docs: DocsService,
    pub program: DocsProgram,
    /// Resident bytes above which the server is started anew.
    pub memory_bytes: u64,
}

/// A server that listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Announced {
    pub process: ProcessIdentity,
    pub address: SocketAddr,
    pub started: Moment,
}

/// How often the server ended, and when it is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Setback {
    pub why: String,
    /// In a row.
    pub failures: u32,
    pub next: Moment,
}

/// What a folder tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// No folder, or nobody stands over it.
    Absent,
    Supervised {
        since: Moment,
        setback: Option<Setback>,
        /// Told, not proved.
        server: Option<Announced>,
    },
}

/// `<root>/<run uid>/<workspace>`, if both are plain names.
pub fn path_of(root: &Path, run_uid: &str, workspace: &str) -> io::Result<PathBuf> {
    for word in [run_uid, workspace] {
        if word.is_empty() || word.starts_with('.') || word.contains(['/', '\0']) {
            let why = format!("\"{word}\" cannot be a folder's name");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
    }
    Ok(root.join(run_uid).join(workspace))
}

/// A small file as a whole; `None` if it is not there.
pub fn read<T: DeserializeOwned>(folder: &Folder, name: &str) -> io::Result<Option<T>> {
    let Some(bytes) = folder.read(name, LIMIT)? else {
        return Ok(None);
    };
    Ok(Some(serde_json::from_slice(&bytes)?))
}

/// Writes a small file as a whole.
pub fn write(folder: &Folder, name: &str, value: &impl Serialize) -> io::Result<()> {
    folder.write_whole(name, &serde_json::to_vec(value)?)
}

/// The folder's lock; `None` while somebody else holds it.
pub fn lock(folder: &Folder) -> io::Result<Option<File>> {
    let file = folder.lock_file(LOCK)?;
    Ok(flock(&file, FlockOperation::NonBlockingLockExclusive)
        .is_ok()
        .then_some(file))
}

/// Opens the folder; `None` if it is not there.
pub fn open(path: &Path) -> io::Result<Option<Folder>> {
    match Folder::open_trusted(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// Looks at the folder. What its supervisor is just writing is not there yet.
pub fn see(path: &Path) -> io::Result<Seen> {
    let Some(folder) = open(path)? else {
        return Ok(Seen::Absent);
    };
    let Some(supervisor) = read::<ProcessIdentity>(&folder, PROCESS)? else {
        return Ok(Seen::Absent);
    };
    if !supervisor.is_alive() {
        return Ok(Seen::Absent);
    }
    let since = std::fs::metadata(path.join(PROCESS)).and_then(|data| data.modified());
    let since = since
        .ok()
        .and_then(|at| jiff::Timestamp::try_from(at).ok())
        .map(Moment::new);
    let server = read::<Announced>(&folder, SERVER)?;
    Ok(Seen::Supervised {
        since: since.unwrap_or(Moment::new(jiff::Timestamp::UNIX_EPOCH)),
        setback: read(&folder, SETBACK)?,
        server: server.filter(|server| server.process.is_alive()),
    })
}

/// The service as it is listed, if the announced process is alive and itself holds the listening socket.
pub fn proved(key: &ServiceKey, root: &Path, server: &Announced) -> io::Result<Option<LiveService>> {
    let socket = sockets::listener(server.process.pid, server.address)?;
    // In this order: a process that is the same after the look was the same during it.
    let Some(inode) = socket.filter(|_| server.process.is_alive()) else {
        return Ok(None);
    };
    Ok(Some(LiveService {
        key: key.clone(),
        addr: server.address,
        root: root.to_owned(),
        started: server.started,
        instance: format!("{}.{}.{inode}", server.process.pid, server.process.start_time),
    }))
}
