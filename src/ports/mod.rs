//! The traits we own towards the slow and the outside: database, streams, executor, clock. No implementations here.

pub mod access;
pub mod clock;
pub mod doc_pages;
pub mod doc_source;
pub mod event_sink;
pub mod executor;
pub mod federated;
pub mod http_secret;
pub mod journal;
pub mod outbox;
pub mod projection;
pub mod questions;
pub mod read_model;
pub mod secrets;
pub mod services;
pub mod step_folder;
pub mod workspaces;
