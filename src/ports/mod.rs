//! The traits we own towards the slow and the outside: database, streams, executor, clock. No implementations here.

pub mod clock;
pub mod event_sink;
pub mod executor;
pub mod journal;
pub mod outbox;
pub mod projection;
pub mod questions;
pub mod read_model;
pub mod secrets;
pub mod step_folder;
pub mod workspaces;
