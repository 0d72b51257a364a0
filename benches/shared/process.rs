//! What the machine says of a running process.

use std::fs;
use std::path::Path;

/// What `/proc` says of a process in a file of its own, as words.
pub fn of_process(pid: u32, file: &str) -> String {
    fs::read_to_string(Path::new("/proc").join(pid.to_string()).join(file)).expect("the process is there")
}
