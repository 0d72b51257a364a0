//! The imperative shell shared by all kinds. It knows no kind, and decides nothing about one.
//!
//! ```text
//! record(journal) ─▶ observe ─▶ decide ─▶ apply ─▶ status ─▶ record ─▶ settled
//! ```

pub mod caches;
pub mod client;
pub mod context;
pub mod drive;
pub mod finalizer;
pub mod foreign;
mod gone;
pub mod guarded;
pub mod index;
pub mod kind;
pub mod kind_status;
mod lean;
pub mod lease;
pub mod memory;
pub mod metrics;
pub mod policy;
pub mod recall;
mod relist;
pub mod report;
pub mod rights;
pub mod runner;
pub mod schema;
pub mod secrets;
pub mod status;
pub mod tally;
mod undecodable;
pub mod vanished;
mod whole;
