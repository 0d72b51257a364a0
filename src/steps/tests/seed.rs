//! Seeding: what is copied, what is refused, and what an interrupted attempt leaves to the next.

use super::world::{BRANCH, World};
use crate::ports::workspaces::SeedSource;

fn prepared() -> World {
    let world = World::new();
    world.prepare();
    world
}

#[test]
fn documents_that_are_there_already_need_no_commit() {
    let world = prepared();
    let outcome = world.seed(&world.seed_plan()).unwrap();
    assert_eq!((outcome.commit, outcome.files, outcome.bootstrapped), (None, 2, false));
    assert_eq!(outcome.directory, "ttmp/2026/11/21/A-1--first");
    assert_eq!(outcome.source_commit.unwrap(), world.base());
    assert!(outcome.revision.starts_with("sha256:"));
    assert_eq!(world.git(&world.clone(), &["rev-parse", "HEAD"]), world.base());
    assert!(!world.folder().join(".metawsm/stage").exists());
}

#[test]
fn changed_documents_are_replaced_as_a_whole_and_committed() {
    let world = prepared();
    std::fs::write(world.clone().join("src/lib.rs"), "// staged by an agent\n").unwrap();
    world.git(&world.clone(), &["add", "src/lib.rs"]);
    world.git(
        &world.home(),
        &["rm", "-q", "ttmp/2026/11/21/A-1--first/reference/01-notes.md"],
    );
    world.write("ttmp/2026/11/21/A-1--first/new.md", "new\n");
    let source = world.commit("documents");
    let outcome = world.seed(&world.seed_plan()).unwrap();
    let head = world.git(&world.clone(), &["rev-parse", "HEAD"]);
    assert_eq!(
        (outcome.commit.as_deref(), outcome.source_commit.as_deref()),
        (Some(head.as_str()), Some(source.as_str()))
    );
    assert_eq!(
        world.status(),
        "M  src/lib.rs",
        "what an agent staged stays staged and is not committed"
    );
    assert!(!world.ticket().join("reference").exists());
    let log = world.git(&world.clone(), &["log", "-1", "--format=%an <%ae>%n%B", BRANCH]);
    assert!(
        log.starts_with("metawsm <controller@metawsm.dev>\nSeed the documents of A-1"),
        "{log}"
    );
    assert!(log.contains(&outcome.revision) && log.contains(&source));

    let again = world.seed(&world.seed_plan()).unwrap();
    assert_eq!((again.commit, again.revision), (None, outcome.revision));
}

#[test]
fn what_was_seeded_last_may_be_replaced_by_what_came_later() {
    let world = prepared();
    for round in 0..3 {
        world.write("ttmp/2026/11/21/A-1--first/new.md", &format!("{round}\n"));
        world.commit("documents");
        let mut plan = world.seed_plan();
        if round == 2 {
            std::fs::remove_file(world.folder().join(".metawsm/seed.json")).unwrap();
            plan.last_revision = Some(world_revision(&world));
        }
        assert!(world.seed(&plan).unwrap().commit.is_some());
    }
    assert_eq!(world.status(), "");
}

fn world_revision(world: &World) -> String {
    let mut plan = world.seed_plan();
    plan.source = SeedSource::Commit {
        git_ref: "main~1".into(),
    };
    assert_eq!(world.seed(&plan).unwrap_err().reason, "SeedRefNotFound");
    plan.source = SeedSource::Commit {
        git_ref: world.git(&world.home(), &["rev-parse", "main~1"]),
    };
    let revision = world.seed(&plan).unwrap().revision;
    std::fs::remove_file(world.folder().join(".metawsm/seed.json")).unwrap();
    revision
}

#[test]
fn documents_that_were_changed_in_the_workspace_are_never_overwritten() {
    let world = prepared();
    std::fs::write(
        world.ticket().join("index.md"),
        "---\nTicket: A-1\nDocType: index\n---\nmine\n",
    )
    .unwrap();
    world.write("ttmp/2026/11/21/A-1--first/new.md", "new\n");
    world.commit("documents");
    let error = world.seed(&world.seed_plan()).unwrap_err();
    assert_eq!((error.reason.as_str(), error.retriable), ("WorkspaceDiverged", false));
    assert!(error.message.contains("git checkout"), "{}", error.message);
    assert!(
        std::fs::read_to_string(world.ticket().join("index.md"))
            .unwrap()
            .ends_with("mine\n")
    );
    world.git(&world.clone(), &["commit", "-qam", "mine"]);
    assert_eq!(world.seed(&world.seed_plan()).unwrap_err().reason, "WorkspaceDiverged");
    std::fs::remove_dir_all(world.ticket()).unwrap();
    assert_eq!(world.seed(&world.seed_plan()).unwrap_err().reason, "WorkspaceDiverged");
}

