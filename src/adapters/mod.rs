//! Implementations of the ports for real things. They import kernel and ports only, and never each other.

pub mod redis;
pub mod sqlite;
