//! The TicketTopology kind.

pub mod crd;
