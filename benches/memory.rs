//! How much memory a thousand settled objects take in a controller: its resident set with them, less that of one without
//! any, each after every object has had its pass. Medians; the size of the objects is told beside it.
//!
//! `BENCH_ROUNDS` sets the rounds, `BENCH_OBJECTS` the objects. Needs the control plane of `tests/control-plane/with`.

#[expect(dead_code, reason = "the tests use the rest of it")]
#[path = "../tests/control_plane/harness/mod.rs"]
mod harness;
mod shared {
    pub mod opening;
    pub mod process;
    pub mod settled;
}

use kube::api::{Api, ListParams};
use kube::{CustomResourceExt as _, ResourceExt as _};
use metawsm::run::crd::Run;
use metawsm::ticket_topology::crd::TicketTopology;
use shared::opening::{header, number};
use shared::process::of_process;
use shared::settled::Settled;

#[tokio::main]
async fn main() {
    let (rounds, count) = (number("BENCH_ROUNDS", 3), number("BENCH_OBJECTS", 10_000));
    header("memory of settled objects", rounds);
    let (full, empty) = (Settled::objects(count).await, Settled::objects(0).await);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        without.push(resident(&empty).await);
        with.push(resident(&full).await);
    }
    with.sort_unstable();
    without.sort_unstable();
    let (with, without) = (with[rounds / 2], without[rounds / 2]);
    println!(
        "{:>8}  {:>12} {:>12} {:>18} {:>26}",
        "objects", "with", "without", "per 1,000 objects", "JSON of a Run, a topology"
    );
    let sizes = format!(
        "{}, {} bytes",
        size(&full, &Run::api_resource()).await,
        size(&full, &TicketTopology::api_resource()).await
    );
    let each = with.saturating_sub(without) * 1000 / count.max(1);
    println!(
        "{count:>8}  {:>12} {:>12} {:>18} {sizes:>26}",
        mib(with),
        mib(without),
        mib(each)
    );
}

fn mib(kib: usize) -> String {
    format!("{}.{} MiB", kib / 1024, kib % 1024 * 10 / 1024)
}

/// KiB that the process holds once all passes are done.
async fn resident(settled: &Settled) -> usize {
    let mut controller = settled.controller().start();
    settled.until_passed(&controller).await;
    let status = of_process(controller.pid().expect("it runs"), "status");
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kib = line.and_then(|l| l.split_whitespace().next()?.parse().ok());
    controller.terminate().await;
    kib.expect("the process has a resident set")
}

/// Bytes of one object as JSON, without managedFields, which the cache does not keep.
async fn size(settled: &Settled, resource: &kube::core::ApiResource) -> usize {
    let cluster = &settled.cluster;
    let api = Api::<kube::api::DynamicObject>::namespaced_with(cluster.client.clone(), &cluster.namespace, resource);
    let list = api.list(&ListParams::default().limit(1)).await.unwrap();
    let mut first = list.items.into_iter().next().expect("there are some");
    first.managed_fields_mut().clear();
    serde_json::to_string(&first).unwrap().len()
}
