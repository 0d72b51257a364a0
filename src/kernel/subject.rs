//! Which object a fact is about. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One object of our group: its kind, where it is, and which incarnation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// `Run`, `TicketTopology`, …
    pub kind: String,
    pub namespace: String,
    pub name: String,
    /// `metadata.uid`: tells an object from a later one of the same name.
    pub uid: String,
}

impl Subject {
    /// `namespace/name`, the form in which events name runs and threads.
    pub fn path(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
    }
}
