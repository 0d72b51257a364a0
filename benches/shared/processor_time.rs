//! What a running process has worked.

use std::time::Duration;

use super::process::of_process;

/// In what part of a second `/proc` counts: `USER_HZ`, the same wherever this runs.
const TICKS: u64 = 100;

/// What a process and its children that ended have worked so far, in user and kernel mode.
pub fn processor_time(pid: u32) -> Duration {
    let stat = of_process(pid, "stat");
    // The name in brackets may hold blanks: fields are counted after it, from the third on.
    let fields = stat.rsplit_once(')').expect("it has a name").1.split_whitespace();
    let ticks: u64 = fields.skip(11).take(4).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 1000 / TICKS)
}
