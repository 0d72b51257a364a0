//! How long a hundred workspaces of one repository take beside a hundred `git clone --local` of it, in one run and in
//! turn. `BENCH_CLONES` sets how many, `BENCH_DIR` the folder.

mod shared {
    pub mod comparison;
    pub mod opening;
    pub mod scratch;
    pub mod timing;
    pub mod world;
}

use shared::comparison::{median, ratio};
use shared::opening::{header, number};
use shared::timing::timed;
use shared::world::{World, git};
use std::fs;
use std::time::Duration;

fn main() {
    let clones = number("BENCH_CLONES", 100);
    header("workspaces against git clone --local", clones);
    let world = World::new();
    world.write_documents(1_000, 0);
    world.commit();
    // The cache is filled once, as the first clone of a repository by hand would be.
    let first = timed(|| world.prepare("first"));
    fs::create_dir_all(world.root.join("clones")).unwrap();
    let (mut ours, mut gits) = (Vec::new(), Vec::new());
    for number in 0..clones {
        let run = format!("run-{number}");
        ours.push(timed(|| world.prepare(&run)));
        let target = world.root.join(format!("clones/{number}"));
        let (from, to) = (world.home(), target.to_str().unwrap().to_owned());
        gits.push(timed(|| {
            git(&world.root, &["clone", "-q", "--local", from.to_str().unwrap(), &to]);
        }));
    }
    let (all, git): (Duration, Duration) = (ours.iter().sum(), gits.iter().sum());
    println!(
        "{:>12} {:>14} {:>14} {:>8}",
        "first", "workspaces", "git clone", "ratio"
    );
    println!("{first:>12.1?} {all:>14.1?} {git:>14.1?} {:>8}", ratio(all, git));
    let (ours, gits) = (median(&mut ours), median(&mut gits));
    println!(
        "{:>12} {ours:>14.1?} {gits:>14.1?} {:>8}",
        "median each",
        ratio(ours, gits)
    );
}
