//! The list of failpoints against the source: every boundary is listed and stands in one place, every effect of every
//! kind has one, and so has every other write to the outside that a crash may come after. Reads source text only.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use metawsm::failpoint::{ALL, Caller, SABOTAGES};

/// Calls that change something at the API server.
const WRITES: [&str; 7] = [
    ".patch(",
    ".patch_status(",
    ".patch_metadata(",
    ".create(&",
    ".replace(&self",
    ".delete(&",
    ".delete(name",
];

/// Which failpoints stand behind such calls, by file. A file that is not here may not write to the API server.
const BEHIND: [(&str, &[&str]); 11] = [
    // An access review is a question; nothing is kept of it.
    ("controller/rights.rs", &[]),
    ("controller/status.rs", &["drive.after_status"]),
    (
        "controller/finalizer.rs",
        &["drive.after_finalizer", "drive.after_release"],
    ),
    // What is done here ends as a status or a claim is written, with the failpoints behind those.
    (
        "controller/foreign.rs",
        &["foreign.after_apply", "foreign.after_disown"],
    ),
    ("controller/undecodable.rs", &["undecodable.after_release"]),
    // Giving the Lease back is the last thing a process does: nothing comes after it.
    ("controller/lease.rs", &["lease.after_write"]),
    (
        "run/topology.rs",
        &["run.after_topology", "run.after_claim", "run.after_release"],
    ),
    // Behind the effects of which they are all that is done.
    (
        "run/endpoint.rs",
        &["run.after_make_endpoint", "run.after_drop_endpoint"],
    ),
    ("doc_endpoint/apply.rs", &["doc_endpoint.after_delete"]),
    (
        "forum_thread/archive.rs",
        &["forum_thread.after_archive", "forum_thread.after_remove_archived"],
    ),
    (
        "ticket_topology/apply.rs",
        &[
            "ticket_topology.after_release_abandoned",
            "ticket_topology.after_request_refresh",
            "ticket_topology.after_delete",
        ],
    ),
];

fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let code = |text: String| {
        text.split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let named = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        (name, code(fs::read_to_string(path).unwrap()))
    };
    files.into_iter().map(named).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Every `boundary("…")` and `fallible("…")` in a text.
fn calls(text: &str) -> Vec<(String, Caller)> {
    let found = |word: &str, caller| -> Vec<_> {
        let opening = format!("{word}(\"");
        let names = text
            .split(&opening)
            .skip(1)
            .map(|t| t.split('"').next().unwrap_or_default());
        names.map(|name| (name.to_owned(), caller)).collect()
    };
    [found("boundary", Caller::Goes), found("fallible", Caller::Fails)].concat()
}

/// What differs between the list and the calls in the source, in words.
fn differences(listed: &[(&str, Caller)], called: &[(String, Caller)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, caller) in called {
        match listed.iter().find(|(n, _)| n == name) {
            None => wrong.push(format!("'{name}' is in the source and not in the list")),
            Some((_, told)) if told != caller => {
                wrong.push(format!("'{name}' is listed as {told:?} and called as {caller:?}"));
            }
            Some(_) => {}
        }
    }
    for (name, _) in listed {
        match called.iter().filter(|(n, _)| n == name).count() {
            0 => wrong.push(format!("'{name}' is in the list and not in the source")),
            1 => {}
            n => wrong.push(format!("'{name}' stands in {n} places")),
        }
    }
    wrong
}

/// The failpoints that the variants of `enum Effect` must have: `<folder>.after_<variant>`.
fn wanted(folder: &str, decide: &str) -> Vec<String> {
    let body = decide
        .split("pub enum Effect {")
        .nth(1)
        .and_then(|t| t.split("\n}").next())
        .unwrap_or_default();
    let variants = body
        .lines()
        .filter_map(|l| l.strip_prefix("    "))
        .filter(|l| l.starts_with(char::is_uppercase));
    let word = |l: &str| l.chars().take_while(|c| c.is_alphanumeric()).collect::<String>();
    variants
        .map(|l| format!("{folder}.after_{}", snake(&word(l))))
        .collect()
}