#[test]
fn an_ignored_file_in_the_folder_is_work_too() {
    let world = World::new();
    world.write(".gitignore", "*.draft\n");
    world.commit("ignore");
    world.prepare();
    std::fs::write(world.ticket().join("x.draft"), "d").unwrap();
    world.write("ttmp/2026/11/21/A-1--first/new.md", "new\n");
    world.commit("documents");
    assert_eq!(world.seed(&world.seed_plan()).unwrap_err().reason, "WorkspaceDiverged");
}

#[test]
fn tickets_are_found_by_frontmatter_and_never_guessed() {
    let world = World::new();
    world.write_ticket("ttmp/odd place/x", "a-7");
    world.write_ticket("ttmp/B-1--decoy", "C-1");
    world.write_ticket("ttmp/one", "D-1");
    world.write_ticket("ttmp/two", "D-1");
    world.write_ticket("other/E-1", "E-1");
    world.commit("tickets");
    world.prepare();
    let seed = |ticket: &str| {
        let mut plan = world.seed_plan();
        plan.ticket = ticket.into();
        let result = world.seed(&plan);
        result
            .map(|o| o.directory)
            .map_err(|e| (e.reason.clone(), e.message.clone(), e.retriable))
    };
    assert_eq!(seed("A-7").unwrap(), "ttmp/odd place/x");
    assert_eq!(seed("C-1").unwrap(), "ttmp/B-1--decoy");
    let (reason, message, retriable) = seed("B-1").unwrap_err();
    assert_eq!((reason.as_str(), retriable), ("TicketDocsNotFound", false));
    assert!(message.contains("docSeedMode: None") && message.contains("Bootstrap"));
    let (reason, message, _) = seed("D-1").unwrap_err();
    assert_eq!(reason, "TicketDocsAmbiguous");
    assert!(message.contains("ttmp/one") && message.contains("ttmp/two"));
    assert_eq!(seed("E-1").unwrap_err().0, "TicketDocsNotFound");
}

#[test]
fn a_folder_that_the_workspace_moved_is_replaced_where_it_lies() {
    let world = prepared();
    std::fs::create_dir_all(world.clone().join("ttmp/moved")).unwrap();
    world.git(&world.clone(), &["mv", "ttmp/2026/11/21/A-1--first", "ttmp/moved/A-1"]);
    world.git(&world.clone(), &["commit", "-qm", "move"]);
    let mut plan = world.seed_plan();
    plan.last_revision = Some(world.seed(&plan).unwrap().revision);
    world.write("ttmp/2026/11/21/A-1--first/new.md", "new\n");
    world.commit("documents");
    let outcome = world.seed(&plan).unwrap();
    assert_eq!(outcome.directory, "ttmp/moved/A-1");
    assert!(world.clone().join("ttmp/moved/A-1/new.md").exists() && !world.ticket().exists());
}

#[test]
fn documents_that_git_would_not_show_are_refused() {
    let world = World::new();
    world.git(&world.home(), &["rm", "-rq", "--cached", "ttmp"]);
    world.write(".gitignore", "ttmp/\n");
    world.git(&world.home(), &["add", ".gitignore"]);
    world.git(&world.home(), &["commit", "-qm", "ignore"]);
    world.prepare();
    let mut plan = world.seed_plan();
    plan.source = SeedSource::WorkingTree;
    let error = world.seed(&plan).unwrap_err();
    assert_eq!((error.reason.as_str(), error.retriable), ("DocsIgnoredByGit", false));
    assert_eq!(world.status(), "");
}

#[test]
fn a_working_tree_is_copied_as_it_is_on_disk() {
    let world = prepared();
    world.write("ttmp/2026/11/21/A-1--first/uncommitted.md", "u\n");
    let mut plan = world.seed_plan();
    plan.source = SeedSource::WorkingTree;
    let outcome = world.seed(&plan).unwrap();
    assert_eq!(
        (outcome.files, outcome.source_commit.as_deref()),
        (3, Some(world.base().as_str()))
    );
    assert!(outcome.commit.is_some());
    assert_eq!(
        std::fs::read_to_string(world.ticket().join("uncommitted.md")).unwrap(),
        "u\n"
    );
    assert_eq!(world.status(), "");
}

#[test]
fn converted_line_ends_are_no_divergence() {
    let world = World::new();
    world.write(".gitattributes", "*.md text eol=crlf\n");
    world.commit("attributes");
    world.prepare();
    assert!(
        std::fs::read_to_string(world.ticket().join("index.md"))
            .unwrap()
            .contains("\r\n")
    );
    world.write("ttmp/2026/11/21/A-1--first/new.md", "new\n");
    world.commit("documents");
    world.seed(&world.seed_plan()).unwrap();
    assert_eq!(world.status(), "");
    world.seed(&world.seed_plan()).unwrap();
}
