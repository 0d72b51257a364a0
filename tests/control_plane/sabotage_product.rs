//! That the validator can fail: the product is made to misbehave, and it must find which invariant is broken.

use std::time::Duration;

use futures::StreamExt as _;
use serde_json::{Value, json};

use super::harness::forum::{policy, question};
use super::harness::manifests::{run, topology};
use super::harness::polling::{PATIENCE, first};
use super::harness::stage::Stage;
use super::sabotage::{found, place};
use super::sabotage_federation::{LOOPBACK, copies_of_a_ticket};
use super::validator::Invariant as I;

/// What is switched on, and which invariant the validator must find broken.
const BROKEN: [(&str, I); 22] = [
    ("sabotage.record.without_facts=return", I::EventHasFact),
    ("sabotage.record.without_events=return", I::FactHasEvent),
    // Several events in one record: the first two tries to record fail.
    (
        "sabotage.record.newest_first=return;sqlite.before_commit=2*return(error)",
        I::SubjectOrder,
    ),
    ("sabotage.record.skips_a_number=return", I::GaplessSequence),
    ("sabotage.record.any_event_id=return", I::UniqueEvent),
    ("sabotage.sink.any_id=return", I::StreamIsLog),
    ("sabotage.sink.one_type=return", I::TypedStreams),
    ("sabotage.record.breaks_the_chain=return", I::WholeChain),
    ("sabotage.record.double_sequence=return", I::NoFork),
    ("sabotage.status.forgets_the_journal=return", I::JournalRecorded),
    ("sqlite.before_commit=return(error)", I::JournalRecorded),
    (
        "sabotage.drive.trusts_the_database=return;sqlite.before_commit=5*return(error)",
        I::JournalRecorded,
    ),
    ("sabotage.record.empty_mirror=return", I::MirrorIsObject),
    ("relay.after_publish=return(error)", I::NothingUnsent),
    ("sabotage.projections.moves_on_empty_handed=return", I::FoldedIsRebuilt),
    ("sabotage.projections.moves_on_empty_handed=return", I::FoldedIsThread),
    ("sabotage.forum.forgets_a_post=return", I::ThreadIsRecorded),
    ("sabotage.forum.escalates_early=return", I::EscalatedOnce),
    ("sabotage.forum.escalates_again=return", I::EscalatedOnce),
    ("sabotage.archive.keeps_no_bodies=return", I::ArchiveIsWhole),
    ("sabotage.federation.never_forgets=return", I::FederatedIsAnswered),
    ("sabotage.topology.takes_any_home=return", I::AuthorityIsRule),
];

/// How long the validator may look: a Run comes to rest in a few seconds, recording after a failure in ten more, on busy
/// cores in many times that. It costs nothing but where nothing is found.
const FOUND_WITHIN: Duration = PATIENCE;
/// Side by side: they mostly wait for what does not come.
const JOBS: usize = 3;

/// A product with one bug, and a validator that must find it.
async fn is_found(failpoints: &str, broken: I) -> Option<String> {
    let stage = Stage::new().await;
    let settings = stage.controller("one").with("FAILPOINTS", failpoints);
    let rules = "sla: {levels: [5s]}\nretention: {closedThreads: 1s}\n";
    let file = policy(&settings.data, rules);
    let settings = settings.with("METAWSM_HOUSEKEEPING_INTERVAL", "1s");
    let settings = settings.with(LOOPBACK.0, LOOPBACK.1);
    let controller = settings.with("METAWSM_POLICY", file).lead().await;
    let home = stage.repository("home");
    let _servers = copies_of_a_ticket(&stage, &home.url(), &controller.database()).await;
    let known = |o: &Value| !o["status"]["authority"].is_null();
    stage.create(&topology("a-1", "A-1", ("home", &home.url()))).await;
    stage.until("TicketTopology", "a-1", "it is seen", known).await;
    let without = json!({ "docSeedMode": "None" });
    stage.create(&run("one", &["A-1"], &[("home", &home)], without)).await;
    for name in ["asks", "done"] {
        stage.create(&question(name, json!({}))).await;
    }
    stage
        .patch("ForumThread", "done", json!({"spec": {"state": "Closed"}}))
        .await;
    let place = place(&stage, controller.database());
    let mut last = vec![];
    let seen = first(FOUND_WITHIN, async || {
        last = found(&place).await;
        last.contains(&broken).then_some(())
    });
    if seen.await.is_some() {
        return None;
    }
    Some(format!("{broken:?} was not found under {failpoints}; found {last:?}"))
}

#[tokio::test]
async fn sabotage_of_the_product_is_found_by_the_validator() {
    let tries = BROKEN
        .into_iter()
        .map(|(failpoints, broken)| is_found(failpoints, broken));
    let wrong: Vec<_> = futures::stream::iter(tries).buffer_unordered(JOBS).collect().await;
    let wrong: Vec<_> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
