//! That the tests of faults can fail: for each the product has a bug that takes away what the test is there for, and it must
//! fail with the words that stand here. `METAWSM_SABOTAGES=all` tries every one (`make test-crash`), a bounded run a few of
//! them, and any other value those whose bug or test has it in its name.

use std::process::Stdio;

use futures::StreamExt as _;
use tokio::process::Command;

/// A bug, the test that is there to find it, and words of how it says so.
struct Caught {
    sabotage: &'static str,
    test: &'static str,
    says: &'static str,
}

const fn caught(sabotage: &'static str, test: &'static str, says: &'static str) -> Caught {
    Caught { sabotage, test, says }
}

const FAULTS: [Caught; 62] = [
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
        "sabotage.drive.trusts_the_process_before",
        "crash_matrix::crash_stories_end_as_the_undisturbed_one",
        "try one again with METAWSM_TEST_CASE",
    ),
    caught(
        "sabotage.lease.compares_clocks",
        "fault_clock::a_clock_that_jumps_neither_loses_the_lease_nor_turns_history_around",
        "the Lease is renewed at +2d",
    ),
    caught(
        "sabotage.status.dates_by_the_clock",
        "fault_clock::a_clock_that_jumps_neither_loses_the_lease_nor_turns_history_around",
        "times never decrease",
    ),
    caught(
        "sabotage.drive.waits_for_news",
        "fault_cluster::a_run_goes_on_though_the_watch_never_tells_of_our_own_writes",
        "one is ready",
    ),
    caught(
        "sabotage.rights.silent",
        "fault_cluster::a_controller_with_exactly_its_rights_works_and_tells_when_they_are_taken_away",
        "the missing right is told",
    ),
    caught(
        "sabotage.guarded.refuses_the_whole_list",
        "fault_cluster::one_object_with_a_broken_encoding_stops_no_other_and_goes_on_when_it_can_be_read",
        "it is told",
    ),
    caught(
        "sabotage.watch.ends_with_an_error",
        "fault_cluster::the_api_server_may_restart_and_the_definitions_may_go_and_come_back",
        "two is ready",
    ),
    caught(
        "sabotage.watch.ends_without_a_definition",
        "fault_cluster::the_api_server_may_restart_and_the_definitions_may_go_and_come_back",
        "three is ready",
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
        "sabotage.lease.never_lost",
        "fault_credentials::an_authority_that_stands_in_the_kubeconfig_and_is_rotated_ends_the_controller_and_the_next_goes_on",
        "the controller ends by itself",
    ),
    caught(
        "sabotage.guarded.refuses_the_whole_list",
        "fault_federation::an_endpoint_that_cannot_be_read_stops_no_other_and_can_be_deleted",
        "the controller leads",
    ),
    caught(
        "sabotage.undecodable.is_not_freed",
        "fault_federation::an_endpoint_that_cannot_be_read_stops_no_other_and_can_be_deleted",
        "it is gone",
    ),
    caught(
        "sabotage.vanished.never_looks",
        "fault_federation::an_endpoint_that_vanished_while_the_controller_was_down_is_told_once_and_rules_no_more",
        "in Redis: docs.endpoint.deleted",
    ),
    caught(
        "sabotage.lease.never_lost",
        "fault_leader::a_leader_that_stood_still_for_longer_than_its_lease_writes_nothing_and_leaves",
        "the controller ends by itself",
    ),
    caught(
        "sabotage.status.leaves_what_is_not_ours",
        "fault_status::a_field_of_the_status_that_somebody_else_left_goes_once_and_the_object_comes_to_rest",
        "nobody has it, and nothing else is said",
    ),
    caught(
        "sabotage.status.leaves_what_is_not_ours",
        "fault_status::what_somebody_else_left_in_a_runs_status_does_not_keep_it_from_its_work",
        "the condition of nobody is gone",
    ),
    caught(
        "sabotage.status.leaves_what_is_not_ours",
        "fault_status::a_controller_that_is_killed_while_it_takes_out_what_somebody_else_left_goes_on_with_it",
        "it is killed where it was to be",
    ),
    caught(
        "sabotage.topology.leaves_foreign_claims",
        "fault_status::a_claim_that_somebody_else_wrote_is_released_as_the_runs_own_would_be",
        "the claim of nobody is gone",
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
        "sabotage.record.waits_until_told",
        "fault_redis::a_redis_that_hangs_stops_nobody_and_hears_everything_afterwards",
        "the Run is ready though Redis fails",
    ),
    caught(
        "sabotage.relay.starts_with_redis_alone",
        "fault_redis::a_controller_that_starts_beside_a_hanging_redis_works",
        "it leads though Redis hangs",
    ),
    caught(
        "sabotage.relay.gives_up",
        "fault_redis::a_redis_that_is_full_read_only_or_locked_stops_nobody_and_hears_everything_afterwards",
        "something waits in the outbox",
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
    caught(
        "sabotage.watch.ends_with_an_error",
        "fault_road::watches_that_end_lose_repeat_and_mix_events_lead_to_the_same_end",
        "the road 'watches'",
    ),
    caught(
        "sabotage.runner.never_tries_again",
        "fault_road::refused_hanging_and_lost_requests_lead_to_the_same_end",
        "the road 'requests'",
    ),
    caught(
        "sabotage.road.bodies_without_end",
        "fault_road_forum::questions_on_a_road_where_everything_goes_wrong_come_to_the_same_end",
        "the road 'everything'",
    ),
    caught(
        "sabotage.watch.ends_with_an_error",
        "fault_road_forum::questions_whose_watches_end_lose_repeat_and_mix_events_come_to_the_same_end",
        "the road 'watches'",
    ),
    caught(
        "sabotage.road.keeps_a_410",
        "fault_road_forum::questions_on_old_lists_and_watches_too_old_come_to_the_same_end",
        "the road 'staleness'",
    ),
    caught(
        "sabotage.road.bodies_without_end",
        "fault_road_federation::endpoints_on_a_road_where_everything_goes_wrong_come_to_the_same_end",
        "the road 'everything'",
    ),
    caught(
        "sabotage.watch.ends_with_an_error",
        "fault_road_federation::endpoints_whose_watches_end_lose_repeat_and_mix_events_come_to_the_same_end",
        "the road 'watches'",
    ),
    caught(
        "sabotage.road.keeps_a_410",
        "fault_road_federation::endpoints_on_old_lists_and_watches_too_old_come_to_the_same_end",
        "the road 'staleness'",
    ),
    caught(
        "sabotage.undecodable.is_remembered",
        "fault_federation::an_endpoint_that_becomes_unreadable_while_it_rules_rules_no_more_once_it_is_deleted",
        "nobody rules",
    ),
    caught(
        "sabotage.sqlite.any_schema",
        "fault_schema::a_database_whose_migrations_are_not_ours_is_refused_with_the_way_out",
        "the controller ends by itself",
    ),
    caught(
        "sabotage.sqlite.stays_old",
        "fault_schema::a_database_of_every_older_release_is_brought_up_and_used",
        "the controller leads",
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
        "sabotage.drive.stops_with_the_database",
        "fault_sqlite::while_another_process_locks_the_database_work_goes_on_then_waits_and_recovers_by_itself",
        "kstatus says Current",
    ),
    caught(
        "sabotage.sqlite.keeps_a_broken_connection",
        "fault_sqlite::on_a_full_disk_work_goes_on_then_waits_and_recovers_by_itself",
        "it goes on",
    ),
    caught(
        "sabotage.sqlite.tells_no_way_out",
        "fault_sqlite::a_database_on_a_read_only_disk_is_refused_at_start",
        "the way out is told",
    ),
    caught(
        "sabotage.sqlite.tells_no_way_out",
        "fault_sqlite::a_database_that_cannot_be_used_is_refused_at_start_with_the_way_out",
        "the way out is told",
    ),
    caught(
        "sabotage.sqlite.takes_a_newer",
        "fault_sqlite::a_database_that_cannot_be_used_is_refused_at_start_with_the_way_out",
        "the controller ends by itself",
    ),
    caught(
        "sabotage.drive.stops_with_the_database",
        "fault_sqlite::a_database_with_a_damaged_page_is_told_stops_nobody_and_is_rebuilt_once_moved_away",
        "kstatus says Current",
    ),
    caught(
        "sabotage.sqlite.tells_no_way_out",
        "fault_sqlite::a_database_with_a_damaged_page_is_told_stops_nobody_and_is_rebuilt_once_moved_away",
        "the damage is told",
    ),
    caught(
        "sabotage.recover.reads_nothing_back",
        "fault_sqlite::a_truncated_write_ahead_log_costs_nothing_that_the_cluster_still_knows",
        "no event twice",
    ),
    caught(
        "sabotage.federation.never_forgets",
        "story_docs_orphans::the_endpoint_of_a_run_that_was_forced_off_goes_with_it_and_so_does_its_server",
        "the global view forgets it",
    ),
    caught(
        "sabotage.doc_endpoint.outlives_its_run",
        "story_docs_orphans::a_run_of_the_same_name_is_never_shown_the_workspace_of_the_one_before",
        "it is gone",
    ),
    // The old server is ended soon after a start: it has to be there for the page to be shown.
    caught(
        "sabotage.services.keeps_orphans=return;sabotage.docs.shows_whoever_bears_the_name",
        "story_docs_orphans::a_run_of_the_same_name_is_never_shown_the_workspace_of_the_one_before",
        "right: 404",
    ),
    caught(
        "sabotage.services.keeps_orphans",
        "story_docs_orphans::a_run_of_the_same_name_is_never_shown_the_workspace_of_the_one_before",
        "its docs server ends",
    ),
    caught(
        "sabotage.service.is_not_started_again",
        "story_docs_served::a_workspaces_documents_are_served_whatever_is_killed_and_not_longer_than_its_run",
        "another server",
    ),
    caught(
        "sabotage.federation.keeps_failures_quiet",
        "story_federation_killed::a_repositorys_server_that_is_killed_is_told_within_two_intervals_and_comes_back_by_itself",
        "it says stale",
    ),
    caught(
        "sabotage.archive.is_not_written",
        "story_forum_retention::a_closed_thread_is_archived_then_removed_also_when_killed_in_between",
        "it was archived once",
    ),
    caught(
        "sabotage.relay.gives_up",
        "story_redis_lost::events_made_while_redis_was_away_and_emptied_arrive_in_order_with_all_earlier_ones",
        "second became active",
    ),
    caught(
        "sabotage.relay.never_rewinds",
        "story_redis_lost::a_redis_that_is_flushed_while_it_serves_is_filled_again",
        "first became active",
    ),
    caught(
        "sabotage.relay.starts_with_redis_alone",
        "story_redis_lost::a_controller_that_starts_without_redis_works_and_tells_later",
        "the controller leads",
    ),
    caught(
        "sabotage.data_dir.not_locked",
        "story_two_controllers::a_second_process_on_the_same_data_folder_waits_until_the_first_is_gone",
        "the second waits",
    ),
];
/// So many of them, from the first, without `METAWSM_SABOTAGES=all`: a minute on two busy cores.
const BOUNDED: usize = 2;
/// Side by side: they mostly wait for what does not come.
const JOBS: usize = 3;
/// What a test that is meant to fail may wait for one thing; what it waits for elsewhere comes in a third of it.
const PATIENCE: &str = "60";

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
    let asked = std::env::var("METAWSM_SABOTAGES").unwrap_or_default();
    let most = if asked.is_empty() { BOUNDED } else { FAULTS.len() };
    let is_asked_for =
        |of: &&Caught| matches!(&*asked, "" | "all") || of.sabotage.contains(&asked) || of.test.contains(&asked);
    let tries: Vec<_> = FAULTS.iter().filter(is_asked_for).take(most).collect();
    assert!(!tries.is_empty(), "no sabotage and no test has '{asked}' in its name");
    let tries = tries.into_iter().map(fails);
    let wrong: Vec<_> = futures::stream::iter(tries).buffer_unordered(JOBS).collect().await;
    let wrong: Vec<_> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "not caught: {}", wrong.join("\n\n"));
}
