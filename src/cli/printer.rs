//! Prints tables and JSON. No colours at all (so `NO_COLOR` holds), and nothing that could steer a terminal.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::Value;

use super::args::OutputFormat;
use crate::kernel::journal::cut;
use crate::ports::read_model::{AuditLine, Flaw, Verdict};

/// Longer facts are cut in tables; `-o json` has them whole.
const FACTS_WIDTH: usize = 160;

/// The least width that a terminal's table is arranged for.
const LEAST_WIDTH: u16 = 80;

/// Prints to standard output; a reader that closed the pipe has read enough.
///
/// # Errors
/// Standard output cannot be written.
pub fn print(text: &str) -> io::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Prints JSON.
///
/// # Errors
/// Standard output cannot be written.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    Ok(print(&serde_json::to_string_pretty(value)?)?)
}

/// Prints a verdict; exit code 1 if it names a flaw.
///
/// # Errors
/// Standard output cannot be written.
pub fn verdict(verdict: &Verdict, format: OutputFormat) -> anyhow::Result<ExitCode> {
    match format {
        OutputFormat::Json => json(verdict)?,
        OutputFormat::Table => print(&verdict_text(verdict))?,
    }
    Ok(code(verdict))
}

/// The exit code of a verdict: 1 if it names a flaw.
pub fn code(verdict: &Verdict) -> ExitCode {
    if verdict.flaws.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn verdict_text(verdict: &Verdict) -> String {
    let (gaps, flaws) = (&verdict.gaps, &verdict.flaws);
    let sound = if flaws.is_empty() { "sound" } else { "NOT SOUND" };
    let summary = format!(
        "{sound}: {} rows checked, {} flaws, {} gaps",
        verdict.checked,
        flaws.len(),
        gaps.len()
    );
    if gaps.is_empty() && flaws.is_empty() {
        return summary;
    }
    let mut table = table(&["FOUND", "WHERE", "SEQ", "WHAT"]);
    let row = |found: &str, flaw: &Flaw| {
        let seq = flaw.seq.map(|seq| seq.to_string()).unwrap_or_default();
        [found.to_owned(), plain(&flaw.subject), seq, plain(&flaw.problem)]
    };
    table.add_rows(flaws.iter().map(|found| row("flaw", found)));
    table.add_rows(gaps.iter().map(|found| row("gap", found)));
    format!("{}\n\n{summary}", rendered(&table))
}

/// Audit lines as a table.
pub fn audit_table(lines: &[AuditLine]) -> String {
    let mut table = table(&["AT", "OBJECT", "SEQ", "TYPE", "ACTOR", "CAUSE", "FACTS"]);
    for line in lines {
        table.add_row([
            plain(&line.at),
            plain(&format!("{}/{}/{}", line.kind, line.namespace, line.name)),
            line.seq.to_string(),
            plain(&line.entry_type),
            plain(&format!("{}:{}", line.actor_type, line.actor_name)),
            plain(line.cause.as_deref().unwrap_or("")),
            cut(&plain(&facts(&line.facts)), FACTS_WIDTH),
        ]);
    }
    rendered(&table)
}

/// An empty table.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    if io::stdout().is_terminal() {
        let width = table.width().unwrap_or(LEAST_WIDTH).max(LEAST_WIDTH);
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width);
    }
    table
}

/// A table's text, without blanks at the ends of lines.
pub fn rendered(table: &Table) -> String {
    table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

fn facts(facts: &Value) -> String {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match facts {
        Value::Object(map) => map
            .iter()
            .map(|(k, v)| format!("{k}={}", word(v)))
            .collect::<Vec<_>>()
            .join(" "),
        other => word(other),
    }
}

/// Text with every character spelled out that a terminal would obey: controls and changes of direction.
pub fn plain(text: &str) -> String {
    let obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(' '),
            c if obeyed(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn line(facts: Value) -> AuditLine {
        AuditLine {
            position: 1,
            kind: "Run".into(),
            namespace: "team-a".into(),
            name: "fix-login".into(),
            uid: "u".into(),
            seq: 3,
            at: "2026-11-01T10:00:00.123Z".into(),
            entry_type: "PhaseChanged".into(),
            facts,
            actor_type: "System".into(),
            actor_name: "metawsm".into(),
            cause: None,
            hash: "sha256:1".into(),
            prev_hash: String::new(),
        }
    }

    #[test]
    fn an_audit_table_is_plain_text() {
        let table = audit_table(&[line(json!({ "from": "Pending", "message": "\u{1b}[31mred\nline" }))]);
        assert!(table.contains("from=Pending"), "{table}");
        assert!(table.contains("message=\\u{1b}[31mred line"), "{table}");
        assert_eq!(table.lines().count(), 2, "{table}");
        assert!(table.lines().all(|line| line.chars().count() <= 160), "{table}");
    }

    #[test]
    fn a_verdict_says_what_is_wrong_and_where() {
        let flaw = Flaw {
            subject: "Run/a/b".into(),
            seq: Some(2),
            problem: "the row was rewritten".into(),
        };
        let text = verdict_text(&Verdict {
            checked: 3,
            gaps: vec![],
            flaws: vec![flaw],
        });
        assert!(
            text.contains("Run/a/b") && text.ends_with("NOT SOUND: 3 rows checked, 1 flaws, 0 gaps"),
            "{text}"
        );
        assert_eq!(
            verdict_text(&Verdict::default()),
            "sound: 0 rows checked, 0 flaws, 0 gaps"
        );
    }
}
