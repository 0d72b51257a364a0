//! Files that say they are far larger than what they take: the limits hold, at once, without filling the disk.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{World, rounds, while_swapping};

/// 10 GiB that take no room.
fn make_sparse(path: &Path) {
    fs::File::create(path).unwrap().set_len(10 << 30).unwrap();
}

/// Bytes on disk below a folder, hard work of nobody counted twice.
fn on_disk(folder: &Path) -> u64 {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let meta = entry.path().symlink_metadata().unwrap();
        bytes += if meta.is_dir() {
            on_disk(&entry.path())
        } else {
            meta.blocks() * 512
        };
    }
    bytes
}

/// What this process, other tests beside this one included, and the programs that it ran have read so far: however slow the
/// machine is, half of a sparse file's ten gibibytes tells whether it was read to its end.
fn bytes_read() -> u64 {
    let told = std::fs::read_to_string("/proc/self/io").unwrap();
    let read = told.lines().find_map(|line| line.strip_prefix("rchar: "));
    read.unwrap().parse().unwrap()
}

#[test]
fn a_sparse_file_of_ten_gibibytes_meets_the_limit_at_once() {
    let world = World::new();
    world.prepare();
    let before = on_disk(&world.root);
    make_sparse(&world.documents().join("sparse"));
    let read = bytes_read();
    for unlimited in [false, true] {
        let mut plan = world.both_plans(|_| {})[0].clone();
        if unlimited {
            plan.limits.max_file_bytes = u64::MAX;
        }
        let error = world.seed(&plan).unwrap_err();
        assert_eq!((error.reason.as_str(), error.retriable), ("SeedLimitExceeded", false));
        let limit = if unlimited { "maxBytes" } else { "maxFileBytes" };
        assert!(error.message.contains(limit), "{}", error.message);
    }
    assert!(bytes_read() - read < 5 << 30, "{} bytes were read", bytes_read() - read);
    assert!(on_disk(&world.root) < before + 1_000_000);
}

#[test]
fn a_small_file_swapped_for_a_sparse_one_never_brings_more_than_the_limit() {
    let world = World::new();
    world.prepare();
    let sparse = world.root.join("repos/sparse");
    make_sparse(&sparse);
    let before = on_disk(&world.root);
    let plan = &world.both_plans(|_| {})[0];
    while_swapping(&world.documents().join("reference/01-notes.md"), &sparse, || {
        for _ in 0..rounds(40) {
            match world.seed(plan) {
                Ok(outcome) => assert!(outcome.bytes < 1_000),
                Err(error) => assert_eq!(error.reason, "SeedLimitExceeded", "{error:?}"),
            }
            assert!(!world.folder().join(".metawsm/stage").exists());
        }
    });
    assert!(on_disk(&world.root) < before + 5_000_000);
}

#[test]
fn a_sparse_file_that_an_agent_put_among_the_documents_is_not_read_to_its_end() {
    let world = World::new();
    world.prepare();
    let before = on_disk(&world.root);
    make_sparse(&world.ticket().join("sparse"));
    world.write("ttmp/2026/11/21/A-1--first/new.md", "new\n");
    world.commit("later");
    let read = bytes_read();
    for plan in world.both_plans(|_| {}) {
        let error = world.seed(&plan).unwrap_err();
        assert_eq!((error.reason.as_str(), error.retriable), ("WorkspaceDiverged", false));
    }
    assert!(bytes_read() - read < 5 << 30, "{} bytes were read", bytes_read() - read);
    assert!(on_disk(&world.root) < before + 1_000_000);
    assert_eq!(world.ticket().join("sparse").metadata().unwrap().len(), 10 << 30);
}
