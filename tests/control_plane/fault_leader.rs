//! A leader that stands still for longer than its Lease: another takes over, and the first one writes nothing any more.

use metawsm::kernel::envelope::Envelope;
use rustix::process::Signal;

use crate::harness::cluster::variable;
use crate::harness::controller::Controller;
use crate::harness::polling::eventually;
use crate::harness::redis::{Server, Streams};
use crate::harness::stage::Stage;
use crate::road::{Road, Script};

/// Long enough that a leader on busy cores renews it in time.
const LEASE: &str = "20s";

#[tokio::test]
async fn a_leader_that_stood_still_for_longer_than_its_lease_writes_nothing_and_leaves() {
    let stage = Stage::new().await;
    let redis = Server::started().await;
    let docs = stage.repository("docs");
    for n in 1..=2 {
        docs.ticket(&format!("A-{n}"));
    }
    docs.commit("Write");
    let settings = |name: &str| {
        let mut settings = stage.controller(name).with("METAWSM_LEASE_DURATION", LEASE);
        settings.redis_url = redis.url();
        settings
    };
    // The first one takes a road of its own, so that what the second goes on writing is not taken for the first one's.
    let road = Road::to(&variable("KUBECONFIG"), Script::clean()).await;
    let mut first = settings("a").with("KUBECONFIG", road.kubeconfig("any")).start();
    first.until_leading().await;
    stage.ready_run("one", &["A-1"], &[("docs", &docs)]).await;
    let streams = Streams::new(&redis.url(), &format!("{}:", stage.namespace()));
    let active = |n: usize| {
        move |e: &[Envelope]| (e.iter().filter(|e| e.event.data["to"] == "Active").count() == n).then_some(())
    };
    streams.until("one is active", active(1)).await;
    // What the first one still has to tell when it is stopped: two is ready, and nobody heard of it.
    redis.signal(Signal::STOP);
    stage.ready_run("two", &["A-2"], &[("docs", &docs)]).await;
    first.signal(Signal::STOP);
    redis.signal(Signal::CONT);
    let second = settings("b").start();
    leads(&second).await;
    streams.until("two is active", active(2)).await;
    stage.until_quiet(&second.database()).await;
    let told = streams.all().await;
    let written = road.change(|t| t.writes());
    assert!(!written.is_empty(), "the road counts");
    let said = first.log().len();
    first.signal(Signal::CONT);
    let ended = first.until_ended().await;
    assert!(!ended.success(), "it says that it did not end well");
    assert!(first.log()[said..].contains("lost the lease"), "{}", first.log());
    let writes = road.change(|t| t.writes());
    assert_eq!(writes, written, "nothing is written to the API server");
    let now = streams.all().await;
    let ids = |all: &[(String, Envelope)]| all.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
    assert!(ids(&now).starts_with(&ids(&told)), "what was told stays as it is");
    let (_, last) = told.last().unwrap();
    let mut after = now[told.len()..].iter();
    assert!(after.all(|(_, e)| e.log_id == last.log_id), "only the second tells");
    stage.request("one", "again").await;
    stage
        .until("Run", "one", "the second answers", |r| {
            r["status"]["lastHandledRequest"] == "again"
        })
        .await;
}

async fn leads(controller: &Controller) {
    eventually("the second leads", async || controller.leads().then_some(())).await;
}
