//! That the suites can fail: the product is made to misbehave, and the validator or a test of that fault must find it.
//! `METAWSM_SABOTAGES=all` tries every fault's test (`make test-crash`), a bounded run a few of them.

use std::process::Stdio;
use std::time::Duration;

use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::process::Command;

use super::harness::forum::{policy, question};
use super::harness::manifests::{run, topology};
use super::harness::polling::first;
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
    ("sabotage.federation.keeps_the_gone=return", I::FederatedIsAnswered),
    ("sabotage.topology.takes_any_home=return", I::AuthorityIsRule),
];

/// A bug, the test that is there to find it, and words of how it says so.
struct Caught {
    sabotage: &'static str,
    test: &'static str,
    says: &'static str,
}

const fn caught(sabotage: &'static str, test: &'static str, says: &'static str) -> Caught {
    Caught { sabotage, test, says }
}

const FAULTS: [Caught; 19] = [
    caught(
        "sabotage.sqlite.never_looks",
        "fault_sqlite::a_database_that_is_deleted_under_a_running_controller_ends_it_and_is_rebuilt_by_the_next",
        "the controller ends by itself",
    ),
    caught(
        "sabotage.vanished.trusts_the_cache",
        "fault_cluster::a_run_that_an_old_list_does_not_show_is_not_taken_for_gone",
        "vanished while nobody watched",
    ),
    caught(
        "sabotage.relay.never_rewinds",
        "fault_redis::a_redis_that_lost_its_last_writes_gets_them_again",
        "all events are in Redis",
    ),
    caught(
        "sabotage.redis.keeps_a_refusal",
        "fault_redis::wrong_credentials_at_start_stop_nobody_are_not_shown_and_events_arrive_once_they_are_right",
        "nothing waits any more",
    ),
    caught(
        "sabotage.relay.gives_up",
        "fault_redis::a_slow_redis_hears_everything_late_and_one_slower_than_our_patience_hears_it_afterwards",
        "all events are in Redis",
    ),
    caught(
        "sabotage.recover.reads_nothing_back",
        "fault_sqlite::a_database_restored_from_a_backup_goes_on_in_a_new_log_and_tells_nothing_twice",
        "no event twice",
    ),
    caught(
        "sabotage.drive.drops_what_is_not_recorded",
        "fault_sqlite::while_another_process_locks_the_database_work_goes_on_then_waits_and_recovers_by_itself",
        "the journal was never full",
    ),
    caught(
        "sabotage.drive.hides_forks",
        "fault_sqlite::a_database_with_another_history_is_told_by_condition_and_both_are_kept",
        "it says that its audit forked",
    ),
    caught(
        "sabotage.drive.trusts_the_process_before",
        "crash_matrix::crash_stories_end_as_the_undisturbed_one",
        "try one again with METAWSM_TEST_CASE",
    ),
    caught(
        "sabotage.drive.waits_for_news",
        "fault_cluster::a_run_goes_on_though_the_watch_never_tells_of_our_own_writes",
        "one is ready",
    ),
    caught(
        "sabotage.archive.is_not_written",
        "story_forum_retention::a_closed_thread_is_archived_then_removed_also_when_killed_in_between",
        "it was archived once",
    ),
    caught(
        "sabotage.sqlite.any_schema",
        "fault_schema::a_database_whose_migrations_are_not_ours_is_refused_with_the_way_out",
        "the controller ends by itself",
    ),
    caught(
        "sabotage.lease.never_lost",
        "fault_leader::a_leader_that_stood_still_for_longer_than_its_lease_writes_nothing_and_leaves",
        "the controller ends by itself",
    ),
    caught(
        "sabotage.lease.stands_by_for_ever",
        "fault_credentials::a_leader_and_one_that_stands_by_leave_when_their_token_was_changed_and_the_next_go_on",
        "the controller ends by itself",
    ),
    caught(
        "sabotage.client.reads_authorities_once",
        "fault_credentials::a_token_and_an_authority_in_files_may_be_rotated_under_a_controller_that_goes_on",
        "two is ready",
    ),
    caught(
        "sabotage.rights.silent",
        "fault_cluster::a_controller_with_exactly_its_rights_works_and_tells_when_they_are_taken_away",
        "the missing right is told",
    ),
    caught(
        "sabotage.data_dir.not_locked",
        "story_two_controllers::a_second_process_on_the_same_data_folder_waits_until_the_first_is_gone",
        "the second waits",
    ),
    caught(
        "sabotage.road.bodies_without_end",
        "fault_road::a_road_where_everything_goes_wrong_leads_to_the_same_end",
        "the road 'everything'",
    ),
    caught(
        "sabotage.road.keeps_a_410",
        "fault_road::old_lists_lead_to_the_same_end",
        "the road 'staleness'",
    ),
];
/// How long the validator may look: a Run comes to rest in a few seconds, recording after a failure in ten more.
const FOUND_WITHIN: Duration = Duration::from_secs(60);
/// So many of them, from the first, without `METAWSM_SABOTAGES=all`: a minute on two busy cores.
const BOUNDED: usize = 2;
/// Side by side: they mostly wait for what does not come.
const JOBS: usize = 3;
/// What a test that is meant to fail may wait for one thing; what it waits for elsewhere comes in a third of it.
const PATIENCE: &str = "60";

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

/// The test, run by itself with the bug switched on; what is wrong with how it ended.
async fn fails(of: &Caught) -> Option<String> {
    let began = std::time::Instant::now();
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", of.test, "--nocapture"])
        .env("FAILPOINTS", format!("{}=return", of.sabotage))
        .env("METAWSM_TEST_PATIENCE", PATIENCE)
        .env("METAWSM_TEST_CASE", "drive.after_status=kill")
        .env_remove("METAWSM_TEST_FULL")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let wrong = if !said.contains("running 1 test") {
        Some("there is no such test")
    } else if done.status.success() {
        Some("it passed")
    } else if !said.contains(of.says) {
        Some("it failed for another reason")
    } else {
        None
    };
    let verdict = wrong.unwrap_or("caught");
    println!(
        "sabotage: {verdict} {} by {} ({:.0?})",
        of.sabotage,
        of.test,
        began.elapsed()
    );
    wrong.map(|wrong| format!("{} by {}: {wrong}\n{said}", of.sabotage, of.test))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sabotage_of_the_product_is_caught_by_the_tests_of_that_fault() {
    let all = std::env::var("METAWSM_SABOTAGES").is_ok_and(|v| v == "all");
    let tries = FAULTS.iter().take(if all { FAULTS.len() } else { BOUNDED }).map(fails);
    let wrong: Vec<_> = futures::stream::iter(tries).buffer_unordered(JOBS).collect().await;
    let wrong: Vec<_> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "not caught: {}", wrong.join("\n\n"));
}
