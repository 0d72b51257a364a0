//! How long a call of git may take, and how much it may put on the disk; past either, its whole group is killed.
//! Knows nothing of repositories.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process_group, prlimit, setrlimit};

/// How often a folder that grows is measured: at 500 MB/s it passes its bound by 100 MB at most.
const GLANCE: Duration = Duration::from_millis(200);
/// A look may take this part of the time: measuring a large folder must not become the work.
const SHARE: u32 = 10;
/// What git may hold in memory of its own while it talks to a remote. Mapped packs do not count; the refs of a
/// repository with a million branches take some 200 MB.
const MEMORY: u64 = 2 << 30;

/// The bounds of one call.
#[derive(Clone, Debug)]
pub struct Bounds {
    pub timeout: Duration,
    /// A folder and how many bytes it may hold.
    pub disk: Option<(PathBuf, u64)>,
}

/// Which bound was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    Time,
    Disk,
}

impl Bounds {
    /// Starts a call that somebody else can feed under the bound of its memory, which it and all that it starts inherit
    /// from here: a bound that is only set from outside comes too late for what begins at once. For that moment the
    /// bound is this process's own too; it holds nothing like as much.
    pub fn start<T>(&self, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        if self.disk.is_none() {
            return start();
        }
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let own = getrlimit(Resource::Data);
        let current = Some(own.current.map_or(MEMORY, |own| own.min(MEMORY)));
        setrlimit(Resource::Data, Rlimit { current, ..own })?;
        let started = start();
        setrlimit(Resource::Data, own)?;
        started
    }

    /// Bounds the memory of such a call for good: it can raise what it was started with no more.
    pub fn limit_memory(&self, process: Pid) -> io::Result<()> {
        if self.disk.is_none() {
            return Ok(());
        }
        let limit = Rlimit {
            current: Some(MEMORY),
            maximum: Some(MEMORY),
        };
        match prlimit(Some(process), Resource::Data, limit) {
            Ok(_) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Waits until `over` is closed, or kills the group at the first bound that is passed.
    pub fn keep(&self, over: &Receiver<()>, group: Pid) -> Option<Passed> {
        let deadline = Instant::now() + self.timeout;
        let mut pause = GLANCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = if self.disk.is_some() { left.min(pause) } else { left };
            if over.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                return None;
            }
            let looked = Instant::now();
            let passed = match &self.disk {
                _ if looked >= deadline => Some(Passed::Time),
                Some((folder, most)) if bytes_below(folder, *most) > *most => Some(Passed::Disk),
                Some(_) | None => None,
            };
            if passed.is_some() {
                let _ = kill_process_group(group, Signal::KILL);
                return passed;
            }
            pause = GLANCE.max(looked.elapsed() * SHARE);
        }
    }
}

/// What the files below a folder take on disk, `.git` excepted: in a clone it is hard links to its cache. Stops
/// counting past `enough`; what vanishes meanwhile counts nothing.
pub fn bytes_below(folder: &Path, enough: u64) -> u64 {
    let (mut total, mut open) = (0, vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten().filter(|entry| entry.file_name() != ".git") {
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => open.push(entry.path()),
                // Some file systems tell the blocks late, and small files take more than their length.
                Ok(meta) => total += meta.len().max(meta.blocks() * 512),
                Err(_) => {}
            }
        }
        if total > enough {
            break;
        }
    }
    total
}
