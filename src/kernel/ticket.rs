//! How a ticket's name becomes the name of a topology, a workspace, a branch. Pure.

/// The name of a ticket's TicketTopology: lower case, `_` and `.` as `-`. A DNS label for every ticket that the API
/// accepts.
pub fn topology_name(ticket: &str) -> String {
    ticket.to_ascii_lowercase().replace(['_', '.'], "-")
}

/// Whether that is the name of the ticket's TicketTopology: [`topology_name`] without making it, for long searches.
pub fn is_topology_of(name: &str, ticket: &str) -> bool {
    let letter = |byte: u8| match byte {
        b'_' | b'.' => b'-',
        other => other.to_ascii_lowercase(),
    };
    name.len() == ticket.len() && ticket.bytes().map(letter).eq(name.bytes())
}

/// The name of a run's workspace for a ticket. Unique: neither a run's name nor a topology's holds `--`.
pub fn workspace_name(run: &str, ticket: &str) -> String {
    format!("{run}--{}", topology_name(ticket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_fall_together_as_the_api_rule_says() {
        assert_eq!(topology_name("METAWSM_10.a"), "metawsm-10-a");
        assert_eq!(topology_name("metawsm-10-A"), "metawsm-10-a");
        assert_eq!(workspace_name("demo", "A.1"), "demo--a-1");
    }

    #[test]
    fn a_name_is_recognised_without_being_made() {
        for ticket in ["METAWSM_10.a", "metawsm-10-A", "A.1", "Ä_1"] {
            assert!(is_topology_of(&topology_name(ticket), ticket), "{ticket}");
        }
        for (name, ticket) in [("a-1", "A-2"), ("a-1", "A-10"), ("A-1", "A-1"), ("a_1", "a_1")] {
            assert!(!is_topology_of(name, ticket), "{name} {ticket}");
            assert_ne!(name, topology_name(ticket));
        }
    }
}
