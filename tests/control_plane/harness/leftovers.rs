//! Steps and docs servers that a killed controller left behind: they lead sessions of their own, and nobody but the test ends them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use metawsm::adapters::processes::ProcessIdentity;
use rustix::process::{Pid, Signal, kill_process};

/// Every step of a data folder that still runs.
pub fn running(data: &Path) -> Vec<ProcessIdentity> {
    let steps = below(data.join("steps")).into_iter().flat_map(below).flat_map(below);
    steps.filter_map(|step| alive(&step)).collect()
}

/// Every docs server's supervisor of a data folder that still runs.
pub fn serving(data: &Path) -> Vec<ProcessIdentity> {
    let services = below(data.join("services")).into_iter().flat_map(below);
    services.filter_map(|service| alive(&service)).collect()
}

/// How many seeds of a data folder are under way: begun, and not at their end.
pub fn seeding(data: &Path) -> usize {
    let steps = below(data.join("steps")).into_iter().flat_map(below).flat_map(below);
    let seeds = steps.filter(|step| step.file_name().is_some_and(|name| name == "seed-1"));
    seeds
        .filter(|seed| alive(seed).is_some() && !seed.join("outcome.json").exists())
        .count()
}

/// Stops every step where it is, until [`go_on`] or [`end`].
pub fn hold(data: &Path) -> Vec<Pid> {
    let sessions: Vec<_> = running(data).iter().map(|step| step.pid.to_string()).collect();
    let mut held = Vec::new();
    loop {
        let moving = moving_in(&sessions);
        if moving.is_empty() {
            return held;
        }
        for pid in moving {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::STOP);
            held.push(pid);
        }
        std::thread::yield_now();
    }
}

/// Lets go on what was held.
pub fn go_on(held: &[Pid]) {
    for pid in held {
        let _ = kill_process(*pid, Signal::CONT);
    }
}

/// Processes of these sessions that neither ended nor stand still.
fn moving_in(sessions: &[String]) -> Vec<Pid> {
    let moves = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let of_them = fields
            .get(3)
            .is_some_and(|session| sessions.iter().any(|s| s == session));
        of_them && !matches!(fields[0], "T" | "Z" | "X")
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(moves).filter_map(Pid::from_raw).collect()
}

fn below(folder: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|e| Some(e.ok()?.path())).collect()
}

fn alive(folder: &Path) -> Option<ProcessIdentity> {
    let text = fs::read(folder.join("process.json")).ok()?;
    let process: ProcessIdentity = serde_json::from_slice(&text).ok()?;
    process.is_alive().then_some(process)
}

/// Kills them with everything that they started.
pub fn end(data: &Path) {
    for process in running(data).into_iter().chain(serving(data)) {
        process.end_session(Duration::from_secs(5));
    }
}
