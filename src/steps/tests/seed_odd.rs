//! Seeding from trees that hold what documents should not hold.

use std::os::unix::fs::{PermissionsExt, symlink};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::world::World;
use crate::ports::workspaces::{SeedPlan, SeedSource};

fn odd_world() -> World {
    let world = World::new();
    world.prepare();
    let ticket = world.home().join("ttmp/2026/11/21/A-1--first");
    std::fs::write(world.root.join("secret"), "s").unwrap();
    symlink(world.root.join("secret"), ticket.join("absolute")).unwrap();
    symlink("../../../../../../../secret", ticket.join("outside")).unwrap();
    symlink("..", ticket.join("above")).unwrap();
    symlink("index.md", ticket.join("inside")).unwrap();
    symlink("../index.md", ticket.join("reference/up")).unwrap();
    symlink("reference", ticket.join("folder")).unwrap();
    symlink("reference/../../x", ticket.join("sly")).unwrap();
    for name in [
        "with space",
        "ünï💡",
        "new\nline",
        "-dash",
        ":(glob)x",
        "quote\"s",
        "*.md",
    ] {
        std::fs::write(ticket.join(name), name).unwrap();
    }
    std::fs::write(ticket.join("run.sh"), "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(ticket.join("run.sh"), PermissionsExt::from_mode(0o6711)).unwrap();
    std::fs::set_permissions(ticket.join("with space"), PermissionsExt::from_mode(0o600)).unwrap();
    world
}

fn check(world: &World, plan: &SeedPlan) -> Vec<String> {
    let outcome = world.seed(plan).unwrap();
    let ticket = world.ticket();
    for gone in ["absolute", "outside", "above", "sly"] {
        assert!(ticket.join(gone).symlink_metadata().is_err(), "{gone}");
    }
    for (link, target) in [
        ("inside", "index.md"),
        ("reference/up", "../index.md"),
        ("folder", "reference"),
    ] {
        assert_eq!(ticket.join(link).read_link().unwrap().to_str(), Some(target));
    }
    for name in [
        "with space",
        "ünï💡",
        "new\nline",
        "-dash",
        ":(glob)x",
        "quote\"s",
        "*.md",
    ] {
        assert_eq!(std::fs::read_to_string(ticket.join(name)).unwrap(), name);
    }
    let mode = |name: &str| ticket.join(name).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!(
        (mode("run.sh"), mode("with space"), mode("reference")),
        (0o755, 0o644, 0o755)
    );
    assert_eq!(world.status(), "");
    assert_eq!(world.seed(plan).unwrap().revision, outcome.revision);
    outcome.skipped
}

#[test]
fn a_working_tree_with_everything_odd_is_copied_safely() {
    let world = odd_world();
    let ticket = world.home().join("ttmp/2026/11/21/A-1--first");
    mknodat(CWD, ticket.join("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(ticket.join("socket")).unwrap();
    std::fs::create_dir_all(ticket.join("nested/.git")).unwrap();
    std::fs::write(ticket.join("nested/.git/config"), "x").unwrap();
    let mut plan = world.seed_plan();
    plan.source = SeedSource::WorkingTree;
    let skipped = check(&world, &plan);
    assert_eq!(skipped.len(), 6, "{skipped:?}");
    assert!(!world.ticket().join("nested").exists());
}

#[test]
fn a_commit_with_everything_odd_is_copied_safely() {
    let world = odd_world();
    world.commit("odd");
    let skipped = check(&world, &world.seed_plan());
    assert_eq!(skipped.len(), 4, "{skipped:?}");
}

#[test]
fn both_sources_of_the_same_documents_have_one_revision() {
    let world = odd_world();
    world.commit("odd");
    let mut plan = world.seed_plan();
    let commit = world.seed(&plan).unwrap().revision;
    plan.source = SeedSource::WorkingTree;
    assert_eq!(world.seed(&plan).unwrap().revision, commit);
}

#[test]
fn unsafe_links_that_the_checkout_made_go_with_the_first_seed() {
    let world = World::new();
    symlink("/etc/passwd", world.home().join("ttmp/2026/11/21/A-1--first/passwd")).unwrap();
    world.commit("link");
    world.prepare();
    let outcome = world.seed(&world.seed_plan()).unwrap();
    assert!(outcome.commit.is_some());
    assert!(world.ticket().join("passwd").symlink_metadata().is_err());
    assert_eq!(world.status(), "");
}

#[test]
fn a_docs_folder_that_is_a_link_is_not_followed() {
    let world = World::new();
    world.prepare();
    std::fs::rename(world.home().join("ttmp"), world.root.join("elsewhere")).unwrap();
    symlink(world.root.join("elsewhere"), world.home().join("ttmp")).unwrap();
    let mut plan = world.seed_plan();
    plan.source = SeedSource::WorkingTree;
    assert_eq!(world.seed(&plan).unwrap_err().reason, "DocsPathUnusable");

    std::fs::rename(world.clone().join("ttmp"), world.root.join("stolen")).unwrap();
    symlink(world.root.join("stolen"), world.clone().join("ttmp")).unwrap();
    assert_eq!(world.seed(&world.seed_plan()).unwrap_err().reason, "DocsPathUnusable");
    plan.docs_path = "../x".into();
    assert_eq!(world.seed(&plan).unwrap_err().reason, "DocsPathUnusable");
}

#[test]
fn every_limit_is_named_when_it_is_exceeded() {
    let world = World::new();
    let deep = "ttmp/2026/11/21/A-1--first/a/b/c/a-name-that-is-long.md";
    world.write(deep, &"x".repeat(5000));
    world.commit("deep");
    world.prepare();
    let exceeded = |change: &dyn Fn(&mut SeedPlan)| {
        let mut messages = Vec::new();
        for source in [SeedSource::WorkingTree, SeedSource::Commit { git_ref: "main".into() }] {
            let mut plan = world.seed_plan();
            plan.source = source;
            change(&mut plan);
            let error = world.seed(&plan).unwrap_err();
            assert_eq!((error.reason.as_str(), error.retriable), ("SeedLimitExceeded", false));
            messages.push(error.message);
        }
        assert!(!world.folder().join(".metawsm/stage").exists());
        messages.join("\n")
    };
    assert!(exceeded(&|p| p.limits.max_files = 1).contains("maxFiles (1)"));
    assert!(exceeded(&|p| p.limits.max_bytes = 4000).contains("maxBytes (4000)"));
    assert!(exceeded(&|p| p.limits.max_file_bytes = 4999).contains("maxFileBytes (4999)"));
    assert!(exceeded(&|p| p.limits.max_depth = 3).contains("maxDepth (3)"));
    assert!(exceeded(&|p| p.limits.max_name_bytes = 12).contains("maxNameBytes (12)"));
    assert_eq!(world.status(), "");
}

#[test]
fn a_step_that_works_in_the_workspace_keeps_others_out() {
    let world = World::new();
    world.prepare();
    let held = crate::steps::workspace::Workspace::open(&world.folder(), super::world::UID).unwrap();
    let error = world.seed(&world.seed_plan()).unwrap_err();
    assert_eq!((error.reason.as_str(), error.retriable), ("WorkspaceBusy", true));
    drop(held);
    world.seed(&world.seed_plan()).unwrap();
}

#[test]
fn long_work_tells_how_far_it_is() {
    let world = World::new();
    for number in 0..300 {
        world.write(&format!("ttmp/2026/11/21/A-1--first/many/{number}.md"), "m\n");
    }
    world.commit("many");
    world.prepare();
    let outcome = world.seed(&world.seed_plan()).unwrap();
    assert_eq!(outcome.files, 302);
    let words = std::fs::read_to_string(world.root.join("progress")).unwrap();
    assert_eq!(words, format!("copied 302 of 302 files, {} bytes", outcome.bytes));
}
