//! Remotes with credentials and remotes that misbehave, with real servers on this machine's loopback.

mod https;
mod misbehaving;
mod server;
mod ssh;
mod stage;
