//! The house's own rules, checked: who may import whom, how large a file or function may be, and that every module
//! says what it is for. Reads source text only.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file, its tests not counted.
const FILE_BUDGET: usize = 300;
/// The median that the house aims for.
const MEDIAN: usize = 130;

/// What each part may import of the others. `app` and `command_line` put everything together.
const ALLOWED: [(&str, &[&str]); 27] = [
    ("kernel", &["kernel"]),
    ("ports", &["ports", "kernel"]),
    ("adapters", &["adapters", "failpoint", "ports", "kernel"]),
    ("failpoint", &["kernel"]),
    ("controller", &["controller", "failpoint", "ports", "kernel"]),
    (
        "run",
        &[
            "run",
            "controller",
            "failpoint",
            "ports",
            "kernel",
            "doc_endpoint::crd",
            "ticket_topology::crd",
            "ticket_topology::release",
            "forum_thread::crd",
        ],
    ),
    ("policy", &["policy", "kernel"]),
    (
        "ticket_topology",
        &[
            "ticket_topology",
            "controller",
            "failpoint",
            "ports",
            "kernel",
            "federation",
            "doc_endpoint::crd",
            "run::crd",
        ],
    ),
    (
        "doc_endpoint",
        &[
            "doc_endpoint",
            "controller",
            "failpoint",
            "federation",
            "ports",
            "kernel",
            "run::crd",
        ],
    ),
    ("federation", &["federation", "failpoint", "ports", "kernel"]),
    (
        "forum_thread",
        &["forum_thread", "controller", "failpoint", "policy", "ports", "kernel"],
    ),
    ("relay", &["relay", "failpoint", "ports", "kernel"]),
    ("projections", &["projections", "failpoint", "ports", "kernel"]),
    (
        "steps",
        &[
            "steps",
            "failpoint",
            "adapters::disk",
            "adapters::git",
            "adapters::nofollow",
            "adapters::processes",
            "adapters::system_clock",
            "ports",
            "kernel",
        ],
    ),
    (
        "housekeeping",
        &[
            "housekeeping",
            "adapters::disk",
            "adapters::nofollow",
            "failpoint",
            "ports",
            "kernel",
        ],
    ),
    ("docs_server", &["docs_server", "adapters::nofollow", "kernel"]),
    (
        "services",
        &[
            "services",
            "docs_server::command",
            "failpoint",
            "adapters::nofollow",
            "adapters::processes",
            "adapters::service_folder",
            "adapters::sockets",
            "adapters::system_clock",
            "ports",
            "kernel",
        ],
    ),
    ("cli", &["cli", "leaving", "policy", "ports", "kernel"]),
    ("leaving", &["leaving", "kernel"]),
    ("web", &["web", "ports", "kernel"]),
    (
        "crds",
        &[
            "run::crd",
            "ticket_topology::crd",
            "doc_endpoint::crd",
            "forum_thread::crd",
        ],
    ),
    ("settings", &["doc_endpoint", "housekeeping", "ports", "run", "kernel"]),
    ("telemetry", &["settings"]),
    ("tasks", &[]),
    // Test code only: kinds against each other, through their pure parts.
    ("tests", &["run", "ticket_topology", "forum_thread", "ports", "kernel"]),
    ("lib", &[]),
    ("main", &[]),
];

/// What pure parts may not name.
const IMPURE: [&str; 7] = [
    "kube::Client",
    "sqlx",
    "redis::",
    "tokio",
    "async fn",
    "SystemTime",
    "Timestamp::now",
];

struct Source {
    path: PathBuf,
    /// The part of the house it belongs to: the first folder or file below `src`.
    part: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &mut found);
    found.sort();
    let source = |path: PathBuf| {
        let below = path.strip_prefix(&root).unwrap().to_path_buf();
        let part = below
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_string_lossy()
            .trim_end_matches(".rs")
            .to_owned();
        let text = fs::read_to_string(&path).unwrap();
        Source {
            path: below,
            part,
            text,
        }
    };
    found.into_iter().map(source).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Everything before the inline tests.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

fn is_test_file(source: &Source) -> bool {
    source.path.components().any(|c| c.as_os_str() == "tests") || source.path.ends_with("tests.rs")
}

