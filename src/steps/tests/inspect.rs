//! Looking at clones, also at hostile ones.

use super::world::World;
use std::path::Path;

#[test]
fn a_fresh_clone_is_clean_and_every_change_makes_it_dirty() {
    let world = World::new();
    let base = world.prepare().repos[0].base_commit.clone();
    let seen = world.inspect();
    assert_eq!(
        (seen.head_commit.as_deref(), seen.dirty, &seen.problem),
        (Some(base.as_str()), false, &None)
    );

    let file = world.clone().join("src/lib.rs");
    std::fs::write(&file, "// changed\n").unwrap();
    assert!(world.inspect().dirty, "changed");
    world.git(&world.clone(), &["add", "-A"]);
    assert!(world.inspect().dirty, "staged");
    world.git(&world.clone(), &["update-index", "--assume-unchanged", "src/lib.rs"]);
    assert!(world.inspect().dirty, "hidden by a bit in the agent's index");
    world.git(&world.clone(), &["update-index", "--no-assume-unchanged", "src/lib.rs"]);
    world.git(&world.clone(), &["commit", "-qam", "work"]);
    assert!(!world.inspect().dirty, "committed");

    std::fs::write(world.clone().join("new"), "n").unwrap();
    assert!(world.inspect().dirty, "untracked");
    std::fs::write(world.clone().join(".git/info-exclude"), "new\n").unwrap();
    std::fs::create_dir_all(world.clone().join(".git/info")).unwrap();
    std::fs::write(world.clone().join(".git/info/exclude"), "new\n").unwrap();
    assert!(world.inspect().dirty, "hidden by the agent's exclude file");
    std::fs::remove_file(world.clone().join("new")).unwrap();
    assert!(!world.inspect().dirty);
    std::fs::remove_file(file).unwrap();
    assert!(world.inspect().dirty, "deleted");
}

#[test]
fn what_the_trees_own_gitignore_names_does_not_count() {
    let world = World::new();
    world.write(".gitignore", "*.log\n");
    world.commit("ignore");
    world.prepare();
    std::fs::write(world.clone().join("x.log"), "l").unwrap();
    assert!(!world.inspect().dirty);
}

#[test]
fn problems_are_told_in_words() {
    let world = World::new();
    world.prepare();
    world.git(&world.clone(), &["checkout", "-q", "-b", "other"]);
    assert!(world.inspect().problem.unwrap().contains("branch \"other\""));
    world.git(&world.clone(), &["checkout", "-q", "--detach"]);
    assert!(world.inspect().problem.unwrap().contains("detached"));
    std::fs::write(world.clone().join(".git/MERGE_HEAD"), "x").unwrap();
    assert!(world.inspect().problem.unwrap().contains("a merge"));
    std::fs::remove_dir_all(world.clone()).unwrap();
    let seen = world.inspect();
    assert_eq!(
        (seen.head_commit, seen.problem.as_deref()),
        (None, Some("the clone is gone"))
    );
}

/// Puts code into every place of the clone from where git would run it.
pub fn plant(world: &World, clone: &Path) -> std::path::PathBuf {
    let canary = world.root.join("canary");
    let script = clone.join(".git/evil.sh");
    std::fs::write(
        &script,
        format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\ncat\n", canary.display()),
    )
    .unwrap();
    let evil = script.to_str().unwrap();
    world.git(clone, &["update-index", "--refresh"]);
    std::fs::create_dir_all(clone.join(".git/hooks")).unwrap();
    for hook in [
        "post-index-change",
        "pre-commit",
        "reference-transaction",
        "post-checkout",
        "fsmonitor-watchman",
    ] {
        std::fs::copy(&script, clone.join(".git/hooks").join(hook)).unwrap();
    }
    let chmod = std::process::Command::new("chmod")
        .args(["-R", "+x"])
        .arg(clone.join(".git/hooks"))
        .arg(&script)
        .status();
    assert!(chmod.unwrap().success());
    std::fs::create_dir_all(clone.join(".git/info")).unwrap();
    std::fs::write(clone.join(".git/info/attributes"), "* filter=evil diff=evil\n").unwrap();
    let config = format!(
        "[core]\n\tfsmonitor = {evil}\n\thooksPath = {hooks}\n\tsshCommand = {evil}\n\tpager = {evil}\n\teditor = {evil}\n\
         [filter \"evil\"]\n\tclean = {evil} clean\n\tsmudge = {evil} smudge\n\tprocess = {evil} process\n\trequired = true\n\
         [diff \"evil\"]\n\ttextconv = {evil}\n\tcommand = {evil}\n[diff]\n\texternal = {evil}\n\
         [credential]\n\thelper = !{evil}\n[gpg]\n\tprogram = {evil}\n[commit]\n\tgpgSign = true\n[include]\n\tpath = evil\n",
        hooks = clone.join(".git/hooks").display()
    );
    let path = clone.join(".git/config");
    let before = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, before + &config).unwrap();
    canary
}

#[test]
fn nothing_that_an_agent_configured_runs() {
    let world = World::new();
    world.write(".gitattributes", "*.rs filter=evil\n");
    world.commit("attributes");
    world.prepare();
    let canary = plant(&world, &world.clone());
    std::fs::write(world.clone().join("src/lib.rs"), "// changed\n").unwrap();
    assert!(world.inspect().dirty);

    world.write("ttmp/2026/11/21/A-1--first/new.md", "new\n");
    world.commit("documents");
    let outcome = world.seed(&world.seed_plan()).unwrap();
    assert!(outcome.commit.is_some());
    world.cleanup();
    assert!(
        !canary.exists(),
        "{}",
        std::fs::read_to_string(canary).unwrap_or_default()
    );
}

#[test]
fn the_planted_code_would_run_in_a_careless_git() {
    let world = World::new();
    world.prepare();
    let canary = plant(&world, &world.clone());
    let _ = std::process::Command::new("git")
        .current_dir(world.clone())
        .arg("status")
        .output();
    assert!(canary.exists(), "else the test above proves nothing");
}

#[test]
fn a_git_folder_that_leads_elsewhere_is_a_problem() {
    let world = World::new();
    world.prepare();
    let git = world.clone().join(".git");
    std::fs::rename(&git, world.root.join("moved")).unwrap();
    std::os::unix::fs::symlink(world.root.join("moved"), &git).unwrap();
    assert!(world.inspect().problem.unwrap().contains(".git is no folder"));
    std::fs::remove_file(&git).unwrap();
    std::fs::write(&git, format!("gitdir: {}\n", world.root.join("moved").display())).unwrap();
    assert!(world.inspect().problem.unwrap().contains(".git is no folder"));
}
