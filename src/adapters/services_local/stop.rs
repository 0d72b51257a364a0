//! Ends services for good: asked to end, killed if they do not, their folder removed. The folder's lock tells who
//! stands over it, also while a supervisor has not told its identity yet.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::list::below;
use crate::adapters::processes::ProcessIdentity;
use crate::adapters::service_folder as files;
use crate::failpoint::fallible;

/// How long a supervisor may take to end by itself after it was asked to: it gives its server 3 seconds.
const GRACE: Duration = Duration::from_secs(8);
/// How long it may take to be gone after it was killed.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked for meanwhile.
const GLANCE: Duration = Duration::from_millis(20);

/// Ends the service of that folder; nothing there is fine.
pub fn stop_one(path: &Path) -> io::Result<()> {
    let begun = Instant::now();
    let mut asked = false;
    loop {
        let Some(folder) = files::open(path)? else {
            return Ok(());
        };
        let supervisor: Option<ProcessIdentity> = files::read(&folder, files::PROCESS)?;
        if let Some(_lock) = files::lock(&folder)? {
            // Nobody can stand over it now, and whoever comes later finds no folder.
            if let Some(gone) = supervisor
                && !gone.end_session(PATIENCE)
            {
                return Err(io::Error::other("some of its processes are still alive"));
            }
            remove(path)?;
            forsake(path.parent())?;
            return Ok(fallible("services.after_removal")?);
        }
        match supervisor {
            Some(supervisor) if begun.elapsed() > GRACE => supervisor.signal(Signal::KILL),
            Some(supervisor) if !asked => {
                supervisor.signal(Signal::TERM);
                // It may be one that ended and the next one has not told its identity yet.
                asked = supervisor.is_alive();
            }
            Some(_) | None => {}
        }
        if begun.elapsed() > GRACE + PATIENCE {
            return Err(io::Error::other("its supervisor is still alive"));
        }
        std::thread::sleep(GLANCE);
    }
}

/// Ends all services of a run.
pub fn stop_all(root: &Path, run_uid: &str) -> io::Result<()> {
    let run = files::path_of(root, run_uid, "any")?;
    let run = run.parent().unwrap_or(&run);
    let paths = below(run)?;
    let stopped: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = paths.iter().map(|path| scope.spawn(|| stop_one(path))).collect();
        let ends = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        ends.map(|end| end.unwrap_or_else(|_| Err(io::Error::other("it met a bug"))))
            .collect()
    });
    stopped.into_iter().collect::<io::Result<Vec<()>>>()?;
    remove(run)
}

/// The run's folder goes with its last service: who is killed after that finds no service and would leave it for ever.
fn forsake(run: Option<&Path>) -> io::Result<()> {
    match run.map_or(Ok(()), std::fs::remove_dir) {
        Err(e) if !matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => Err(e),
        _ => Ok(()),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runs_folder_goes_with_its_last_service_and_not_before() {
        let root = tempfile::tempdir().unwrap();
        let run = root.path().join("u-1");
        for workspace in ["r--a-1", "r--b-1"] {
            std::fs::create_dir_all(run.join(workspace)).unwrap();
        }
        stop_one(&run.join("r--a-1")).unwrap();
        assert_eq!(below(&run).unwrap(), [run.join("r--b-1")]);
        stop_one(&run.join("r--b-1")).unwrap();
        assert!(!run.exists());
        stop_one(&run.join("r--b-1")).unwrap();
    }
}
