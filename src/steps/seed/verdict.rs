//! Whether the ticket's documents in the workspace may be replaced by the source's. Pure: all it knows is given.

/// What is known about the destination.
#[derive(Clone, Debug, Default)]
pub struct Facts<'a> {
    /// Revision of the source.
    pub source: &'a str,
    /// Revision of the destination; `None` where there is nothing.
    pub destination: Option<&'a str>,
    /// The destination is what the workspace's base commit holds there, also if that is nothing.
    pub equals_base: bool,
    /// Revisions that we put there ourselves: the last one reported, and the last one begun.
    pub ours: &'a [&'a str],
    /// Revision of the last seed that came to its end, where its commit is still in the branch's history.
    pub last: Option<&'a str>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is there already.
    Same,
    Replace,
    /// Somebody changed it, and the source has nothing that was not seeded before: it stays as it is.
    NothingNew,
    /// Somebody changed it, and the source has something else: never overwritten.
    Diverged,
}

/// Judges the destination.
pub fn judge(facts: &Facts<'_>) -> Verdict {
    match facts.destination {
        Some(revision) if revision == facts.source => Verdict::Same,
        Some(revision) if facts.ours.contains(&revision) => Verdict::Replace,
        Some(_) | None if facts.equals_base => Verdict::Replace,
        Some(_) | None if facts.last == Some(facts.source) => Verdict::NothingNew,
        Some(_) | None => Verdict::Diverged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_changed_is_replaced() {
        let facts = |destination, equals_base| Facts {
            source: "s",
            destination,
            equals_base,
            ours: &["o"],
            last: None,
        };
        let seeded = |facts, last| Facts {
            last: Some(last),
            ..facts
        };
        let table = [
            (facts(Some("s"), false), Verdict::Same),
            (facts(Some("s"), true), Verdict::Same),
            (facts(Some("o"), false), Verdict::Replace),
            (facts(Some("b"), true), Verdict::Replace),
            (facts(Some("x"), false), Verdict::Diverged),
            (facts(None, true), Verdict::Replace),
            (facts(None, false), Verdict::Diverged),
            (seeded(facts(Some("x"), false), "s"), Verdict::NothingNew),
            (seeded(facts(None, false), "s"), Verdict::NothingNew),
            (seeded(facts(Some("x"), false), "older"), Verdict::Diverged),
            (seeded(facts(None, false), "older"), Verdict::Diverged),
            (seeded(facts(Some("s"), false), "s"), Verdict::Same),
            (seeded(facts(Some("b"), true), "s"), Verdict::Replace),
            (seeded(facts(Some("o"), false), "s"), Verdict::Replace),
        ];
        for (facts, expected) in table {
            assert_eq!(judge(&facts), expected, "{facts:?}");
        }
    }
}
