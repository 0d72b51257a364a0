//! Making workspaces.

use super::world::{BRANCH, World};
use crate::steps::prepare::prepare;

#[test]
fn a_workspace_is_a_plain_clone_on_its_branch() {
    let world = World::new();
    let outcome = world.prepare();
    let tip = world.git(&world.home(), &["rev-parse", "main"]);
    assert_eq!(
        (outcome.repos[0].name.as_str(), outcome.repos[0].base_commit.as_str()),
        ("home", tip.as_str())
    );
    let clone = world.clone();
    assert_eq!(world.git(&clone, &["symbolic-ref", "--short", "HEAD"]), BRANCH);
    assert_eq!(
        world.git(&clone, &["rev-parse", "HEAD", "origin/main"]),
        format!("{tip}\n{tip}")
    );
    assert_eq!(
        world.git(&clone, &["remote", "get-url", "origin"]),
        world.home().to_str().unwrap()
    );
    assert_eq!(
        world.git(&clone, &["config", "--get-all", "remote.origin.fetch"]),
        "+refs/heads/*:refs/remotes/origin/*"
    );
    assert_eq!(world.status(), "");
    assert!(!clone.join(".git/objects/info/alternates").exists());
    world.git(&clone, &["fetch", "-q"]);
    assert_eq!(
        std::fs::read_dir(world.folder().join(".metawsm"))
            .unwrap()
            .flatten()
            .filter(|e| e.path().is_dir())
            .count(),
        0
    );
}

#[test]
fn what_agents_did_in_a_finished_clone_stays() {
    let world = World::new();
    let first = world.prepare();
    std::fs::write(world.clone().join("work"), "w").unwrap();
    world.write("README.md", "# later\n");
    world.commit("later");
    assert_eq!(world.prepare(), first);
    assert_eq!(world.status(), "?? work");
}

#[test]
fn workspaces_of_one_cache_keep_their_branches_when_it_is_pruned() {
    let world = World::new();
    world.git(&world.home(), &["branch", "gone"]);
    world.git(&world.home(), &["tag", "v1"]);
    world.prepare();
    std::fs::write(world.clone().join("src/lib.rs"), "// changed\n").unwrap();
    world.git(&world.clone(), &["commit", "-qam", "work"]);
    let before = world.git(&world.clone(), &["for-each-ref"]);

    world.git(&world.home(), &["branch", "-D", "gone"]);
    let mut plan = world.prepare_plan();
    plan.folder = world.root.join("ws/team/run/a-2");
    plan.branch = "task/run-a-2".into();
    prepare(&plan, &mut world.context()).unwrap();
    assert_eq!(
        std::fs::read_dir(world.root.join("cache"))
            .unwrap()
            .flatten()
            .filter(|e| e.path().is_dir())
            .count(),
        1
    );
    assert_eq!(world.git(&world.clone(), &["for-each-ref"]), before);
    world.git(&world.clone(), &["fsck", "--no-progress"]);
    assert!(
        !world
            .git(&plan.folder.join("home"), &["for-each-ref"])
            .contains("origin/gone")
    );
}

#[test]
fn what_a_killed_fetch_left_in_the_cache_is_removed_or_told() {
    let world = World::new();
    world.prepare();
    let mut caches = std::fs::read_dir(world.root.join("cache")).unwrap().flatten();
    let cache = caches.find(|entry| entry.path().is_dir()).unwrap().path();
    let left = cache.join("objects/pack/tmp_pack_x");
    let mut plan = world.prepare_plan();
    plan.folder = world.root.join("ws/team/run/a-2");
    plan.branch = "task/run-a-2".into();

    // What git never makes stands for what cannot be removed.
    std::fs::create_dir_all(&left).unwrap();
    let error = prepare(&plan, &mut world.context()).unwrap_err();
    assert!(error.message.contains("left half received"), "{}", error.message);
    std::fs::remove_dir(&left).unwrap();
    std::fs::write(&left, "half").unwrap();
    prepare(&plan, &mut world.context()).unwrap();
    assert!(!left.exists());
}

#[test]
fn a_half_made_clone_is_made_anew() {
    let world = World::new();
    let half = world.folder().join(".metawsm/clone-home/.git");
    std::fs::create_dir_all(&half).unwrap();
    std::fs::write(half.join("HEAD"), "nonsense").unwrap();
    std::fs::create_dir_all(world.root.join("cache")).unwrap();
    world.prepare();
    assert_eq!(world.status(), "");
    assert!(!world.folder().join(".metawsm/clone-home").exists());
}

