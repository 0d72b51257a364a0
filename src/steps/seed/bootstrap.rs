//! The first documents of a ticket, made from a run's brief in docmgr's layout. Pure; any text gives valid YAML.

use std::fmt::Write;
use std::path::PathBuf;

use crate::kernel::moment::Moment;
use crate::ports::workspaces::BriefPlan;

/// Longest title made from a goal, in characters.
const TITLE_LIMIT: usize = 80;
/// Longest slug, in bytes; with a ticket's id it stays below what a file name may have.
const SLUG_LIMIT: usize = 60;

/// `YYYY/MM/DD/<ID>--<slug>`, as docmgr names a ticket's folder.
pub fn directory(ticket: &str, brief: &BriefPlan, now: Moment) -> PathBuf {
    let day = now.timestamp().strftime("%Y/%m/%d").to_string();
    PathBuf::from(day).join(format!("{ticket}--{}", slug(&title(ticket, brief))))
}

/// The documents' names and texts.
pub fn documents(ticket: &str, brief: &BriefPlan, now: Moment) -> Vec<(&'static str, String)> {
    let title = title(ticket, brief);
    let day = now.timestamp().strftime("%Y-%m-%d").to_string();
    vec![
        ("index.md", index(ticket, &title, brief, now)),
        (
            "README.md",
            format!("# {title}\n\nMade from the brief of the run. Begin with index.md.\n"),
        ),
        ("tasks.md", tasks(brief)),
        (
            "changelog.md",
            format!("# Changelog\n\n## {day}\n\n- Documents made from the brief of the run\n\n"),
        ),
    ]
}

fn index(ticket: &str, title: &str, brief: &BriefPlan, now: Moment) -> String {
    let mut text = String::from("---\n");
    let quoted_title = quoted(title);
    let summary = quoted(brief.goal.trim());
    let scope = quoted(brief.scope.trim());
    let lines = [
        ("Title", quoted_title.as_str()),
        ("Ticket", &quoted(ticket)),
        ("Status", "active"),
        ("Topics", "[]"),
        ("DocType", "index"),
        ("Intent", "long-term"),
        ("Owners", "[]"),
        ("RelatedFiles", "[]"),
        ("ExternalSources", "[]"),
        ("Summary", &summary),
        ("LastUpdated", &now.to_string()),
        ("WhatFor", &scope),
        ("WhenToUse", "\"\""),
    ];
    for (key, value) in lines {
        let _ = writeln!(text, "{key}: {value}");
    }
    let _ = write!(text, "---\n\n# {title}\n");
    let sections = [
        ("Goal", &brief.goal),
        ("Scope", &brief.scope),
        ("Done criteria", &brief.done_criteria),
        ("Constraints", &brief.constraints),
        ("Merge intent", &brief.merge_intent),
    ];
    for (heading, body) in sections.into_iter().filter(|(_, body)| !body.trim().is_empty()) {
        let _ = write!(text, "\n## {heading}\n\n{}\n", body.trim());
    }
    text
}

/// One open task per line of the done criteria.
fn tasks(brief: &BriefPlan) -> String {
    let mut text = String::from("# Tasks\n\n## TODO\n\n");
    let bullets: &[char] = &['-', '*', '+', ' ', '\t'];
    let lines = brief
        .done_criteria
        .lines()
        .map(|line| line.trim_start_matches(bullets).trim_end());
    let lines: Vec<&str> = lines
        .map(|l| l.trim_start_matches("[ ]").trim_start())
        .filter(|l| !l.is_empty())
        .collect();
    let lines = if lines.is_empty() {
        vec!["Add tasks here"]
    } else {
        lines
    };
    for line in lines {
        let _ = writeln!(text, "- [ ] {line}");
    }
    text.push('\n');
    text
}

fn title(ticket: &str, brief: &BriefPlan) -> String {
    let first = brief
        .goal
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or(ticket);
    let plain: String = first
        .trim_start_matches('#')
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    if plain.is_empty() {
        ticket.to_owned()
    } else {
        crate::kernel::journal::cut(&plain, TITLE_LIMIT)
    }
}

fn slug(title: &str) -> String {
    let mut slug = String::new();
    for c in title.chars().map(|c| c.to_ascii_lowercase()) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= SLUG_LIMIT {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() {
        "ticket".to_owned()
    } else {
        slug.to_owned()
    }
}

/// A double-quoted YAML scalar: every reader gives back exactly this text as a string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            c if c.is_alphanumeric() => out.push(c),
            c if u32::from(c) <= 0xffff => drop(write!(out, "\\u{:04X}", u32::from(c))),
            c => drop(write!(out, "\\U{:08X}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::super::frontmatter::{FrontPage, front_page};
    use super::*;
    use proptest::prelude::*;

    fn brief(goal: &str) -> BriefPlan {
        BriefPlan {
            goal: goal.into(),
            scope: "all: of \"it\"".into(),
            done_criteria: "- one\n* [ ] two\n\nthree".into(),
            constraints: "none".into(),
            merge_intent: "Push".into(),
        }
    }

    fn moment() -> Moment {
        "2026-11-21T08:36:39.5Z".parse().unwrap()
    }

    #[test]
    fn the_layout_is_docmgrs() {
        let directory = directory("A-1", &brief("Relay operator updates!\nmore"), moment());
        assert_eq!(directory, PathBuf::from("2026/11/21/A-1--relay-operator-updates"));
        let documents = documents("A-1", &brief("Relay"), moment());
        assert_eq!(
            documents.iter().map(|d| d.0).collect::<Vec<_>>(),
            ["index.md", "README.md", "tasks.md", "changelog.md"]
        );
        let keys: Vec<_> = documents[0]
            .1
            .lines()
            .skip(1)
            .take_while(|l| *l != "---")
            .map(|l| l.split(':').next().unwrap())
            .collect();
        let expected = [
            "Title",
            "Ticket",
            "Status",
            "Topics",
            "DocType",
            "Intent",
            "Owners",
            "RelatedFiles",
            "ExternalSources",
            "Summary",
            "LastUpdated",
            "WhatFor",
            "WhenToUse",
        ];
        assert_eq!(keys, expected);
        assert_eq!(
            documents[2].1,
            "# Tasks\n\n## TODO\n\n- [ ] one\n- [ ] two\n- [ ] three\n\n"
        );
    }

    #[test]
    fn a_goal_without_letters_still_has_a_folder() {
        assert!(directory("A-1", &brief("…"), moment()).ends_with("A-1--ticket"));
        assert!(directory("A-1", &brief(""), moment()).ends_with("A-1--a-1"));
    }

    proptest! {
        #[test]
        fn any_text_gives_a_front_page_that_reads_back(goal in any::<String>()) {
            let documents = documents("A-1", &brief(&goal), moment());
            prop_assert_eq!(front_page(documents[0].1.as_bytes()), FrontPage::Of("A-1".into()));
            let read: String = serde_saphyr::from_str(&quoted(&goal)).unwrap();
            prop_assert_eq!(read, goal);
        }
    }
}
