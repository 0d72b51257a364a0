//! How long a seed takes beside `cp -r && sync -f` of the same documents, in one run and in turn, medians of several
//! rounds. Goal: at most twice as long. What git takes to commit the documents is told apart.
//!
//! `BENCH_ROUNDS` sets the rounds, `BENCH_DIR` the folder (on the disk that is to be measured).

mod shared {
    pub mod comparison;
    pub mod opening;
    pub mod scratch;
    pub mod timing;
    pub mod world;
}

use std::fs;
use std::path::Path;
use std::process::Command;

use metawsm::ports::workspaces::{SeedLimits, SeedPlan, SeedSource};
use metawsm::steps::seed::seed;
use shared::comparison::{median, ratio};
use shared::opening::{header, number};
use shared::timing::{timed, timed_with};
use shared::world::{UID, World, git};

fn main() {
    let rounds = number("BENCH_ROUNDS", 5);
    header("seed against cp -r && sync -f", rounds);
    println!(
        "{:>8}  {:>10} {:>10} {:>10} {:>12} {:>12}",
        "files", "cp+sync", "seed", "commit", "seed/cp", "without git"
    );
    for files in [133, 10_000] {
        measure(files, rounds);
    }
}

fn measure(files: usize, rounds: usize) {
    let world = World::new();
    world.write_documents(files, 0);
    world.commit();
    world.prepare("run");
    let (mut copies, mut seeds, mut commits) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        world.write_documents(files, round);
        world.commit();
        let target = world.root.join(format!("copy-{round}"));
        copies.push(timed(|| copy(&world.documents(), &target)));
        let plan = seed_plan(&world, "run");
        let (took, outcome) = timed_with(|| seed(&plan, &mut world.context()));
        assert_eq!(outcome.expect("the seed succeeds").files, i64::try_from(files).unwrap());
        seeds.push(took);
        commits.push(commit(&target));
    }
    let (copy, seed, commit) = (median(&mut copies), median(&mut seeds), median(&mut commits));
    println!(
        "{files:>8}  {copy:>10.1?} {seed:>10.1?} {commit:>10.1?} {:>12} {:>12}",
        ratio(seed, copy),
        ratio(seed.saturating_sub(commit), copy)
    );
}

fn copy(from: &Path, to: &Path) {
    assert!(
        Command::new("cp")
            .arg("-r")
            .arg(from)
            .arg(to)
            .status()
            .unwrap()
            .success()
    );
    assert!(Command::new("sync").arg("-f").arg(to).status().unwrap().success());
}

/// What git alone takes to add and commit the same documents.
fn commit(documents: &Path) -> std::time::Duration {
    git(documents, &["init", "-q"]);
    let took = timed(|| {
        git(documents, &["add", "--all"]);
        git(documents, &["commit", "-qm", "documents"]);
    });
    fs::remove_dir_all(documents).unwrap();
    took
}

fn seed_plan(world: &World, run: &str) -> SeedPlan {
    let base = fs::read_to_string(world.folder(run).join(".metawsm/base-home")).unwrap();
    SeedPlan {
        folder: world.folder(run),
        owner_uid: UID.into(),
        namespace: "team".into(),
        cache_root: world.root.join("cache"),
        branch: format!("task/{run}"),
        ticket: "A-1".into(),
        home: world.repo(),
        base_commit: base,
        docs_path: "ttmp".into(),
        source: SeedSource::WorkingTree,
        last_revision: None,
        brief: None,
        limits: SeedLimits {
            max_files: 100_000,
            max_bytes: 1 << 30,
            max_file_bytes: 1 << 20,
            max_depth: 32,
            max_name_bytes: 255,
        },
        rules: world.rules(),
    }
}