fn snake(word: &str) -> String {
    let mut out = String::new();
    for c in word.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// Files that write to the API server without a place in [`BEHIND`].
fn unguarded(sources: &BTreeMap<String, String>) -> Vec<String> {
    let kinds = [
        "controller/",
        "run/",
        "ticket_topology/",
        "doc_endpoint/",
        "forum_thread/",
    ];
    let ours = sources
        .iter()
        .filter(|(name, _)| kinds.iter().any(|k| name.starts_with(k)));
    let writes = ours.filter(|(_, text)| WRITES.iter().any(|w| text.contains(w)));
    writes
        .map(|(name, _)| name.clone())
        .filter(|name| !BEHIND.iter().any(|(n, _)| n == name))
        .collect()
}

#[test]
fn the_list_and_the_source_agree() {
    let called: Vec<_> = sources().values().flat_map(|text| calls(text)).collect();
    let wrong = differences(&ALL, &called);
    assert!(wrong.is_empty(), "failpoints:\n{}", wrong.join("\n"));
}

#[test]
fn every_effect_of_every_kind_has_a_failpoint() {
    let sources = sources();
    let decides = sources
        .iter()
        .filter(|(name, text)| name.ends_with("/decide.rs") && text.contains("pub enum Effect {"));
    let wanted: Vec<_> = decides
        .flat_map(|(name, text)| wanted(name.split('/').next().unwrap(), text))
        .collect();
    assert!(wanted.len() >= 8, "the effects were found: {wanted:?}");
    let missing: Vec<_> = wanted.iter().filter(|w| !ALL.iter().any(|(n, _)| n == w)).collect();
    assert!(missing.is_empty(), "effects without a failpoint: {missing:?}");
}

#[test]
fn every_write_to_the_api_server_has_a_failpoint_behind_it() {
    let missing = unguarded(&sources());
    assert!(missing.is_empty(), "writes without a failpoint: {missing:?}");
    let unknown: Vec<_> = BEHIND
        .iter()
        .flat_map(|(_, n)| *n)
        .filter(|n| !ALL.iter().any(|(a, _)| a == *n))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn every_transaction_of_the_writer_is_committed_between_failpoints() {
    let sources = sources();
    let commits = |file: &str| sources[file].matches(".commit()").count();
    assert_eq!(
        commits("adapters/sqlite/writer.rs"),
        2,
        "one for records, one for everything else"
    );
    // The first log is begun before anything else is there; opening again does the same.
    assert_eq!(commits("adapters/sqlite/log.rs"), 1);
}

fn control_plane(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/control_plane");
    fs::read_to_string(folder.join(file)).unwrap()
}

#[test]
fn every_sabotage_stands_in_one_place_and_is_caught_by_a_test() {
    let sources = sources();
    let catching = ["sabotage_product.rs", "sabotage_faults.rs"]
        .map(control_plane)
        .concat();
    let places = |name: &str| {
        let call = format!("sabotaged(\"{name}\")");
        sources.values().map(|text| text.matches(&call).count()).sum::<usize>()
    };
    let strange: Vec<_> = SABOTAGES.iter().filter(|name| places(name) != 1).collect();
    assert!(strange.is_empty(), "not in exactly one place: {strange:?}");
    let calls: usize = sources.values().map(|text| text.matches("sabotaged(\"").count()).sum();
    assert_eq!(calls, SABOTAGES.len(), "one in the source is not in the list");
    let uncaught: Vec<_> = SABOTAGES.iter().filter(|name| !catching.contains(**name)).collect();
    assert!(uncaught.is_empty(), "caught by nothing: {uncaught:?}");
}

/// The tests in a file, by their names.
fn tests_of(text: &str) -> Vec<&str> {
    let marked = text.split("#[tokio::test").skip(1);
    let names = marked.filter_map(|rest| rest.split("async fn ").nth(1)?.split('(').next());
    names.collect()
}

#[test]
fn every_test_of_a_fault_is_seen_to_fail_under_a_sabotage() {
    let table = control_plane("sabotage_faults.rs");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/control_plane");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let files = files.map(|name| name.into_string().unwrap());
    let files: Vec<_> = files.filter(|name| name.starts_with("fault_")).collect();
    let named = |file: &String| {
        let text = control_plane(file);
        let tests = tests_of(&text).into_iter();
        let named = tests.map(|test| format!("{}::{test}", file.trim_end_matches(".rs")));
        named.collect::<Vec<_>>()
    };
    let all: Vec<_> = files.iter().flat_map(named).collect();
    assert!(all.len() > 30, "the tests of faults were found: {all:?}");
    let without: Vec<_> = all
        .iter()
        .filter(|name| !table.contains(&format!("\"{name}\"")))
        .collect();
    assert!(without.is_empty(), "never seen to fail: {without:#?}");
}

#[test]
fn a_missing_or_strange_failpoint_is_found() {
    let called = vec![("a.b".to_owned(), Caller::Goes), ("a.c".to_owned(), Caller::Goes)];
    let fine = [("a.b", Caller::Goes), ("a.c", Caller::Goes)];
    assert_eq!(differences(&fine, &called), Vec::<String>::new());
    assert_eq!(differences(&fine[..1], &called).len(), 1, "not listed");
    assert_eq!(
        differences(&[fine[0], fine[1], ("a.d", Caller::Goes)], &called).len(),
        1,
        "not in the source"
    );
    assert_eq!(
        differences(&[fine[0], ("a.c", Caller::Fails)], &called).len(),
        1,
        "another caller"
    );
    let twice = [called.clone(), called[..1].to_vec()].concat();
    assert_eq!(differences(&fine, &twice).len(), 1, "two places");
    let decide = "pub enum Effect {\n    /// x\n    TakeAway {\n        a: u8,\n    },\n    Delete,\n}\n";
    assert_eq!(wanted("kind", decide), ["kind.after_take_away", "kind.after_delete"]);
    let strange = BTreeMap::from([("run/other.rs".to_owned(), "api.patch(x)".to_owned())]);
    assert_eq!(unguarded(&strange), ["run/other.rs"]);
}
