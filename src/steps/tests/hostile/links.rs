//! Links that lead out, and folders and files that are swapped for links while they are read or written.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::{CANARY, World, holds_nothing_from_outside, outside, rounds, state_of, while_swapping};

#[test]
fn chains_of_links_are_cut_where_they_leave() {
    let world = World::new();
    let (outside, ticket) = (outside(&world), world.documents());
    let links: [(&str, PathBuf, bool); 9] = [
        ("one", "two".into(), true),
        ("two", "reference/three".into(), true),
        ("reference/three", "../index.md".into(), true),
        ("to-cut", "cut".into(), true),
        ("cut", outside.join("canary"), false),
        ("folder-out", outside.clone(), false),
        ("absolute-inside", ticket.join("index.md"), false),
        ("loop", "loop".into(), true),
        ("through", "folder-out/canary".into(), true),
    ];
    for (name, target, _) in &links {
        symlink(target, ticket.join(name)).unwrap();
    }
    world.commit("links");
    world.prepare();
    let before = state_of(&outside);
    for plan in world.both_plans(|_| {}) {
        let outcome = world.seed(&plan).unwrap();
        for (name, target, kept) in &links {
            let found = fs::read_link(world.ticket().join(name)).ok();
            assert_eq!(found.as_ref(), kept.then_some(target), "{name}");
        }
        assert_eq!(outcome.skipped.len(), 3, "{:?}", outcome.skipped);
        holds_nothing_from_outside(&world.ticket());
        assert_eq!(world.status(), "");
    }
    assert_eq!(state_of(&outside), before);
}

#[test]
fn a_file_swapped_for_a_link_while_it_is_copied_is_never_followed() {
    let world = World::new();
    world.prepare();
    let outside = outside(&world);
    let before = state_of(&outside);
    let notes = world.documents().join("reference/01-notes.md");
    let link = world.root.join("repos/swapped");
    symlink(outside.join("canary"), &link).unwrap();
    let plan = &world.both_plans(|_| {})[0];
    let (mut copied, mut left_out, mut failed) = (0, 0, 0);
    while_swapping(&notes, &link, || {
        for _ in 0..rounds(40) {
            match world.seed(plan) {
                Ok(outcome) if outcome.skipped.is_empty() => copied += 1,
                Ok(_) => left_out += 1,
                Err(error) => {
                    assert!(error.retriable, "{error:?}");
                    failed += 1;
                }
            }
            holds_nothing_from_outside(&world.ticket());
        }
    });
    assert!(
        copied > 0 && left_out > 0,
        "copied {copied}, left out {left_out}, failed {failed}"
    );
    assert_eq!(state_of(&outside), before);
    let history = world.git(&world.clone(), &["log", "-p", "--all"]);
    assert!(!history.contains(CANARY));
}

#[test]
fn a_folder_swapped_for_a_link_while_it_is_copied_is_never_followed() {
    let world = World::new();
    world.prepare();
    let outside = outside(&world);
    let before = state_of(&outside);
    let folder = world.documents().join("reference");
    let link = world.root.join("repos/swapped");
    symlink(outside.join("reference"), &link).unwrap();
    let plan = &world.both_plans(|_| {})[0];
    while_swapping(&folder, &link, || {
        for _ in 0..rounds(40) {
            if let Err(error) = world.seed(plan) {
                assert!(error.retriable, "{error:?}");
            }
            holds_nothing_from_outside(&world.ticket());
        }
    });
    assert_eq!(state_of(&outside), before);
    assert!(!world.git(&world.clone(), &["log", "-p", "--all"]).contains(CANARY));
}

#[test]
fn a_docs_folder_of_the_workspace_swapped_for_a_link_is_never_written_through() {
    let world = World::new();
    world.prepare();
    let outside = world.root.join("outside");
    fs::create_dir_all(outside.join("2026/11/21/A-1--first/reference")).unwrap();
    fs::write(outside.join("2026/11/21/A-1--first/index.md"), CANARY).unwrap();
    let before = state_of(&outside);
    let link = world.folder().join("home/swapped");
    symlink(&outside, &link).unwrap();
    while_swapping(&world.clone().join("ttmp"), &link, || {
        for round in 0..rounds(25) {
            world.write("ttmp/2026/11/21/A-1--first/new.md", &format!("{round}\n"));
            world.commit("later");
            let _ = world.seed(&world.seed_plan());
        }
    });
    assert_eq!(state_of(&outside), before);
    assert!(!world.git(&world.clone(), &["log", "-p", "--all"]).contains(CANARY));
}
