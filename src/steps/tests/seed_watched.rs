//! The documents in the workspace under somebody's eyes: wholly old or wholly new at every moment.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::world::World;
use crate::adapters::nofollow::{Folder, Kind};

/// How many files carry the number of the round.
const FILES: usize = 40;

/// Looks at the documents until told to stop: opens the folder once, reads all that is in it, and looks whether it is
/// still the same folder. How often it saw a whole one.
fn watch(ticket: &Path, stop: &AtomicBool) -> Result<u64, String> {
    let mut seen = 0;
    while !stop.load(Ordering::Relaxed) {
        let before = fs::metadata(ticket)
            .map_err(|e| format!("the documents are gone: {e}"))?
            .ino();
        let folder = Folder::open_trusted(ticket).map_err(|e| format!("the documents are gone: {e}"))?;
        let numbers = numbers_in(&folder);
        let after = fs::metadata(ticket)
            .map_err(|e| format!("the documents are gone: {e}"))?
            .ino();
        if before != after {
            continue;
        }
        let numbers = numbers.map_err(|e| format!("a file in place cannot be read: {e}"))?;
        if numbers.len() != FILES || numbers.iter().any(|n| *n != numbers[0]) {
            return Err(format!("half of one and half of the other: {numbers:?}"));
        }
        seen += 1;
    }
    Ok(seen)
}

fn numbers_in(folder: &Folder) -> std::io::Result<Vec<String>> {
    let mut numbers = Vec::new();
    for name in folder
        .names()?
        .into_iter()
        .filter(|n| n.to_string_lossy().starts_with("part-"))
    {
        assert!(matches!(folder.kind(&name)?, None | Some(Kind::File { .. })));
        let text = folder.read(&name, 100)?.unwrap_or_default();
        numbers.push(String::from_utf8_lossy(&text).into_owned());
    }
    Ok(numbers)
}

#[test]
fn the_documents_are_wholly_old_or_wholly_new_at_every_moment() {
    let world = World::new();
    let write = |round: usize| {
        for part in 0..FILES {
            world.write(
                &format!("ttmp/2026/11/21/A-1--first/part-{part:02}.md"),
                &format!("{round}\n"),
            );
        }
        world.commit("parts");
    };
    write(0);
    world.prepare();
    let (stop, ticket) = (AtomicBool::new(false), world.ticket());
    let seen = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(&ticket, &stop));
        for round in 1..=10 {
            write(round);
            for plan in world.both_plans(|_| {}) {
                world.seed(&plan).unwrap();
            }
            let mut refused = world.seed_plan();
            refused.limits.max_files = 5;
            world.seed(&refused).unwrap_err();
        }
        stop.store(true, Ordering::Relaxed);
        watcher.join().unwrap()
    });
    assert!(seen.unwrap() > 20, "somebody looked");
    assert!(!world.folder().join(".metawsm/stage").exists());
}
