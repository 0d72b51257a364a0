//! Reads a ticket's task list the way docmgr's HTTP side does: real boxes only, below second-level headings. Pure.

use serde::Serialize;

/// The section of boxes above the first heading.
const UNTITLED: &str = "Tasks";

/// One box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Its place in the file, from 1.
    pub id: usize,
    pub checked: bool,
    pub text: String,
}

/// A heading and the boxes below it; `null` where there are none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    pub title: String,
    pub items: Option<Vec<Item>>,
}

/// Numbers of boxes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub total: usize,
    pub done: usize,
}

/// Reads a file.
pub fn parse(text: &str) -> (Vec<Section>, Counts) {
    let (mut sections, mut counts) = (Vec::<Section>::new(), Counts::default());
    for line in text.lines() {
        if let Some((level, title)) = heading(line) {
            if level > 1 && sections.last().is_none_or(|last| last.title != title) {
                sections.push(section(title));
            }
            continue;
        }
        let Some((checked, text)) = task(line) else { continue };
        counts.total += 1;
        counts.done += usize::from(checked);
        if sections.is_empty() {
            sections.push(section(UNTITLED));
        }
        if let Some(last) = sections.last_mut() {
            last.items.get_or_insert_default().push(Item {
                id: counts.total,
                checked,
                text: text.to_owned(),
            });
        }
    }
    (sections, counts)
}

fn section(title: &str) -> Section {
    Section {
        title: title.to_owned(),
        items: None,
    }
}

/// The line without its indent, if that is no more than three columns.
fn unindented(line: &str) -> Option<&str> {
    let bare = line.trim_start();
    (line.len() - bare.len() <= 3).then_some(bare.trim_end())
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let bare = unindented(line)?;
    let title = bare.trim_start_matches('#');
    let level = bare.len() - title.len();
    let fits = (1..=6).contains(&level) && title.starts_with(char::is_whitespace) && !title.trim().is_empty();
    fits.then(|| (level, title.trim()))
}

fn task(line: &str) -> Option<(bool, &str)> {
    let rest = unindented(line)?.strip_prefix(['-', '*'])?;
    let boxed = rest.trim_start();
    if boxed.len() == rest.len() {
        return None;
    }
    let (checked, text) = match boxed.get(..3)? {
        "[ ]" => (false, &boxed[3..]),
        "[x]" | "[X]" => (true, &boxed[3..]),
        _ => return None,
    };
    let fits = text.starts_with(char::is_whitespace) && !text.trim().is_empty();
    fits.then(|| (checked, text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_real_boxes_count() {
        let text = "# Tasks\n\n## TODO\n\n## Done\n\n- [x] a\n* [X] b\n   - [ ] c\n    - [ ] too deep\n- [link](x)\n- [ ]\n\
                    -[ ] d\n- [ ]e\n## Notes\n";
        let (sections, counts) = parse(text);
        assert_eq!(counts, Counts { total: 3, done: 2 });
        let shape: Vec<_> = sections
            .iter()
            .map(|s| (s.title.as_str(), s.items.as_ref().map(Vec::len)))
            .collect();
        assert_eq!(shape, [("TODO", None), ("Done", Some(3)), ("Notes", None)]);
        let (sections, _) = parse("- [ ] first\n");
        assert_eq!(sections[0].title, UNTITLED);
        assert_eq!(parse(""), (vec![], Counts::default()));
    }
}
