//! Questions as text for people: tables of at most 120 characters, and one thread in the order in which it happened.
//! Titles, names and bodies are other people's words: nothing of them may steer a terminal.

use crate::cli::printer::{plain, rendered, table};
use crate::kernel::journal::cut;
use crate::ports::questions::{Happening, Question, QueueCount, Thread, ThreadPost};

/// Widths of columns whose words people choose; with the others, a line has at most 120 characters.
const NAME: usize = 25;
const TICKET: usize = 14;
const ASSIGNEE: usize = 10;
const TITLE: usize = 24;

/// A list.
pub fn questions(questions: &[Question]) -> String {
    let viewed = questions.iter().any(|q| q.unread.is_some());
    let mut header = vec!["QUESTION", "TICKET", "STATE", "PRI", "ASSIGNEE", "TURN", "ESC"];
    header.extend(viewed.then_some("NEW"));
    header.push("TITLE");
    let mut table = table(&header);
    for q in questions {
        let mut row = vec![
            name(q),
            told(q.ticket.as_ref(), TICKET),
            told(q.state.as_ref(), 15),
            told(q.priority.as_ref(), 6),
            assignee(q),
            told(q.waiting_on.as_ref(), 8),
            q.escalations.to_string(),
        ];
        row.extend(viewed.then(|| q.unread.unwrap_or(0).to_string()));
        row.push(told(q.title.as_ref(), if viewed { TITLE - 5 } else { TITLE }));
        table.add_row(row);
    }
    rendered(&table)
}

/// Questions whose clock runs.
pub fn board(questions: &[Question]) -> String {
    let mut table = table(&["DUE", "LEVEL", "QUESTION", "STATE", "PRI", "TURN", "TITLE"]);
    for q in questions {
        table.add_row([
            told(q.deadline.as_ref(), 24),
            q.level.to_string(),
            name(q),
            told(q.state.as_ref(), 15),
            told(q.priority.as_ref(), 6),
            told(q.waiting_on.as_ref(), 8),
            told(q.title.as_ref(), TITLE - 4),
        ]);
    }
    rendered(&table)
}

/// How many there are of each sort.
pub fn counts(counts: &[QueueCount]) -> String {
    let mut table = table(&[
        "NAMESPACE",
        "STATE",
        "PRI",
        "TURN",
        "QUESTIONS",
        "ESCALATED",
        "OLDEST SINCE",
    ]);
    for count in counts {
        table.add_row([
            cut(&plain(&count.namespace), NAME),
            told(count.state.as_ref(), 15),
            told(count.priority.as_ref(), 6),
            told(count.waiting_on.as_ref(), 8),
            count.threads.to_string(),
            count.escalated.to_string(),
            told(count.oldest_since.as_ref(), 24),
        ]);
    }
    rendered(&table)
}

/// One line about a question that changed.
pub fn change(q: &Question) -> String {
    let gone = if q.deleted_at.is_some() { " (gone)" } else { "" };
    format!(
        "{}  {}  {}{gone}  {}  {}",
        plain(&q.changed_at),
        cut(&plain(&format!("{}/{}", q.namespace, q.name)), 34),
        told(q.state.as_ref(), 15),
        told(q.waiting_on.as_ref(), 8),
        told(q.title.as_ref(), TITLE),
    )
}

/// A thread: what it is, then what was said and happened, oldest first.
pub fn thread(thread: &Thread) -> String {
    let q = &thread.question;
    let mut lines = vec![
        plain(q.title.as_deref().unwrap_or("(its opening is not known)")),
        String::new(),
        format!("question   {}", plain(&format!("{}/{}", q.namespace, q.name))),
    ];
    let facts = [
        ("ticket", q.ticket.clone()),
        ("run", q.run.clone()),
        ("agent", q.agent_name.clone()),
        ("state", state(q)),
        ("priority", q.priority.clone()),
        ("assignee", q.assignee.clone()),
        ("turn of", q.waiting_on.clone()),
        ("due", q.deadline.clone()),
        ("choices", thread.choices.as_ref().map(ToString::to_string)),
        ("goes on", thread.continued_from.clone()),
        ("archived", thread.archived_at.clone()),
        ("gone", q.deleted_at.clone()),
    ];
    let told = facts.into_iter().filter_map(|(label, fact)| Some((label, fact?)));
    lines.extend(told.map(|(label, fact)| format!("{label:<10} {}", plain(&fact))));
    lines.push(String::new());
    lines.extend(history(thread));
    lines.join("\n")
}

