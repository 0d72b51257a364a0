//! The processes of a workspace's docs server: the supervisor that keeps one running, and the server's own beginning.
//! Both are started by the executor, not by people, and know each other through the service's folder.

mod backoff;
pub mod command;
mod logs;
mod server;
mod stand;
