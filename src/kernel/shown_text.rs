//! Text of strangers on its way to people: bounded, on one line where it must be, without anything that a terminal or a
//! reader's eye could be led astray by. Pure; escapes nothing for HTML or SQL.

/// Stands for what was removed.
const REMOVED: char = '\u{fffd}';

/// The text in at most `most` characters, on one line: control characters, terminal escapes and marks that change the
/// direction of text or cannot be seen are replaced, white space becomes single spaces.
pub fn one_line(text: &str, most: usize) -> String {
    let cleaned = text.chars().take(most.saturating_mul(4)).map(|c| match c {
        '\n' | '\r' | '\t' => ' ',
        c if misleads(c) => REMOVED,
        c => c,
    });
    let cleaned: String = cleaned.collect();
    let spaced = cleaned
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    cut(&spaced, most)
}

/// The text in at most `most` characters, its lines kept.
pub fn many_lines(text: &str, most: usize) -> String {
    let cleaned = text.chars().take(most.saturating_add(1)).map(|c| match c {
        '\n' | '\t' => c,
        c if misleads(c) => REMOVED,
        c => c,
    });
    cut(&cleaned.collect::<String>(), most)
}

/// The last line that says something, in at most `most` characters, control characters left out.
pub fn last_words(text: &str, most: usize) -> String {
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    let words = line.unwrap_or_default().chars().filter(|c| !c.is_control());
    words.take(most).collect()
}

/// Whether a character shows as something else than itself, or as nothing.
pub fn misleads(c: char) -> bool {
    let unseen = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}');
    unseen
        || c.is_control()
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_misleads_is_left() {
        let text = "a\u{1b}[31mred\u{202e}txt\u{200b}.\r\nb\0";
        let shown = one_line(text, 100);
        assert_eq!(shown, "a\u{fffd}[31mred\u{fffd}txt\u{fffd}. b\u{fffd}");
        assert!(!shown.chars().any(misleads));
        assert_eq!(many_lines("a\n\tb\u{7}", 100), "a\n\tb\u{fffd}");
    }

    #[test]
    fn long_text_is_cut_by_characters() {
        assert_eq!(one_line("ääää", 4), "ääää");
        assert_eq!(one_line("äääää", 4), "äää…");
        assert_eq!(many_lines(&"x".repeat(1 << 20), 10).chars().count(), 10);
        assert_eq!(one_line("", 10), "");
    }
}
