//! The crash matrix: one story, interrupted at every failpoint in every way, and by pairs of crashes, the second while
//! it recovers from the first. Each must end as the undisturbed story does.
//!
//! `METAWSM_TEST_CASE='drive.after_effect=kill'` (or two, with `+` between; several, with `,`) tries only that.
//! `METAWSM_TEST_SEED` chooses what a bounded run tries, `METAWSM_CRASH_SINGLES` and `METAWSM_CRASH_PAIRS` how much (`all`, or
//! how many), and `METAWSM_CRASH_JOBS` how many stories go on side by side.

use metawsm::failpoint::{ALL, Caller};

use super::crash_judge::{Cases, end_alike, parsed};
use super::crash_story::told;

/// Failpoints that this story does not come by, and why.
const ELSEWHERE: [(&str, &str); 16] = [
    (
        "foreign.after_apply",
        "needs a status that somebody else wrote: fault_status",
    ),
    (
        "foreign.after_disown",
        "needs a status that somebody else wrote: fault_status",
    ),
    (
        "forum_thread.after_archive",
        "needs a closed thread past its retention: crash_forum",
    ),
    (
        "forum_thread.after_remove_archived",
        "needs a closed thread past its retention: crash_forum",
    ),
    (
        "run.after_forget",
        "comes when an inspection is due again, by the clock",
    ),
    ("run.after_enter", "needs --max-active-runs: it writes nothing"),
    (
        "step.seed.unverified",
        "needs an agent that edits during the exchange: tests/seed_histories",
    ),
    (
        "step.seed.after_putting_back",
        "needs an agent that edits during the exchange: tests/seed_histories",
    ),
    (
        "housekeeping.after_workspace_rename",
        "needs folders as old as their retention",
    ),
    (
        "housekeeping.after_folder_rename",
        "needs folders as old as their retention",
    ),
    (
        "housekeeping.after_cache_rename",
        "needs folders as old as their retention",
    ),
    (
        "service.after_setback",
        "needs a server that ends by itself: tests/services",
    ),
    ("undecodable.after_release", "needs an object that the schema refuses"),
    (
        "relay.after_new_log",
        "needs a database older than the stream: tests/history",
    ),
    ("recover.after_adopt", "needs a lost database: crash_lost_database"),
    (
        "step.seed.between_renames",
        "only where the file system cannot exchange two folders",
    ),
];

/// Cases that once found a bug: part of every run.
const FOUND: [&str; 4] = [
    "federation.after_answer=panic",
    "sqlite.after_commit=panic",
    "vanished.before_record=error",
    "executor.after_spawn=panic",
];

/// What a bounded run tries: about a minute and a half on two busy cores.
const SINGLES: usize = 10;
const PAIRS: usize = 3;

fn reachable() -> impl Iterator<Item = (&'static str, Caller)> {
    ALL.into_iter()
        .filter(|(name, _)| !ELSEWHERE.iter().any(|(n, _)| n == name))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_stories_end_as_the_undisturbed_one() {
    let cases = Cases {
        always: FOUND.into_iter().map(parsed).collect(),
        points: reachable().collect(),
        singles: SINGLES,
        pairs: PAIRS,
    };
    end_alike(cases, told).await;
}
