//! Which copy of a ticket's documents is the truth now. Pure.

use super::crd::{Authority, AuthorityKind};

/// Nothing serves the ticket's documents yet.
pub const NO_ENDPOINT: &str = "NoEndpoint";

/// The authority among what serves the documents: as long as nothing does, nobody, and that is said.
pub fn authority() -> Authority {
    Authority {
        kind: AuthorityKind::None,
        reason: NO_ENDPOINT.to_owned(),
    }
}
