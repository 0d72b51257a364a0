//! The ForumThread kind: a question, who has to answer it, and by when.

pub mod attestation;
pub mod clock_guard;
pub mod crd;
pub mod policies;
pub mod rules;
pub mod sla;
pub mod status;
