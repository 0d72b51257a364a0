//! Where tests take hold between two effects: a named place at which the process can be killed, made to panic, to fail
//! or to wait. Without the feature `failpoints` it is nothing. May not change what the program does.
//!
//! `FAILPOINTS="<name>=return(<action> [<file>])"`, separated by `;`. Actions: `kill` ends the process as `kill -9` does,
//! `panic` panics, `error` fails where the caller can fail, `pause` holds the thread for [`PAUSE`]. With a file it
//! happens once, whichever process comes first: the file is made, and where it is there already nothing happens.

use crate::kernel::outcome::Failure;

/// Long enough for everything else to move on meanwhile, short beside every deadline.
#[cfg(feature = "failpoints")]
const PAUSE: std::time::Duration = std::time::Duration::from_millis(1200);

/// Bugs that a test switches on (`FAILPOINTS="sabotage.<name>=return"`), to show that the suites would find them.
/// `tests/failpoints.rs` compares the list with the source, and that each is caught by a test.
pub const SABOTAGES: [&str; 61] = [
    "sabotage.archive.is_not_written",
    "sabotage.archive.keeps_no_bodies",
    "sabotage.client.reads_authorities_once",
    "sabotage.data_dir.not_locked",
    "sabotage.doc_endpoint.outlives_its_run",
    "sabotage.docs.shows_whoever_bears_the_name",
    "sabotage.drive.drops_what_is_not_recorded",
    "sabotage.drive.hides_forks",
    "sabotage.drive.stops_with_the_database",
    "sabotage.drive.trusts_the_database",
    "sabotage.drive.trusts_the_process_before",
    "sabotage.drive.waits_for_news",
    "sabotage.federation.keeps_failures_quiet",
    "sabotage.federation.never_forgets",
    "sabotage.forum.escalates_again",
    "sabotage.forum.escalates_early",
    "sabotage.forum.forgets_a_post",
    "sabotage.guarded.refuses_the_whole_list",
    "sabotage.lease.compares_clocks",
    "sabotage.lease.never_lost",
    "sabotage.lease.stands_by_for_ever",
    "sabotage.projections.moves_on_empty_handed",
    "sabotage.record.any_event_id",
    "sabotage.record.breaks_the_chain",
    "sabotage.record.double_sequence",
    "sabotage.record.empty_mirror",
    "sabotage.record.newest_first",
    "sabotage.record.skips_a_number",
    "sabotage.record.waits_until_told",
    "sabotage.record.without_events",
    "sabotage.record.without_facts",
    "sabotage.recover.reads_nothing_back",
    "sabotage.redis.keeps_a_refusal",
    "sabotage.relay.gives_up",
    "sabotage.relay.never_rewinds",
    "sabotage.relay.starts_with_redis_alone",
    "sabotage.rights.silent",
    "sabotage.road.bodies_without_end",
    "sabotage.road.keeps_a_410",
    "sabotage.runner.never_tries_again",
    "sabotage.service.is_not_started_again",
    "sabotage.services.keeps_orphans",
    "sabotage.sink.any_id",
    "sabotage.sink.one_type",
    "sabotage.sqlite.any_schema",
    "sabotage.sqlite.keeps_a_broken_connection",
    "sabotage.sqlite.never_looks",
    "sabotage.sqlite.stays_old",
    "sabotage.sqlite.takes_a_newer",
    "sabotage.sqlite.tells_no_way_out",
    "sabotage.status.dates_by_the_clock",
    "sabotage.status.forgets_the_journal",
    "sabotage.status.leaves_what_is_not_ours",
    "sabotage.topology.leaves_foreign_claims",
    "sabotage.topology.takes_any_home",
    "sabotage.undecodable.is_not_freed",
    "sabotage.undecodable.is_remembered",
    "sabotage.vanished.never_looks",
    "sabotage.vanished.trusts_the_cache",
    "sabotage.watch.ends_with_an_error",
    "sabotage.watch.ends_without_a_definition",
];

/// What a caller can do about a failpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// It cannot fail here: `error` is nothing.
    Goes,
    /// It hands an error on.
    Fails,
}

