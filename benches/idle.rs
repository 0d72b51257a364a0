//! How much of a processor a controller takes while nothing happens to its settled objects: from `/proc`, over five
//! minutes, its children included. Every object is looked at again about every ten minutes whatever happens; that may fall
//! outside of the time, so it is added, at what the passes of the start took, list and decode included. Goal: at most 1 %
//! of a core, and not one write request.
//!
//! `METAWSM_BENCH_IDLE_SECONDS` sets the time, `BENCH_OBJECTS` the objects. Needs the control plane of
//! `tests/control-plane/with`.

#[expect(dead_code, reason = "the tests use the rest of it")]
#[path = "../tests/control_plane/harness/mod.rs"]
mod harness;
mod shared {
    pub mod opening;
    pub mod process;
    pub mod processor_time;
    pub mod settled;
}

use std::time::{Duration, Instant};

use harness::requests::Requests;
use shared::opening::{header, number};
use shared::processor_time::processor_time;
use shared::settled::Settled;

/// How often the controller looks at what is settled.
const HEARTBEAT: Duration = Duration::from_mins(10);

#[tokio::main]
async fn main() {
    let count = number("BENCH_OBJECTS", 10_000);
    let seconds = number("METAWSM_BENCH_IDLE_SECONDS", 300);
    header("idle beside settled objects", 1);
    let settled = Settled::objects(count).await;
    let mut controller = settled.controller().start();
    settled.until_passed(&controller).await;
    let pid = controller.pid().expect("it runs");
    let requests = Requests::from_now(&settled.cluster.namespace).expect("the audit log can be read");
    let (begun, before) = (Instant::now(), processor_time(pid));
    tokio::time::sleep(Duration::from_secs(seconds as u64)).await;
    let (length, after) = (begun.elapsed(), processor_time(pid));
    let writes = requests.writes();
    controller.terminate().await;
    assert_eq!(writes, Vec::<String>::new(), "settled objects are not written");
    let idle = share(after.saturating_sub(before), length);
    let passes = share(before, HEARTBEAT);
    println!(
        "{:>8}  {:>8} {:>16} {:>24} {:>8} {:>8}",
        "objects", "seconds", "idle", "look every ten minutes", "both", "writes"
    );
    println!(
        "{count:>8}  {seconds:>8} {idle:>15.2}% {passes:>23.2}% {:>7.2}% {:>8}",
        idle + passes,
        writes.len()
    );
}

/// Percent of one core.
fn share(work: Duration, length: Duration) -> f64 {
    100.0 * work.as_secs_f64() / length.as_secs_f64()
}
