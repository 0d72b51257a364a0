//! Trees made to fool the seed: each ends in the designed result, and nothing outside is read or touched.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::world::World;

/// What stands in files outside that nobody may read.
const CANARY: &str = "the canary outside";

/// A folder outside of home and workspace, with canaries under the names that the documents have.
fn outside(world: &World) -> PathBuf {
    let outside = world.root.join("outside");
    fs::create_dir_all(outside.join("reference")).unwrap();
    for name in ["index.md", "01-notes.md", "reference/01-notes.md", "canary"] {
        fs::write(outside.join(name), CANARY).unwrap();
    }
    outside
}

/// Names, sizes and contents of what is outside.
fn state_of(folder: &Path) -> Vec<(PathBuf, u64, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let meta = entry.path().symlink_metadata().unwrap();
        if meta.is_dir() {
            found.extend(state_of(&entry.path()));
        } else {
            let content = fs::read(entry.path()).unwrap_or_default();
            found.push((entry.path(), meta.len(), content));
        }
    }
    found.sort();
    found
}

/// Nothing in the folder holds the canary, and no path in it, links followed, ends outside of it.
fn holds_nothing_from_outside(folder: &Path) {
    let real = folder.canonicalize().unwrap();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if let Ok(end) = path.canonicalize() {
            assert!(
                end.starts_with(&real) || !path.is_symlink(),
                "{path:?} leads to {end:?}"
            );
        }
        let meta = path.symlink_metadata().unwrap();
        if meta.is_dir() {
            holds_nothing_from_outside_of(&path, &real);
        } else if meta.is_file() {
            let content = fs::read(&path).unwrap();
            assert!(!contains(&content, CANARY.as_bytes()), "{path:?} holds the canary");
        }
    }
}

fn holds_nothing_from_outside_of(folder: &Path, real: &Path) {
    for (path, _, content) in state_of(folder) {
        assert!(!contains(&content, CANARY.as_bytes()), "{path:?} holds the canary");
        if let Ok(end) = path.canonicalize() {
            assert!(end.starts_with(real), "{path:?} leads to {end:?}");
        }
    }
}

fn contains(content: &[u8], what: &[u8]) -> bool {
    content.windows(what.len()).any(|w| w == what)
}

/// Swaps two names in one step, again and again, until told to stop.
fn keep_swapping(one: &Path, other: &Path, stop: &AtomicBool) -> u64 {
    let mut swaps = 0;
    while !stop.load(Ordering::Relaxed) {
        let _ = renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE);
        swaps += 1;
        std::thread::sleep(Duration::from_micros(swaps % 40 * 5));
    }
    swaps
}

/// Runs `work` while another thread swaps the two names; how often it did.
fn while_swapping(one: &Path, other: &Path, work: impl FnOnce()) -> u64 {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let swapper = scope.spawn(|| keep_swapping(one, other, &stop));
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        stop.store(true, Ordering::Relaxed);
        let swaps = swapper.join().unwrap();
        worked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        swaps
    })
}

/// How often a race is tried: enough to have met each other in every test run.
fn rounds(few: usize) -> usize {
    match std::env::var("METAWSM_TEST_FULL") {
        Ok(_) => few * 20,
        Err(_) => few,
    }
}

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
            "---\nTicket: \"A-1\\n\"\nDocType: index\n---\n".to_owned(),
            Some(("TicketDocsNotFound", "A-1")),
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
                (Err(error), Some((reason, hint))) => {
                    assert_eq!((error.reason.as_str(), error.retriable), (reason, false), "{path}");
                    assert!(error.message.contains(hint), "{path}: {}", error.message);
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

/// 10 GiB that take no room.
fn make_sparse(path: &Path) {
    fs::File::create(path).unwrap().set_len(10 << 30).unwrap();
}

/// Bytes on disk below a folder, hard work of nobody counted twice.
fn on_disk(folder: &Path) -> u64 {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let meta = entry.path().symlink_metadata().unwrap();
        bytes += if meta.is_dir() {
            on_disk(&entry.path())
        } else {
            meta.blocks() * 512
        };
    }
    bytes
}

#[test]
fn a_sparse_file_of_ten_gibibytes_meets_the_limit_at_once() {
    let world = World::new();
    world.prepare();
    let before = on_disk(&world.root);
    make_sparse(&world.documents().join("sparse"));
    let begun = Instant::now();
    for unlimited in [false, true] {
        let mut plan = world.both_plans(|_| {})[0].clone();
        if unlimited {
            plan.limits.max_file_bytes = u64::MAX;
        }
        let error = world.seed(&plan).unwrap_err();
        assert_eq!((error.reason.as_str(), error.retriable), ("SeedLimitExceeded", false));
        let limit = if unlimited { "maxBytes" } else { "maxFileBytes" };
        assert!(error.message.contains(limit), "{}", error.message);
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(on_disk(&world.root) < before + 1_000_000);
}

#[test]
fn a_small_file_swapped_for_a_sparse_one_never_brings_more_than_the_limit() {
    let world = World::new();
    world.prepare();
    let sparse = world.root.join("repos/sparse");
    make_sparse(&sparse);
    let before = on_disk(&world.root);
    let plan = &world.both_plans(|_| {})[0];
    while_swapping(&world.documents().join("reference/01-notes.md"), &sparse, || {
        for _ in 0..rounds(40) {
            match world.seed(plan) {
                Ok(outcome) => assert!(outcome.bytes < 1_000),
                Err(error) => assert_eq!(error.reason, "SeedLimitExceeded", "{error:?}"),
            }
            assert!(!world.folder().join(".metawsm/stage").exists());
        }
    });
    assert!(on_disk(&world.root) < before + 5_000_000);
}

#[test]
fn a_sparse_file_that_an_agent_put_among_the_documents_is_not_read_to_its_end() {
    let world = World::new();
    world.prepare();
    let before = on_disk(&world.root);
    make_sparse(&world.ticket().join("sparse"));
    world.write("ttmp/2026/11/21/A-1--first/new.md", "new\n");
    world.commit("later");
    let begun = Instant::now();
    for plan in world.both_plans(|_| {}) {
        let error = world.seed(&plan).unwrap_err();
        assert_eq!((error.reason.as_str(), error.retriable), ("WorkspaceDiverged", false));
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(on_disk(&world.root) < before + 1_000_000);
    assert_eq!(world.ticket().join("sparse").metadata().unwrap().len(), 10 << 30);
}
