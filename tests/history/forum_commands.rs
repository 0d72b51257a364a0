//! The forum's commands, run as a user runs them.

use serde_json::Value;

use super::commands::{metawsm, text};
use super::forum_stage::{Question, fold, rows};
use super::stage::Stage;

async fn told(stage: &Stage) -> std::sync::Arc<metawsm::adapters::sqlite::History> {
    let history = stage.open().await;
    Question::whole_life("one").record(&history).await;
    let mut hostile = Question::opened("two", "B-2", "red \u{1b}[31m and \u{202e}turned");
    hostile.post("q1", "Question", "coder", "first\n\u{1b}]0;title\u{7} second");
    hostile.enter("New", "WaitingHuman");
    hostile.record(&history).await;
    fold(&history).await;
    history
}

fn ran(stage: &Stage, arguments: &[&str]) -> String {
    let output = metawsm(&stage.path(), arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[tokio::test]
async fn questions_are_listed_page_by_page_and_fit_into_120_characters() {
    let stage = Stage::new();
    let _history = told(&stage).await;
    let table = ran(&stage, &["forum", "list", "--viewer", "ada"]);
    assert!(
        table.contains("team-a/two") && table.contains("WaitingHuman"),
        "{table}"
    );
    assert!(table.lines().all(|line| line.chars().count() <= 120), "{table}");
    assert!(!table.contains('\u{1b}') && !table.contains('\u{202e}'), "{table}");
    let first = ran(&stage, &["forum", "list", "--limit", "1", "-o", "json"]);
    let first: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(first["questions"].as_array().unwrap().len(), 1);
    let next = first["next"].as_str().unwrap();
    let second = ran(
        &stage,
        &["forum", "list", "--limit", "1", "--after", next, "-o", "json"],
    );
    let second: Value = serde_json::from_str(&second).unwrap();
    assert_ne!(first["questions"][0]["name"], second["questions"][0]["name"]);
    assert!(second["next"].is_null());
    let filtered = ran(
        &stage,
        &["forum", "list", "--state", "waitinghuman,new", "--text", "turned"],
    );
    assert_eq!(filtered.lines().count(), 2, "{filtered}");
}

#[tokio::test]
async fn a_question_is_shown_with_its_history_and_inert_bodies() {
    let stage = Stage::new();
    let _history = told(&stage).await;
    let shown = ran(&stage, &["forum", "show", "-n", "team-a", "one"]);
    for part in [
        "How is one meant?",
        "state WaitingHuman → Answered, by Operator otto",
        "    No: five times",
        "escalated in WaitingHuman: level 2, 1 s late",
    ] {
        assert!(shown.contains(part), "{part} in:\n{shown}");
    }
    let hostile = ran(&stage, &["forum", "show", "-n", "team-a", "two"]);
    assert!(
        hostile.contains("    \\u{1b}]0;title\\u{7} second") && !hostile.contains('\u{1b}'),
        "{hostile}"
    );
    let json: Value =
        serde_json::from_str(&ran(&stage, &["forum", "show", "-n", "team-a", "one", "-o", "json"])).unwrap();
    assert_eq!(
        (&json["state"], json["conversation"].as_array().unwrap().len()),
        (&"Closed".into(), 2)
    );
    let missing = metawsm(&stage.path(), &["forum", "show", "-n", "team-a", "none"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("there is no question 'team-a/none'"));
}

#[tokio::test]
async fn a_watch_tells_what_changed_after_a_cursor() {
    let stage = Stage::new();
    let history = told(&stage).await;
    let list: Value = serde_json::from_str(&ran(&stage, &["forum", "list", "-o", "json"])).unwrap();
    let after = list["watchAfter"].as_str().unwrap();
    let quiet = ran(&stage, &["forum", "watch", "--once", "--after", after]);
    assert!(!quiet.contains("team-a"), "{quiet}");
    Question::opened("three", "A-1", "new").record(&history).await;
    fold(&history).await;
    let changed = ran(&stage, &["forum", "watch", "--once", "--after", after]);
    assert!(
        changed.contains("team-a/three") && !changed.contains("team-a/one"),
        "{changed}"
    );
}

#[tokio::test]
async fn what_was_read_is_marked_and_counts_and_board_are_told() {
    let stage = Stage::new();
    let _history = told(&stage).await;
    let unread = || {
        let list: Value =
            serde_json::from_str(&ran(&stage, &["forum", "list", "--viewer", "ada", "-o", "json"])).unwrap();
        list["questions"][0]["unread"].clone()
    };
    assert_eq!(unread(), 1);
    ran(
        &stage,
        &["forum", "mark-read", "-n", "team-a", "two", "--viewer", "ada"],
    );
    assert_eq!(unread(), 0);
    let counts = ran(&stage, &["forum", "counts", "--viewer", "ada"]);
    assert!(counts.contains("1 runs wait for ada, with 1 questions"), "{counts}");
    let board = ran(&stage, &["forum", "board"]);
    assert!(board.trim_start().starts_with("DUE"), "{board}");
}

#[tokio::test]
async fn the_read_models_are_rebuilt_beside_a_running_controller_and_without_one() {
    let stage = Stage::new();
    let history = told(&stage).await;
    let expected = rows(&stage).await;
    assert_eq!(ran(&stage, &["db", "rebuild"]), "rebuilt: 14 events folded\n");
    assert_eq!(rows(&stage).await, expected);
    history.close().await.unwrap();
    assert_eq!(
        ran(&stage, &["db", "rebuild", "-o", "json"]),
        "{\n  \"events\": 14\n}\n"
    );
    assert_eq!(rows(&stage).await, expected);
    stage.delete_database();
    let missing = metawsm(&stage.path(), &["db", "rebuild"]);
    assert!(text(&missing.stderr).contains("there is no database at"));
}
