//! The ForumThread kind: a question, who has to answer it, and by when.

pub mod clock_guard;
pub mod sla;