/// Every failpoint there is. `tests/failpoints.rs` compares it with the source.
pub const ALL: [(&str, Caller); 77] = [
    ("drive.after_record", Caller::Fails),
    ("drive.after_finalizer", Caller::Fails),
    ("drive.after_effect", Caller::Fails),
    ("drive.after_status", Caller::Fails),
    ("drive.before_release", Caller::Fails),
    ("foreign.after_apply", Caller::Goes),
    ("foreign.after_disown", Caller::Goes),
    ("drive.after_release", Caller::Fails),
    ("undecodable.after_release", Caller::Fails),
    ("vanished.before_record", Caller::Fails),
    ("vanished.after_record", Caller::Fails),
    ("lease.after_write", Caller::Goes),
    ("projections.before_batch", Caller::Fails),
    ("projections.after_batch", Caller::Fails),
    ("run.after_enter", Caller::Fails),
    ("run.after_topology", Caller::Fails),
    ("run.after_claim", Caller::Fails),
    ("run.after_release", Caller::Fails),
    ("run.after_start", Caller::Fails),
    ("run.after_forget", Caller::Fails),
    ("run.after_start_docs", Caller::Fails),
    ("run.after_make_endpoint", Caller::Fails),
    ("run.after_stop_docs", Caller::Fails),
    ("run.after_drop_endpoint", Caller::Fails),
    ("run.after_stop_steps", Caller::Fails),
    ("run.after_forget_steps", Caller::Fails),
    ("ticket_topology.after_release_abandoned", Caller::Fails),
    ("ticket_topology.after_delete", Caller::Fails),
    ("ticket_topology.after_request_refresh", Caller::Fails),
    ("doc_endpoint.after_ask", Caller::Fails),
    ("doc_endpoint.after_refresh", Caller::Fails),
    ("doc_endpoint.after_forget", Caller::Fails),
    ("doc_endpoint.after_delete", Caller::Fails),
    ("federation.after_answer", Caller::Goes),
    ("federation.after_refresh", Caller::Goes),
    ("forum_thread.after_archive", Caller::Fails),
    ("forum_thread.after_remove_archived", Caller::Fails),
    ("sqlite.before_commit", Caller::Fails),
    ("sqlite.after_commit", Caller::Fails),
    ("sqlite.before_change", Caller::Fails),
    ("sqlite.after_change", Caller::Fails),
    ("relay.after_publish", Caller::Fails),
    ("relay.after_mark", Caller::Fails),
    ("relay.after_rewind", Caller::Fails),
    ("relay.after_new_log", Caller::Fails),
    ("recover.after_adopt", Caller::Fails),
    ("executor.after_folder", Caller::Fails),
    ("executor.after_spawn", Caller::Fails),
    ("executor.after_removal", Caller::Fails),
    ("supervise.after_identity", Caller::Fails),
    ("services.after_folder", Caller::Fails),
    ("services.after_spawn", Caller::Fails),
    ("services.after_removal", Caller::Fails),
    ("service.after_identity", Caller::Fails),
    ("service.after_spawn", Caller::Fails),
    ("service.after_announce", Caller::Fails),
    ("service.after_setback", Caller::Fails),
    ("step.prepare.before_owner", Caller::Goes),
    ("step.prepare.after_fetch", Caller::Goes),
    ("step.prepare.after_clone", Caller::Goes),
    ("step.prepare.after_rename", Caller::Goes),
    ("step.seed.after_fetch", Caller::Goes),
    ("step.seed.after_copy", Caller::Goes),
    ("step.seed.before_exchange", Caller::Goes),
    ("step.seed.between_renames", Caller::Goes),
    ("step.seed.after_exchange", Caller::Goes),
    ("step.seed.before_commit", Caller::Goes),
    ("step.seed.after_commit", Caller::Goes),
    ("step.seed.unverified", Caller::Goes),
    ("step.seed.after_putting_back", Caller::Goes),
    ("step.cleanup.before_removal", Caller::Goes),
    ("step.cleanup.during_removal", Caller::Goes),
    ("step.cleanup.after_removal", Caller::Goes),
    ("step.before_outcome", Caller::Goes),
    ("housekeeping.after_workspace_rename", Caller::Goes),
    ("housekeeping.after_folder_rename", Caller::Goes),
    ("housekeeping.after_cache_rename", Caller::Goes),
];

/// The error that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed on purpose at failpoint '{0}'")]
pub struct Asked(pub &'static str);

impl From<Asked> for std::io::Error {
    fn from(asked: Asked) -> Self {
        Self::other(asked)
    }
}

impl From<Asked> for Failure {
    fn from(asked: Asked) -> Self {
        Self::Retry(asked.to_string())
    }
}

/// Whether this bug is switched on. Without the feature `failpoints` it never is.
#[cfg_attr(
    not(feature = "failpoints"),
    inline(always),
    expect(clippy::inline_always, reason = "nothing is left of it")
)]
pub fn sabotaged(name: &'static str) -> bool {
    let _ = name;
    fail::fail_point!(name, |_| true);
    false
}

/// A boundary whose caller cannot fail.
pub fn boundary(name: &'static str) {
    let _ = fallible(name);
}

/// A boundary whose caller hands an error on.
///
/// # Errors
/// Only where `error` was asked for.
#[cfg_attr(
    not(feature = "failpoints"),
    inline(always),
    expect(clippy::inline_always, reason = "nothing is left of it")
)]
pub fn fallible(name: &'static str) -> Result<(), Asked> {
    let _ = name;
    fail::fail_point!(name, |asked: Option<String>| act(
        name,
        asked.as_deref().unwrap_or_default()
    ));
    Ok(())
}

#[cfg(feature = "failpoints")]
fn act(name: &'static str, asked: &str) -> Result<(), Asked> {
    let (action, file) = asked.split_once(' ').map_or((asked, None), |(a, f)| (a, Some(f)));
    if let Some(file) = file
        && std::fs::File::create_new(file).is_err()
    {
        return Ok(());
    }
    match action {
        "kill" => {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
        "panic" => panic!("asked to panic at failpoint '{name}'"),
        "pause" => std::thread::sleep(PAUSE),
        "error" => return Err(Asked(name)),
        other => panic!("failpoint '{name}' knows no action '{other}'"),
    }
    Ok(())
}
