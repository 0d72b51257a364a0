//! Trees made to fool the seed: each ends in the designed result, and nothing outside is read or touched.

mod links;
mod shapes;
mod sparse;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::world::World;

/// What stands in files outside that nobody may read.
const CANARY: &str = "the canary outside";

/// A folder outside of home and workspace, with canaries under the names that the documents have.
fn outside(world: &World) -> PathBuf {
    let outside = world.root.join("outside");
    fs::create_dir_all(outside.join("reference")).unwrap();
    for name in ["index.md", "01-notes.md", "reference/01-notes.md", "canary"] {
        fs::write(outside.join(name), CANARY).unwrap();
    }
    outside
}

/// Names, sizes and contents of what is outside.
fn state_of(folder: &Path) -> Vec<(PathBuf, u64, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let meta = entry.path().symlink_metadata().unwrap();
        if meta.is_dir() {
            found.extend(state_of(&entry.path()));
        } else {
            let content = fs::read(entry.path()).unwrap_or_default();
            found.push((entry.path(), meta.len(), content));
        }
    }
    found.sort();
    found
}

/// Nothing in the folder holds the canary, and no path in it, links followed, ends outside of it.
fn holds_nothing_from_outside(folder: &Path) {
    let real = folder.canonicalize().unwrap();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if let Ok(end) = path.canonicalize() {
            assert!(
                end.starts_with(&real) || !path.is_symlink(),
                "{path:?} leads to {end:?}"
            );
        }
        let meta = path.symlink_metadata().unwrap();
        if meta.is_dir() {
            holds_nothing_from_outside_of(&path, &real);
        } else if meta.is_file() {
            let content = fs::read(&path).unwrap();
            assert!(!contains(&content, CANARY.as_bytes()), "{path:?} holds the canary");
        }
    }
}

fn holds_nothing_from_outside_of(folder: &Path, real: &Path) {
    for (path, _, content) in state_of(folder) {
        assert!(!contains(&content, CANARY.as_bytes()), "{path:?} holds the canary");
        if let Ok(end) = path.canonicalize() {
            assert!(end.starts_with(real), "{path:?} leads to {end:?}");
        }
    }
}

fn contains(content: &[u8], what: &[u8]) -> bool {
    content.windows(what.len()).any(|w| w == what)
}

/// Swaps two names in one step, again and again, until told to stop.
fn keep_swapping(one: &Path, other: &Path, stop: &AtomicBool) -> u64 {
    let mut swaps = 0;
    while !stop.load(Ordering::Relaxed) {
        let _ = renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE);
        swaps += 1;
        std::thread::sleep(Duration::from_micros(swaps % 40 * 5));
    }
    swaps
}

/// Runs `work` while another thread swaps the two names; how often it did.
fn while_swapping(one: &Path, other: &Path, work: impl FnOnce()) -> u64 {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let swapper = scope.spawn(|| keep_swapping(one, other, &stop));
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        stop.store(true, Ordering::Relaxed);
        let swaps = swapper.join().unwrap();
        worked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        swaps
    })
}

/// How often a race is tried: enough to have met each other in every test run.
fn rounds(few: usize) -> usize {
    match std::env::var("METAWSM_TEST_FULL") {
        Ok(_) => few * 20,
        Err(_) => few,
    }
}
