//! Implementations of the ports for real things: database, streams, git, processes, files, clock. They import kernel
//! and ports only, know no kind, and may not decide what is done.

pub mod data_dir;
pub mod disk;
pub mod docmgr;
pub mod executor_local;
pub mod git;
pub mod known_runs;
pub mod kube_access;
pub mod live_door;
pub mod nofollow;
pub mod processes;
pub mod redis;
pub mod service_folder;
pub mod services_local;
pub mod sockets;
pub mod sqlite;
pub mod system_clock;
