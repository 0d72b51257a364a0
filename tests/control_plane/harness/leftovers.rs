//! Steps that a killed controller left behind: they lead sessions of their own, and nobody but the test ends them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use metawsm::adapters::processes::ProcessIdentity;

/// Every step of a data folder that still runs.
pub fn running(data: &Path) -> Vec<ProcessIdentity> {
    let below = |folder: PathBuf| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.filter_map(|e| Some(e.ok()?.path())).collect()
    };
    let steps = below(data.join("steps")).into_iter().flat_map(below).flat_map(below);
    let identities = steps.filter_map(|step| {
        let text = fs::read(step.join("process.json")).ok()?;
        serde_json::from_slice::<ProcessIdentity>(&text).ok()
    });
    identities.filter(ProcessIdentity::is_alive).collect()
}

/// Kills them with everything that they started.
pub fn end(data: &Path) {
    for step in running(data) {
        step.end_session(Duration::from_secs(5));
    }
}
