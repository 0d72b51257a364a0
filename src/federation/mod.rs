//! What all servers of documents say, side by side.
//!
//! ```text
//! DocEndpoint ─(whom to ask)─▶ prober ─▶ catalogue ─(news)─▶ DocEndpoint, TicketTopology
//!                                            └─▶ mirror ─▶ SQLite (views only)
//! ```
//!
//! The prober asks each server in a task of its own, so that none delays another. The catalogue holds the last good
//! answer of each. Kinds read it and say whom to ask; they decide, nothing here does.

mod catalogue;
pub mod freshness;
pub mod known;
pub mod metrics;
pub mod mirror;
mod prober;
mod round;
pub mod schedule;
pub mod target;
#[cfg(test)]
mod tests;

pub use catalogue::{Catalogue, Listed, News, Row};
pub use prober::{CredentialSource, Prober, ProberSettings};
