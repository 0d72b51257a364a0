//! The first documents of a bootstrap against what docmgr itself made (`tests/contract/recordings/cli`): the same
//! folder, files, front page, tasks and changelog, so that it reads and writes them as its own.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Map, Value};

use super::world::World;
use crate::ports::workspaces::BriefPlan;

const TICKET: &str = "METAWSM-101";
const FOLDER: &str = "ttmp/2026/11/21/METAWSM-101--relay-operator-updates";

fn recording(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract/recordings/cli");
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

/// What docmgr left of a file when it made the ticket.
fn recorded(file: &str) -> (String, String) {
    let made = recording("006-ticket-create-101.json");
    let after = &made["filesAfter"][format!("{FOLDER}/{file}")];
    let text = |field: &str| after[field].as_str().unwrap().to_owned();
    (text("mode"), text("text"))
}

/// Name to mode and text of all that a bootstrap made, folders as `None`.
fn made(goal: &str, done_criteria: &str) -> BTreeMap<String, Option<(u32, String)>> {
    let world = World::new();
    world.prepare();
    let mut plan = world.seed_plan();
    plan.ticket = TICKET.to_owned();
    plan.brief = Some(BriefPlan {
        goal: goal.to_owned(),
        scope: "all".to_owned(),
        done_criteria: done_criteria.to_owned(),
        constraints: String::new(),
        merge_intent: "Push".to_owned(),
    });
    let outcome = world.seed(&plan).unwrap();
    if goal == "Relay operator updates" {
        let made = recording("006-ticket-create-101.json");
        assert_eq!(
            made["stdout"][0]["path"].as_str().unwrap(),
            format!("/repo/{}", outcome.directory)
        );
    }
    let entries = std::fs::read_dir(world.clone().join(&outcome.directory))
        .unwrap()
        .flatten();
    let seen = entries.map(|entry| {
        let (name, meta) = (entry.file_name().into_string().unwrap(), entry.metadata().unwrap());
        let file = meta.is_file().then(|| {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            (meta.permissions().mode() & 0o7777, text)
        });
        (name, file)
    });
    seen.collect()
}

/// The text between the first two `---`; docmgr wants the first on the first line.
fn front_matter(page: &str) -> &str {
    let rest = page
        .strip_prefix("---\n")
        .expect("it begins with ---, and with nothing before it");
    rest.split_once("\n---\n").expect("it ends").0
}

fn keys(front_matter: &str) -> Vec<&str> {
    let lines = front_matter.lines().filter(|l| !l.starts_with(' '));
    lines.map(|l| l.split_once(':').unwrap().0).collect()
}

#[test]
fn folder_files_and_modes_are_docmgrs() {
    let made = made("Relay operator updates", "");
    let layout = recording("007-ticket-create-layout.json");
    let entries = layout["entries"].as_array().unwrap().iter();
    let files: BTreeMap<&str, &str> = entries
        .filter(|e| e[1] == "file")
        .map(|e| (e[0].as_str().unwrap(), e[2].as_str().unwrap()))
        .collect();
    assert_eq!(files.len(), 4, "the recording was read");
    // Of docmgr's eight folders git could hold none, for they are empty.
    assert!(made.keys().eq(files.keys()), "{:?}", made.keys());
    for (name, recorded) in files {
        let (bits, _) = made[name].as_ref().expect("it is a file");
        // Git knows no 0600, and a docs server of another user could not read it.
        let expected = if name == "index.md" { "0644" } else { recorded };
        assert_eq!(format!("{bits:04o}"), expected, "{name}");
    }
}

#[test]
fn the_front_page_has_docmgrs_keys_in_its_order_with_values_of_the_same_kinds() {
    let recorded = recording("012-frontmatter-of-new-index.json");
    let recorded = front_matter(recorded["text"].as_str().unwrap()).to_owned();
    let read = |text: &str| serde_saphyr::from_str::<Map<String, Value>>(text).unwrap();
    let theirs = read(&recorded);
    // Texts that make a front page vanish for docmgr where they are not quoted.
    for goal in [
        "Relay operator updates",
        "\u{feff}a: [b\n---\nTicket: OTHER",
        "no",
        "",
        "2026-11-21",
    ] {
        let made = made(goal, "");
        let page = &made["index.md"].as_ref().unwrap().1;
        let own = front_matter(page);
        assert_eq!(keys(own), keys(&recorded), "{goal:?}");
        let own = read(own);
        for (key, value) in &theirs {
            let same = std::mem::discriminant(value) == std::mem::discriminant(&own[key]);
            assert!(same, "{key} of {goal:?} is {:?}", own[key]);
        }
        for key in ["Ticket", "Status", "DocType", "Intent"] {
            assert_eq!(own[key], theirs[key], "{key}");
        }
        let updated = own["LastUpdated"].as_str().unwrap();
        assert!(
            updated.parse::<jiff::Timestamp>().is_ok() && updated.ends_with('Z'),
            "{updated}"
        );
    }
}

#[test]
fn tasks_and_changelog_begin_as_docmgrs_do() {
    let text = |made: &BTreeMap<String, Option<(u32, String)>>, name: &str| made[name].as_ref().unwrap().1.clone();
    let plain = made("Relay operator updates", "");
    assert_eq!(text(&plain, "tasks.md"), recorded("tasks.md").1, "one open placeholder");
    let listed = recording("029-task-list-fresh.json");
    let placeholder = format!("- [ ] {}", listed["stdout"][0]["text"].as_str().unwrap());
    let told = made("Relay operator updates", "- it works\n- it is told");
    let tasks = recorded("tasks.md")
        .1
        .replace(&placeholder, "- [ ] it works\n- [ ] it is told");
    assert_eq!(
        text(&told, "tasks.md"),
        tasks,
        "open boxes in the place of the placeholder"
    );

    let theirs = recorded("changelog.md").1;
    let own = text(&plain, "changelog.md");
    assert_eq!(theirs.lines().count(), own.lines().count());
    for (theirs, own) in theirs.lines().zip(own.lines()) {
        let entry = |line: &str| line.strip_prefix("- ").is_some_and(|text| !text.is_empty());
        assert!(theirs == own || entry(theirs) && entry(own), "{theirs:?} {own:?}");
    }
    assert!(own.ends_with("\n\n"), "docmgr appends at the end");
}
