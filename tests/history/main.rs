//! The history against real files and a real Redis: what is recorded is never lost, doubled or out of order.

mod backing_up;
mod commands;
mod federating;
mod forum_commands;
mod forum_folding;
mod forum_lag;
mod forum_reading;
mod forum_stage;
mod holding;
mod mirroring;
#[path = "../control_plane/harness/ports.rs"]
mod ports;
mod recording;
mod recovering;
mod redis_server;
mod relaying;
mod relaying_backlog;
mod stage;
mod verifying;