#[test]
fn a_missing_branch_is_named_and_may_appear_later() {
    let world = World::new();
    let mut plan = world.prepare_plan();
    plan.repos[0].base_branch = "release/9".into();
    let error = prepare(&plan, &mut world.context()).unwrap_err();
    assert_eq!((error.reason.as_str(), error.retriable), ("BaseBranchNotFound", true));
    assert!(
        error.message.contains("release/9") && error.message.contains("home"),
        "{}",
        error.message
    );
    world.git(&world.home(), &["branch", "release/9"]);
    prepare(&plan, &mut world.context()).unwrap();
}

#[test]
fn a_folder_of_another_run_is_put_aside_whole() {
    let world = World::new();
    world.prepare();
    std::fs::write(world.clone().join("precious"), "p").unwrap();
    let mut plan = world.prepare_plan();
    plan.owner_uid = "ffffffff-0000".into();
    prepare(&plan, &mut world.context()).unwrap();
    assert_eq!(world.status(), "");
    assert!(
        world
            .root
            .join("ws/.orphans/team-run-a-1-0a1b2c3d-1/home/precious")
            .exists()
    );

    std::fs::remove_dir_all(world.folder()).unwrap();
    std::fs::create_dir_all(world.folder()).unwrap();
    std::fs::write(world.folder().join("somebody's"), "s").unwrap();
    prepare(&plan, &mut world.context()).unwrap();
    assert!(
        world
            .root
            .join("ws/.orphans/team-run-a-1-unowned-1/somebody's")
            .exists()
    );
}

#[test]
fn a_link_in_the_workspaces_path_is_not_followed() {
    let world = World::new();
    let outside = world.root.join("outside");
    std::fs::create_dir_all(&outside).unwrap();
    std::fs::create_dir_all(world.root.join("ws/team")).unwrap();
    std::os::unix::fs::symlink(&outside, world.root.join("ws/team/run")).unwrap();
    let error = prepare(&world.prepare_plan(), &mut world.context()).unwrap_err();
    assert_eq!((error.reason.as_str(), error.retriable), ("WorkspacePathUnsafe", false));
    assert_eq!(std::fs::read_dir(outside).unwrap().count(), 0);
}

#[test]
fn a_repository_outside_the_allowed_folders_is_refused() {
    let world = World::new();
    let mut plan = world.prepare_plan();
    plan.rules.local_roots = vec![world.root.join("elsewhere")];
    let error = prepare(&plan, &mut world.context()).unwrap_err();
    assert_eq!((error.reason.as_str(), error.retriable), ("LocalRepoNotAllowed", false));
}

#[test]
fn an_empty_repository_and_a_missing_one_are_told_apart() {
    let world = World::new();
    let mut plan = world.prepare_plan();
    let empty = world.root.join("repos/empty");
    std::fs::create_dir_all(&empty).unwrap();
    world.git(&empty, &["init", "-q", "-b", "main"]);
    plan.repos[0].url = empty.to_str().unwrap().into();
    assert_eq!(
        prepare(&plan, &mut world.context()).unwrap_err().reason,
        "BaseBranchNotFound"
    );
    plan.repos[0].url = world.root.join("repos/absent").to_str().unwrap().into();
    assert_eq!(prepare(&plan, &mut world.context()).unwrap_err().reason, "RepoNotFound");
}

#[test]
fn a_repository_that_borrows_objects_from_outside_is_refused_until_it_has_its_own() {
    let world = World::new();
    let outside = world.root.join("outside");
    world.git(&world.root, &["clone", "-q", "--bare", "repos/home", "outside"]);
    world.git(&world.root, &["-C", "repos/home", "gc", "-q", "--prune=now"]);
    let list = world.home().join(".git/objects/info/alternates");
    std::fs::write(&list, format!("{}\n", outside.join("objects").display())).unwrap();
    world.git(&world.home(), &["repack", "-q", "-a", "-d", "-l"]);
    let error = prepare(&world.prepare_plan(), &mut world.context()).unwrap_err();
    assert_eq!((error.reason.as_str(), error.retriable), ("LocalRepoNotAllowed", false));
    for words in ["outside/objects", "info/alternates", "git repack -a -d"] {
        assert!(error.message.contains(words), "{}", error.message);
    }
    assert!(!world.clone().exists());

    world.git(&world.home(), &["repack", "-q", "-a", "-d"]);
    std::fs::remove_file(&list).unwrap();
    world.prepare();
    world.git(&world.clone(), &["fsck", "--no-progress"]);
}
