//! What policy files are read as, and how wrong ones are refused.

use std::time::Duration;

use super::read;
use crate::kernel::ladder::Ladder;
use crate::policy::Policy;

fn ladder(minutes: &[u64], repeat: Option<u64>) -> Ladder {
    let rungs = minutes.iter().copied().map(Duration::from_mins).collect();
    Ladder::new(rungs, repeat.map(Duration::from_mins)).unwrap()
}

#[test]
fn nothing_is_the_usual_half_hour() {
    for text in ["", "\n# only words\n", "---\n", "sla: {}\n", "docsSync: true\n"] {
        assert_eq!(read(text), Ok(Policy::default()), "{text:?}");
    }
    assert_eq!(Policy::default().sla.new.normal, ladder(&[30], None));
    assert_eq!(Policy::default().sla.waiting_human.urgent, ladder(&[30], None));
    assert!(Policy::default().without_effect().is_empty());
}

#[test]
fn the_most_specific_rule_holds_as_a_whole() {
    let text = "
sla:
  levels: [1h, 2h]
  repeatEvery: 30m
  states:
    New:
      priorities:
        Low: {levels: []}
    WaitingHuman:
      levels: [15m]
      priorities:
        Urgent: {levels: [5m, 10m], repeatEvery: 10m}
retention: {closedThreads: 30d, events: 90d}
";
    let policy = read(text).unwrap();
    assert_eq!(policy.sla.new.normal, ladder(&[60, 120], Some(30)));
    assert_eq!(policy.sla.new.low, Ladder::default(), "no levels: never");
    assert_eq!(
        policy.sla.waiting_human.high,
        ladder(&[15], None),
        "without the repeat of what it overrides"
    );
    assert_eq!(policy.sla.waiting_human.urgent, ladder(&[5, 10], Some(10)));
    assert_eq!(policy.retention.closed_threads, Some(Duration::from_hours(720)));
}

#[test]
fn what_has_no_effect_yet_is_named() {
    let text = "
docsSync: false
autoTriage: true
autoDraft: {command: [draft, --short]}
notify: [{name: chat, url: 'https://chat.example/hook'}]
";
    let policy = read(text).unwrap();
    assert_eq!(
        policy.without_effect(),
        ["docsSync", "autoTriage", "autoDraft", "notify"]
    );
}

/// A text, the line and the path of what is wrong with it, and words of the refusal.
const WRONG: [(&str, u64, &str, &str); 15] = [
    ("slo: {}\n", 1, "", "unknown field `slo`"),
    ("sla:\n  level: [30m]\n", 2, "sla", "unknown field `level`"),
    (
        "sla:\n  levels: [30m, soon]\n",
        2,
        "sla.levels[1]",
        "'soon' is no length of time",
    ),
    ("sla:\n  levels: [30m, 10m]\n", 2, "sla", "level 2 is not later"),
    ("sla:\n  repeatEvery: 10m\n", 2, "sla", "there is none"),
    (
        "sla:\n  states:\n    Triaged: {levels: [30m]}\n",
        3,
        "sla.states",
        "unknown field `Triaged`",
    ),
    (
        "sla:\n  states:\n    New:\n      priorities:\n        urgent: {levels: [1m]}\n",
        5,
        "sla.states.New.priorities",
        "unknown field `urgent`",
    ),
    (
        "sla:\n  states:\n    New:\n      priorities:\n        Urgent: {repeatEvery: 1m}\n",
        5,
        "sla.states.New.priorities.Urgent",
        "missing field `levels`",
    ),
    (
        "autoDraft: {command: []}\n",
        1,
        "autoDraft.command",
        "name of a program",
    ),
    ("notify: [{name: a, url: 'ftp://x'}]\n", 1, "notify", "no http or https"),
    (
        "notify: [{name: a, url: 'http://x'}, {name: a, url: 'http://y'}]\n",
        1,
        "notify",
        "a name of its own",
    ),
    (
        "retention:\n  closedThreads: 0d\n",
        2,
        "retention.closedThreads",
        "longer than nothing",
    ),
    ("sla: {}\nsla: {}\n", 2, "", "duplicate"),
    ("sla: [\n", 1, "", ""),
    ("docsSync: maybe\n", 1, "docsSync", "bool"),
];

#[test]
fn what_is_wrong_is_refused_with_its_place() {
    for (text, line, path, words) in WRONG {
        let error = read(text).expect_err(text);
        let said = error.to_string();
        assert!(said.contains(words), "{text:?}: {said}");
        assert!(
            error.path.trim_start_matches('.').starts_with(path),
            "{text:?}: {error:?}"
        );
        let near = error.place.is_some_and(|(at, _)| at.abs_diff(line) <= 1);
        assert!(near, "{text:?}: line {line} or beside it: {error:?}");
        assert!(!said.contains('\n'), "one line: {said:?}");
    }
    assert!(read(&"#".repeat(300_000)).unwrap_err().to_string().contains("bytes"));
}
