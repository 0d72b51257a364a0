//! How long a controller takes from its start until its caches are complete and every settled object has had its pass,
//! beside a plain paged list and decode of the same objects. In turn, medians. Goal: at most 1.5 times as long, and not
//! one write request on our objects, by the API server's own audit log.
//!
//! `BENCH_ROUNDS` sets the rounds, `BENCH_OBJECTS` the objects. Needs the control plane of `tests/control-plane/with`.

#[expect(dead_code, reason = "the tests use the rest of it")]
#[path = "../tests/control_plane/harness/mod.rs"]
mod harness;
mod shared {
    pub mod comparison;
    pub mod opening;
    pub mod process;
    pub mod processor_time;
    pub mod settled;
}

use std::fmt::Debug;
use std::time::{Duration, Instant};

use harness::requests::Requests;
use k8s_openapi::NamespaceResourceScope;
use kube::api::{Api, ListParams};
use metawsm::run::crd::Run;
use metawsm::ticket_topology::crd::TicketTopology;
use serde::de::DeserializeOwned;
use shared::comparison::{median, ratio};
use shared::opening::{header, number};
use shared::processor_time::processor_time;
use shared::settled::Settled;

#[tokio::main]
async fn main() {
    let (rounds, count) = (number("BENCH_ROUNDS", 5), number("BENCH_OBJECTS", 10_000));
    header("start with settled objects against a plain list and decode", rounds);
    let settled = Settled::objects(count).await;
    let requests = Requests::from_now(&settled.cluster.namespace).expect("the audit log can be read");
    let (mut starts, mut lists, mut works) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=rounds {
        let list = list(&settled).await;
        let (start, work) = start(&settled).await;
        // The first round only warms up.
        if round > 0 {
            starts.push(start);
            lists.push(list);
            works.push(work);
        }
    }
    let writes = requests.writes();
    assert_eq!(writes, Vec::<String>::new(), "settled objects are not written");
    let (start, list) = (median(&mut starts), median(&mut lists));
    println!(
        "{:>8}  {:>12} {:>14} {:>14} {:>10} {:>8}",
        "objects", "start", "processor time", "list + decode", "ratio", "writes"
    );
    println!(
        "{count:>8}  {start:>12.1?} {:>14.1?} {list:>14.1?} {:>10} {:>8}",
        median(&mut works),
        ratio(start, list),
        writes.len()
    );
}

/// From the start of the process; and the processor time it took.
async fn start(settled: &Settled) -> (Duration, Duration) {
    let begun = Instant::now();
    let mut controller = settled.controller().start();
    settled.until_passed(&controller).await;
    let took = begun.elapsed();
    let worked = processor_time(controller.pid().expect("it runs"));
    controller.terminate().await;
    (took, worked)
}

/// Both kinds at once, as a controller lists them.
async fn list(settled: &Settled) -> Duration {
    let begun = Instant::now();
    let (runs, topologies) = tokio::join!(all::<Run>(settled), all::<TicketTopology>(settled));
    let took = begun.elapsed();
    assert_eq!(runs.len() + topologies.len(), settled.count);
    took
}

async fn all<R>(settled: &Settled) -> Vec<R>
where
    R: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let api: Api<R> = Api::namespaced(settled.cluster.client.clone(), &settled.cluster.namespace);
    let (mut found, mut page) = (Vec::new(), ListParams::default().limit(500));
    loop {
        let list = api.list(&page).await.expect("the API server answers");
        found.extend(list.items);
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return found,
        }
    }
}
