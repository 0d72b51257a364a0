//! metawsm for Kubernetes: who owns a ticket's documents, and who waits for an answer.
//!
//! ```text
//! watch ─▶ record(journal) ─▶ observe ─▶ decide ─▶ apply ─▶ status ─▶ record ─▶ settled
//!               │                         pure
//!               └─ SQLite: audit + events + outbox, one transaction
//!                          └─▶ relay ─▶ Redis streams
//! ```
//!
//! Directions of imports, checked by `tests/architecture.rs`: `main → app → kinds → controller → ports → kernel`.
#![forbid(unsafe_code)]

pub mod adapters;
pub mod kernel;
pub mod ports;
pub mod steps;
