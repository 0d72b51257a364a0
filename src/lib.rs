//! metawsm for Kubernetes: who owns a ticket's documents, and who waits for an answer.
//!
//! ```text
//! watch ─▶ record(journal) ─▶ observe ─▶ decide ─▶ apply ─▶ status ─▶ record ─▶ settled
//!               │                         pure
//!               └─ SQLite: audit + events + outbox, one transaction
//!                          ├─▶ relay ─▶ Redis streams
//!                          └─▶ projections ─▶ read models ─▶ cli
//! ```
//!
//! Directions of imports, checked by `tests/architecture.rs`: `main → app → kinds → controller → ports → kernel`.
#![forbid(unsafe_code)]

pub mod adapters;
pub mod app;
pub mod cli;
pub mod command_line;
pub mod controller;
pub mod crds;
pub mod doc_endpoint;
pub mod docs_server;
pub mod failpoint;
pub mod federation;
pub mod forum_thread;
pub mod housekeeping;
pub mod kernel;
pub mod leaving;
pub mod policy;
pub mod ports;
pub mod projections;
pub mod relay;
pub mod run;
pub mod services;
pub mod settings;
pub mod steps;
pub mod tasks;
pub mod telemetry;
#[cfg(test)]
mod tests;
pub mod ticket_topology;
pub mod web;
