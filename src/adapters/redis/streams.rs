//! The names of all streams, in this one place. Pure.

/// Every stream name, behind one prefix, so that several controllers can share a Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamNames {
    prefix: String,
}

impl StreamNames {
    /// The prefix is put before each name as it is: `team-a:` gives `team-a:metawsm.events`.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into() }
    }

    /// Every event, in order.
    pub fn ordered(&self) -> String {
        format!("{}metawsm.events", self.prefix)
    }

    /// Events of one type: `run.docs.seeded` goes to `run.events.docs.seeded`.
    pub fn of_type(&self, event_type: &str) -> String {
        match event_type.split_once('.') {
            Some((family, rest)) => format!("{}{family}.events.{rest}", self.prefix),
            None => format!("{}{event_type}.events", self.prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_stream_of_its_family() {
        let names = StreamNames::new("");
        for (event_type, stream) in [
            ("run.docs.seeded", "run.events.docs.seeded"),
            ("run.closed", "run.events.closed"),
            ("forum.thread.opened", "forum.events.thread.opened"),
            (
                "forum.sla.escalation_requested",
                "forum.events.sla.escalation_requested",
            ),
            ("docs.index.stale", "docs.events.index.stale"),
            ("topology.conflict", "topology.events.conflict"),
        ] {
            assert_eq!(names.of_type(event_type), stream);
        }
    }

    #[test]
    fn the_prefix_stands_before_every_name() {
        let names = StreamNames::new("team-a:");
        assert_eq!(names.ordered(), "team-a:metawsm.events");
        assert_eq!(names.of_type("run.closed"), "team-a:run.events.closed");
    }
}
