//! Removing workspaces, or not.

use super::world::World;

#[test]
fn a_workspace_without_work_is_removed_with_its_empty_parents() {
    let world = World::new();
    world.git(&world.home(), &["tag", "-m", "old", "v0"]);
    world.prepare();
    world.write("ttmp/2026/11/21/A-1--first/new.md", "new\n");
    world.commit("documents");
    world.seed(&world.seed_plan()).unwrap();
    let outcome = world.cleanup();
    assert_eq!((outcome.set_aside, outcome.why), (None, None));
    assert!(!world.root.join("ws/team").exists());
    assert!(world.root.join("ws").exists());
}

#[test]
fn documents_that_exist_nowhere_else_are_put_aside_although_the_controller_made_them() {
    let world = World::new();
    world.prepare();
    world.write("ttmp/2026/11/21/A-1--first/new.md", "new\n");
    world.commit("documents");
    world.seed(&world.seed_plan()).unwrap();
    let outcome = world.cleanup_knowing(None);
    assert!(outcome.set_aside.is_some(), "kept");
    assert!(outcome.why.unwrap().contains("exists nowhere else"));
}

fn is_set_aside(change: impl FnOnce(&World)) -> Option<String> {
    let world = World::new();
    world.prepare();
    change(&world);
    let outcome = world.cleanup();
    assert!(!world.folder().exists());
    if let Some(aside) = &outcome.set_aside {
        assert_eq!(*aside, world.root.join("ws/.orphans/team-run-a-1-0a1b2c3d-1"));
        assert!(aside.join("home/.git").exists() || outcome.why.as_deref().unwrap().contains("gone"));
    }
    outcome.why
}

#[test]
fn unsaved_work_of_any_form_is_put_aside() {
    let commit = |world: &World| {
        std::fs::write(world.clone().join("src/lib.rs"), "// work\n").unwrap();
        world.git(&world.clone(), &["commit", "-qam", "work"]);
    };
    let change = is_set_aside(|w| std::fs::write(w.clone().join("README.md"), "x").unwrap());
    assert!(change.unwrap().contains("never committed"));
    assert!(
        is_set_aside(|w| commit(w))
            .unwrap()
            .contains("1 commits were never pushed")
    );
    let hidden = is_set_aside(|w| {
        w.git(&w.clone(), &["checkout", "-q", "-b", "side"]);
        commit(w);
        w.git(&w.clone(), &["checkout", "-q", super::world::BRANCH]);
    });
    assert!(hidden.unwrap().contains("never pushed"));
    let stash = is_set_aside(|w| {
        std::fs::write(w.clone().join("src/lib.rs"), "// work\n").unwrap();
        w.git(&w.clone(), &["stash", "-q"]);
    });
    assert!(stash.unwrap().contains("never pushed"));
    let beside = is_set_aside(|w| std::fs::write(w.folder().join("notes"), "n").unwrap());
    assert!(beside.unwrap().contains("no clone of this run"));
    let broken = is_set_aside(|w| std::fs::write(w.clone().join(".git/HEAD"), "x").unwrap());
    assert!(broken.unwrap().contains("HEAD"));
}

#[test]
fn pushed_work_is_saved() {
    let why = is_set_aside(|world| {
        std::fs::write(world.clone().join("src/lib.rs"), "// work\n").unwrap();
        world.git(&world.clone(), &["commit", "-qam", "work"]);
        world.git(&world.clone(), &["push", "-q", "origin", "HEAD"]);
    });
    assert_eq!(why, None);
}

#[test]
fn ignored_files_go_with_the_workspace() {
    let why = is_set_aside(|world| {
        std::fs::write(world.clone().join(".gitignore"), "*.log\n.gitignore\n").unwrap();
        std::fs::write(world.clone().join("x.log"), "l").unwrap();
    });
    assert_eq!(why, None);
}

#[test]
fn a_folder_of_another_owner_is_left_alone() {
    let world = World::new();
    world.prepare();
    let base = world.base();
    std::fs::write(world.folder().join(".metawsm/owner"), "somebody").unwrap();
    std::fs::write(world.folder().join(".metawsm/base-home"), base).unwrap();
    let outcome = world.cleanup();
    assert_eq!(outcome.set_aside, None);
    assert!(world.clone().exists());
}

#[test]
fn a_workspace_that_is_not_there_is_removed_already() {
    let world = World::new();
    world.prepare();
    let plan = |world: &World| crate::ports::workspaces::CleanupPlan {
        folder: world.folder(),
        owner_uid: super::world::UID.into(),
        orphans: world.root.join("ws/.orphans"),
        branch: super::world::BRANCH.into(),
        repos: vec![],
        rules: world.rules(),
    };
    std::fs::remove_dir_all(world.folder()).unwrap();
    let outcome = crate::steps::cleanup::cleanup(&plan(&world), &mut world.context()).unwrap();
    assert_eq!(outcome.set_aside, None);
    assert!(!world.root.join("ws/team").exists(), "empty parents go too");
}