fn state(q: &Question) -> Option<String> {
    let since = q.state_since.as_ref().map(|since| format!(" since {since}"));
    Some(format!("{}{}", q.state.as_ref()?, since.unwrap_or_default()))
}

fn history(thread: &Thread) -> Vec<String> {
    let happened = thread.history.iter().map(|h| (h.seq, happening(h)));
    let said = thread.conversation.iter().map(|p| (p.seq, post(p)));
    let mut all: Vec<_> = happened.chain(said).collect();
    all.sort_by_key(|(seq, _)| *seq);
    all.into_iter().flat_map(|(_, lines)| lines).collect()
}

fn happening(h: &Happening) -> Vec<String> {
    let nobody = || "nobody".to_owned();
    let (from, to) = (h.from.clone(), h.to.clone().unwrap_or_else(nobody));
    let change = match (h.what.as_str(), from) {
        ("Escalation", from) => format!("escalated in {}: {to}", from.unwrap_or_default()),
        ("Assignee", from) => format!("assignee {} → {to}", from.unwrap_or_else(nobody)),
        (what, None) => format!("{} {to}", what.to_lowercase()),
        (what, Some(from)) => format!("{} {from} → {to}", what.to_lowercase()),
    };
    let cause = h.cause.as_ref().map(|cause| format!(" ({cause})")).unwrap_or_default();
    let by = who(&h.actor_type, &h.actor, h.attested);
    vec![plain(&format!("{}  {change}, by {by}{cause}", h.at))]
}

fn post(p: &ThreadPost) -> Vec<String> {
    let reply = p.in_reply_to.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
    let via = p.via.as_ref().map(|via| format!(" via {via}")).unwrap_or_default();
    let by = who(&p.author_type, &p.author, p.attested);
    let mut lines = vec![plain(&format!("{}  {} {}{reply}, by {by}{via}", p.at, p.kind, p.id))];
    if let Some(choice) = &p.choice {
        lines.push(format!("    chose: {}", plain(choice)));
    }
    lines.extend(
        p.body
            .lines()
            .map(|line| format!("    {}", plain(line)).trim_end().to_owned()),
    );
    lines
}

fn who(kind: &str, name: &str, attested: bool) -> String {
    format!("{kind} {name}{}", if attested { "" } else { " (not attested)" })
}

fn name(q: &Question) -> String {
    cut(&plain(&format!("{}/{}", q.namespace, q.name)), NAME)
}

/// Of a service account only the last part.
fn assignee(q: &Question) -> String {
    let last = q.assignee.as_ref().and_then(|name| name.rsplit(':').next());
    cut(&plain(last.unwrap_or("-")), ASSIGNEE)
}

fn told(text: Option<&String>, width: usize) -> String {
    cut(&plain(text.map_or("-", String::as_str)), width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Question {
        Question {
            namespace: "a-namespace-with-a-long-name".into(),
            name: "a-question-with-a-long-name".into(),
            ticket: Some("METAWSM-101-AND-MUCH-MORE".into()),
            title: Some("\u{1b}[31mred\u{202e}".repeat(20)),
            state: Some("WaitingOperator".into()),
            waiting_on: Some("Operator".into()),
            priority: Some("Normal".into()),
            assignee: Some("system:serviceaccount:demo:the-operator-of-the-demo".into()),
            deadline: Some("2026-11-21T11:26:30.621Z".into()),
            changed_at: "2026-11-21T11:26:30.621Z".into(),
            escalations: 12,
            unread: Some(12),
            ..Question::default()
        }
    }

    #[test]
    fn no_line_of_a_list_is_wider_than_120_characters_or_steers_a_terminal() {
        let listed = [question()];
        let mut unviewed = question();
        unviewed.unread = None;
        for text in [
            questions(&listed),
            questions(&[unviewed]),
            board(&listed),
            change(&question()),
        ] {
            assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
            assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
        }
    }

    #[test]
    fn a_body_is_shown_line_by_line_and_inert() {
        let said = ThreadPost {
            seq: 1,
            id: "q".into(),
            kind: "Question".into(),
            author_type: "Agent".into(),
            author: "ada".into(),
            attested: false,
            via: None,
            body: "first\u{1b}]0;x\u{7}\n\tsecond".into(),
            in_reply_to: None,
            choice: None,
            at: "2026-11-21T11:26:30Z".into(),
        };
        assert_eq!(
            post(&said),
            [
                "2026-11-21T11:26:30Z  Question q, by Agent ada (not attested)",
                "    first\\u{1b}]0;x\\u{7}",
                "     second"
            ]
        );
    }
}
