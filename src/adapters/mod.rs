//! Implementations of the ports for real things. They import kernel and ports only, and never each other.

pub mod data_dir;
pub mod executor_local;
pub mod redis;
pub mod sqlite;
pub mod system_clock;
