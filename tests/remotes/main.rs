//! Remotes with credentials and remotes that misbehave, with real servers on this machine's loopback.

mod https;
mod misbehaving;
#[path = "../control_plane/harness/ports.rs"]
mod ports;
mod server;
mod ssh;
mod stage;
