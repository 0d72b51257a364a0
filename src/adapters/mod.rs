//! What speaks to the outside: git, processes, files. Imports kernel and ports only; knows no kind and no controller.

pub mod executor_local;
pub mod git;
pub mod nofollow;
pub mod processes;
pub mod system_clock;
