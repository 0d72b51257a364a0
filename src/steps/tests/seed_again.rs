//! Seeding after an interrupted attempt, and the first documents of a bootstrap.

use super::world::World;
use crate::ports::workspaces::BriefPlan;

fn prepared() -> World {
    let world = World::new();
    world.prepare();
    world
}

/// Puts the workspace into the state of a crash: `seed.json` unsettled, folders exchanged, nothing committed.
fn crash_after_exchange(world: &World) {
    world.seed(&world.seed_plan()).unwrap();
    let record = world.folder().join(".metawsm/seed.json");
    let text = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, text.replace("true", "false")).unwrap();
    world.git(&world.clone(), &["reset", "-q", "--soft", "HEAD~1"]);
    world.git(&world.clone(), &["reset", "-q"]);
    assert_ne!(world.status(), "");
}

#[test]
fn an_attempt_after_a_crash_between_exchange_and_commit_comes_to_the_same_end() {
    let world = prepared();
    world.write("ttmp/2026/11/21/A-1--first/new.md", "new\n");
    world.commit("documents");
    crash_after_exchange(&world);
    let outcome = world.seed(&world.seed_plan()).unwrap();
    assert!(outcome.commit.is_some());
    assert_eq!(world.status(), "");

    crash_after_exchange_with_later_source(&world);
}

fn crash_after_exchange_with_later_source(world: &World) {
    world.write("ttmp/2026/11/21/A-1--first/new.md", "newer\n");
    world.commit("newer");
    crash_after_exchange(world);
    world.write("ttmp/2026/11/21/A-1--first/new.md", "newest\n");
    world.commit("newest");
    assert!(world.seed(&world.seed_plan()).unwrap().commit.is_some());
    assert_eq!(
        std::fs::read_to_string(world.ticket().join("new.md")).unwrap(),
        "newest\n"
    );
    assert_eq!(world.status(), "");
}

#[test]
fn a_commit_whose_index_was_not_updated_is_settled() {
    let world = prepared();
    world.write("ttmp/2026/11/21/A-1--first/new.md", "new\n");
    world.commit("documents");
    let first = world.seed(&world.seed_plan()).unwrap();
    let record = world.folder().join(".metawsm/seed.json");
    std::fs::write(
        &record,
        std::fs::read_to_string(&record).unwrap().replace("true", "false"),
    )
    .unwrap();
    world.git(&world.clone(), &["rm", "-rq", "--cached", "ttmp"]);
    let again = world.seed(&world.seed_plan()).unwrap();
    assert_eq!(again.commit, first.commit, "the commit is told again");
    assert_eq!(world.status(), "");
}

#[test]
fn a_bootstrap_makes_the_first_documents_once() {
    let world = prepared();
    let mut plan = world.seed_plan();
    plan.ticket = "NEW-1".into();
    let text = |t: &str| t.to_owned();
    plan.brief = Some(BriefPlan {
        goal: text("Build: \"it\"\n---\nTicket: OTHER"),
        scope: text("all"),
        done_criteria: text("- works"),
        constraints: text(""),
        merge_intent: text("Push"),
    });
    let outcome = world.seed(&plan).unwrap();
    assert_eq!(outcome.directory, "ttmp/2026/11/21/NEW-1--build-it");
    assert!(outcome.bootstrapped && outcome.commit.is_some() && outcome.files == 4);
    assert_eq!(world.status(), "");
    let again = world.seed(&plan).unwrap();
    assert_eq!(
        (again.revision, again.commit, again.bootstrapped),
        (outcome.revision, None, true)
    );

    plan.ticket = "A-1".into();
    assert!(
        !world.seed(&plan).unwrap().bootstrapped,
        "documents that exist are seeded as usual"
    );
}

#[test]
fn a_clone_on_another_branch_is_not_ready() {
    let world = prepared();
    world.git(&world.clone(), &["checkout", "-q", "-b", "other"]);
    let error = world.seed(&world.seed_plan()).unwrap_err();
    assert_eq!((error.reason.as_str(), error.retriable), ("WorkspaceNotReady", true));
}
