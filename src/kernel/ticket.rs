//! How a ticket's name becomes the name of a topology, a workspace, a branch. Pure.

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
    fn tickets_fall_together_as_the_api_rule_says() {
        assert_eq!(topology_name("METAWSM_10.a"), "metawsm-10-a");
        assert_eq!(topology_name("metawsm-10-A"), "metawsm-10-a");
        assert_eq!(workspace_name("demo", "A.1"), "demo--a-1");
    }
}
