//! What a ticket may be called, when two names mean one ticket, and how a name becomes that of a topology, a workspace, a
//! branch. Pure.

/// The longest name of a ticket, in bytes.
const LONGEST: usize = 63;

/// Whether a name is one that the API accepts for a ticket: the rule of `text_rules::TICKET`, for names that come from
/// elsewhere.
pub fn is_ticket(name: &str) -> bool {
    let mark = |b: u8| matches!(b, b'_' | b'.' | b'-');
    let bytes = name.as_bytes();
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    bytes.len() <= LONGEST
        && ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || mark(*b))
        && !bytes.windows(2).any(|pair| mark(pair[0]) && mark(pair[1]))
}

/// Whether two names mean one ticket.
pub fn same_ticket(one: &str, other: &str) -> bool {
    one.trim().eq_ignore_ascii_case(other.trim())
}

/// The name of a ticket's TicketTopology: lower case, `_` and `.` as `-`. A DNS label for every ticket that the API
/// accepts.
pub fn topology_name(ticket: &str) -> String {
    ticket.to_ascii_lowercase().replace(['_', '.'], "-")
}

/// The name of a run's workspace for a ticket. Unique: neither a run's name nor a topology's holds `--`.
pub fn workspace_name(run: &str, ticket: &str) -> String {
    format!("{run}--{}", topology_name(ticket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tickets_are_told_from_everything_else() {
        let longest = "a".repeat(63);
        for name in ["METAWSM-101", "a", "A.b_c-9", longest.as_str()] {
            assert!(is_ticket(name), "{name}");
        }
        let too_long = "a".repeat(64);
        for name in [
            "",
            "-a",
            "a-",
            "a--b",
            "a._b",
            "a b",
            "<script>",
            "a/b",
            "é",
            "a\nb",
            too_long.as_str(),
        ] {
            assert!(!is_ticket(name), "{name}");
        }
        assert!(same_ticket("METAWSM-1", " metawsm-1") && !same_ticket("METAWSM-1", "METAWSM-10"));
    }

    #[test]
    fn tickets_fall_together_as_the_api_rule_says() {
        assert_eq!(topology_name("METAWSM_10.a"), "metawsm-10-a");
        assert_eq!(topology_name("metawsm-10-A"), "metawsm-10-a");
        assert_eq!(workspace_name("demo", "A.1"), "demo--a-1");
    }
}
