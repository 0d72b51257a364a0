//! Steps and docs servers that a killed controller left behind: they lead sessions of their own, and nobody but the test ends them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use metawsm::adapters::processes::ProcessIdentity;

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