/// The `crate::…` paths that a text names, braces opened one level.
fn imports(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for part in text.split("crate::").skip(1) {
        let path: String = part
            .chars()
            .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':'))
            .collect();
        let path = path.trim_end_matches(':').to_owned();
        match part[path.len()..]
            .strip_prefix("::{")
            .or_else(|| part.strip_prefix('{'))
        {
            Some(list) => {
                let list = list.split('}').next().unwrap_or_default();
                let prefix = if path.is_empty() {
                    String::new()
                } else {
                    format!("{path}::")
                };
                out.extend(list.split(',').map(|item| format!("{prefix}{}", item.trim())));
            }
            None => out.push(path),
        }
    }
    out
}

#[test]
fn every_part_imports_only_what_it_may() {
    let allowed: BTreeMap<_, _> = ALLOWED.into_iter().collect();
    let mut wrong = Vec::new();
    for source in sources()
        .iter()
        .filter(|s| !matches!(s.part.as_str(), "app" | "command_line"))
    {
        let may = allowed
            .get(source.part.as_str())
            .unwrap_or_else(|| panic!("{} has no place in the house", source.part));
        for import in imports(without_tests(&source.text)) {
            let fits = |rule: &&str| import == **rule || import.starts_with(&format!("{rule}::"));
            if !may.iter().any(fits) {
                wrong.push(format!("{}: {import}", source.path.display()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "imports against the house's directions:\n{}",
        wrong.join("\n")
    );
}

/// The files of kinds and engines that decide and touch nothing.
const PURE: [&str; 42] = [
    "decide",
    "home",
    "claiming",
    "summary",
    "retry",
    "workspace",
    "prepare",
    "seed",
    "inspect",
    "deletion",
    "plans",
    "events",
    "authority",
    "lifetime",
    "ownership",
    "aim",
    "refresh",
    "verdicts",
    "freshness",
    "known",
    "schedule",
    "target",
    "position",
    "queue",
    "room",
    "serving",
    "archiving",
    "facts",
    "fold",
    "forum",
    "history",
    "draft",
    "running",
    "snapshot",
    "sla",
    "clock_guard",
    "state_since",
    "prune",
    "notes",
    "audit",
    "rules",
    "file",
];

#[test]
fn pure_files_stay_pure() {
    let mut wrong = Vec::new();
    for source in sources() {
        let stem = source.path.file_stem().unwrap().to_string_lossy().into_owned();
        let kind = matches!(
            source.part.as_str(),
            "run"
                | "ticket_topology"
                | "doc_endpoint"
                | "federation"
                | "forum_thread"
                | "policy"
                | "relay"
                | "projections"
        );
        if source.part != "kernel" && !(kind && PURE.contains(&stem.as_str())) {
            continue;
        }
        let code: String = without_tests(&source.text)
            .lines()
            .filter(|l| !l.trim_start().starts_with("//"))
            .collect();
        wrong.extend(
            IMPURE
                .iter()
                .filter(|word| code.contains(**word))
                .map(|w| format!("{}: {w}", source.path.display())),
        );
    }
    assert!(wrong.is_empty(), "pure files that reach outside:\n{}", wrong.join("\n"));
}

#[test]
fn files_keep_to_their_budget() {
    let mut sizes: Vec<_> = sources()
        .iter()
        .filter(|s| !is_test_file(s))
        .map(|s| (without_tests(&s.text).lines().count(), s.path.display().to_string()))
        .collect();
    sizes.sort();
    let over: Vec<_> = sizes.iter().filter(|(n, _)| *n > FILE_BUDGET).collect();
    assert!(over.is_empty(), "files above {FILE_BUDGET} lines: {over:?}");
    let median = sizes[sizes.len() / 2].0;
    assert!(
        median <= MEDIAN,
        "the median file has {median} lines, the house aims for {MEDIAN}"
    );
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<_> = sources()
        .iter()
        .filter(|s| !s.text.starts_with("//!"))
        .map(|s| s.path.display().to_string())
        .collect();
    assert!(
        silent.is_empty(),
        "modules without an opening //! line:\n{}",
        silent.join("\n")
    );
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    let vague = ["utils", "util", "helpers", "helper", "common", "manager", "misc"];
    let found: Vec<_> = sources()
        .iter()
        .filter(|s| vague.contains(&s.path.file_stem().unwrap().to_string_lossy().as_ref()))
        .map(|s| s.path.display().to_string())
        .collect();
    assert!(found.is_empty(), "names that say nothing:\n{}", found.join("\n"));
}
