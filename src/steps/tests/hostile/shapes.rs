//! Odd names, front pages that claim too much, too many files and too deep trees.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::World;

#[test]
fn names_of_every_kind_of_255_bytes_arrive_unchanged() {
    let world = World::new();
    let names: [Vec<u8>; 6] = [
        vec![b'n'; 255],
        "ü".repeat(127).into_bytes(),
        [b"line\nfeed".to_vec(), vec![b' '; 246]].concat(),
        b"tab\tand\\back".to_vec(),
        b"\xff\xfe not text".to_vec(),
        b"~".to_vec(),
    ];
    for name in &names {
        fs::write(world.documents().join(OsStr::from_bytes(name)), name).unwrap();
    }
    world.commit("names");
    world.prepare();
    let mut revisions = Vec::new();
    for plan in world.both_plans(|p| p.limits.max_name_bytes = 255) {
        revisions.push(world.seed(&plan).unwrap().revision);
        for name in &names {
            assert_eq!(fs::read(world.ticket().join(OsStr::from_bytes(name))).unwrap(), *name);
        }
        assert_eq!(world.status(), "");
    }
    assert_eq!(revisions[0], revisions[1]);
}

#[test]
fn front_pages_that_fool_nobody() {
    let page = |ticket: &str| format!("---\nTicket: {ticket}\nDocType: index\n---\n");
    // What is written where, and the reason and a word of the message; no reason: it is seeded.
    let nested = "ttmp/2026/11/21/A-1--first/inner/index.md";
    let table = [
        (nested, page("A-1"), Some(("TicketDocsAmbiguous", "inner"))),
        (nested, page("B-2"), None),
        (
            "ttmp/again/index.md",
            page("A-1"),
            Some(("TicketDocsAmbiguous", "ttmp/again")),
        ),
        ("ttmp/again/index.md", page("a-1"), None),
        ("ttmp/index.md", page("A-1"), None),
        ("index.md", page("A-1"), None),
        ("ttmp/broken/index.md", "---\nTicket: [A-1\n---\n".to_owned(), None),
        (
            "ttmp/2026/11/21/A-1--first/index.md",
            "---\nTicket: {A-1\n---\n".to_owned(),
            Some(("TicketDocsNotFound", "A-1--first")),
        ),
        (
            "ttmp/2026/11/21/A-1--first/index.md",
            "no head\n".to_owned(),
            Some(("TicketDocsNotFound", "Bootstrap")),
        ),
        (
            "ttmp/2026/11/21/A-1--first/index.md",
            "---\nTicket: \"A-\\n1\"\nDocType: index\n---\n".to_owned(),
            Some(("TicketDocsNotFound", "A-1")),
        ),
        // Blanks around a name are no part of it, for docmgr and its servers too.
        (
            "ttmp/2026/11/21/A-1--first/index.md",
            "---\nTicket: \"A-1\\n\"\nDocType: index\n---\n".to_owned(),
            None,
        ),
        (
            "ttmp/2026/11/21/A-1--first/index.md",
            format!("---\n{}Ticket: A-1\nDocType: index\n---\n", "#\n".repeat(60_000)),
            Some(("TicketDocsNotFound", "A-1")),
        ),
    ];
    for (path, text, expected) in table {
        let world = World::new();
        world.prepare();
        world.write(path, &text);
        world.commit("page");
        for plan in world.both_plans(|_| {}) {
            match (world.seed(&plan), expected) {
                (Ok(outcome), None) => assert_eq!(outcome.directory, "ttmp/2026/11/21/A-1--first"),
                (Err(error), Some((reason, says))) => {
                    assert_eq!((error.reason.as_str(), error.retriable), (reason, false), "{path}");
                    assert!(error.message.contains(says), "{path}: {}", error.message);
                }
                (other, _) => panic!("{path}: {text:.40?}: {other:?}"),
            }
            assert_eq!(world.status(), "");
        }
        if expected.is_none() && path == nested {
            assert_eq!(fs::read_to_string(world.ticket().join("inner/index.md")).unwrap(), text);
        }
    }
}

#[test]
fn ten_thousand_files_arrive_and_one_more_is_refused() {
    let world = World::new();
    world.prepare();
    for folder in 0..100 {
        let folder = world.documents().join(format!("many/{folder:02}"));
        fs::create_dir_all(&folder).unwrap();
        for file in 0..100 {
            fs::write(folder.join(format!("{file:02}.md")), format!("{file}\n")).unwrap();
        }
    }
    // To commit and read back so many takes git half a minute: only in a full test run.
    let full = std::env::var("METAWSM_TEST_FULL").is_ok();
    if full {
        world.commit("many");
    }
    let sources = if full { 2 } else { 1 };
    for plan in world.both_plans(|p| p.limits.max_files = 10_002).iter().take(sources) {
        assert_eq!(world.seed(plan).unwrap().files, 10_002);
    }
    assert_eq!(world.status(), "");
    for plan in world.both_plans(|p| p.limits.max_files = 10_001).iter().take(sources) {
        let error = world.seed(plan).unwrap_err();
        assert_eq!(error.reason, "SeedLimitExceeded");
        assert!(error.message.contains("maxFiles (10001)"), "{}", error.message);
    }
}

#[test]
fn a_tree_that_is_too_deep_is_refused_wherever_it_lies() {
    let world = World::new();
    world.prepare();
    let deep = |root: &Path| {
        let mut path = root.join("d");
        for _ in 0..150 {
            path.push("d");
        }
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("f"), "f").unwrap();
    };
    deep(&world.documents());
    world.commit("deep");
    for plan in world.both_plans(|_| {}) {
        let error = world.seed(&plan).unwrap_err();
        assert_eq!((error.reason.as_str(), error.retriable), ("SeedLimitExceeded", false));
    }
    fs::remove_dir_all(world.documents().join("d")).unwrap();
    world.commit("flat");
    deep(&world.ticket());
    for plan in world.both_plans(|_| {}) {
        let error = world.seed(&plan).unwrap_err();
        assert!(!error.retriable, "{error:?}");
    }
    assert!(
        world.ticket().join("d/d/d").exists(),
        "what the agent made is still there"
    );
}
