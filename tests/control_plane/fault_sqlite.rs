//! What a running controller does when its database fails: passes go on while the journal has room, then objects wait
//! and say so, and all goes on by itself once the database works.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use crate::harness::controller::Controller;
use crate::harness::history::{audit_of, column, verify};
use crate::harness::polling::{PATIENCE, eventually, first, within};
use crate::harness::repositories::Repository;
use crate::harness::stage::{Stage, condition};

/// More than any journal holds.
const REQUESTS: usize = 40;

fn home(stage: &Stage, tickets: &[&str]) -> Repository {
    let made = stage.repository("docs");
    for ticket in tickets {
        made.ticket(ticket);
    }
    made.commit("Write");
    made
}

async fn open(database: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(database).connect().await.unwrap()
}

/// Gives the Run new documents and asks for them, until its journal is full and it says so.
async fn fill(stage: &Stage, docs: &Repository, name: &str, ticket: &str) {
    for n in 0..REQUESTS {
        docs.write(&format!("ttmp/2026/11/21/{ticket}--made-up/more.md"), &format!("{n}\n"));
        docs.commit("More");
        let value = format!("fill-{n}");
        stage.request(name, &value).await;
        let mut held = false;
        let looked = first(PATIENCE * 2, async || {
            let run = stage.run(name).await;
            held = says_so(&run);
            (held || run["status"]["lastHandledRequest"] == value.as_str()).then_some(())
        });
        assert!(
            looked.await.is_some(),
            "request {n} is neither answered nor held: {:#}",
            stage.run(name).await
        );
        if held {
            return;
        }
    }
    panic!(
        "the journal was never full: {:#}",
        stage.run(name).await["status"]["journal"]
    );
}

fn says_so(run: &Value) -> bool {
    condition(run, "Ready")["reason"] == "HistoryUnavailable"
        || condition(run, "Reconciling")["reason"] == "HistoryUnavailable"
}

/// The Run is ready again, has answered, and its history has no gap.
async fn is_whole(stage: &Stage, controller: &Controller, names: &[&str]) {
    for name in names {
        let after = uuid::Uuid::new_v4().to_string();
        stage.request(name, &after).await;
        let judge = |r: &Value| {
            r["status"]["lastHandledRequest"] == after && condition(r, "Ready")["status"] == "True" && !says_so(r)
        };
        within(PATIENCE * 2, &format!("{name} goes on"), async || {
            judge(&stage.run(name).await).then_some(())
        })
        .await;
        // Looked up each time: a Run may have moved on meanwhile.
        eventually(&format!("all of {name} is recorded"), async || {
            let rows = audit_of(&controller.database(), "Run", name).await;
            let seqs: Vec<_> = rows.iter().filter_map(|r| r["seq"].as_i64()).collect();
            let last = stage.run(name).await["status"]["journal"].as_array()?.last()?["seq"].as_i64()?;
            (seqs == (1..=last).collect::<Vec<_>>()).then_some(())
        })
        .await;
    }
    verify(&controller.database()).await;
    nothing_twice(stage, names.len()).await;
}

async fn nothing_twice(stage: &Stage, runs: usize) {
    let active = |events: &[metawsm::kernel::envelope::Envelope]| {
        (events.iter().filter(|e| e.event.data["to"] == "Active").count() >= runs).then_some(())
    };
    stage.streams().until("the Runs are active", active).await;
    let all = stage.streams().all().await;
    let mut ids: Vec<_> = all.iter().map(|(_, e)| e.event.event_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all.len(), "no event twice");
    let mut order: std::collections::HashMap<_, i64> = std::collections::HashMap::new();
    for (_, envelope) in &all {
        let last = order.insert(envelope.event.subject_uid.clone(), envelope.event.subject_seq);
        assert!(last < Some(envelope.event.subject_seq), "in order per subject");
    }
}

#[tokio::test]
async fn while_another_process_locks_the_database_work_goes_on_then_waits_and_recovers_by_itself() {
    let stage = Stage::new().await;
    let docs = home(&stage, &["A-1"]);
    let controller = stage.controller("a").lead().await;
    let mut other = open(&controller.database()).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    stage.ready_run("one", &["A-1"], &[("docs", &docs)]).await;
    fill(&stage, &docs, "one", "A-1").await;
    assert!(controller.log().contains("another process keeps the database locked"));
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let last = stage.run("one").await["status"]["journal"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()["seq"]
        .as_i64();
    eventually(
        "what was decided meanwhile is recorded, though nobody asks for anything",
        async || {
            let rows = audit_of(&controller.database(), "Run", "one").await;
            (rows.last()?["seq"].as_i64() >= last).then_some(())
        },
    )
    .await;
    is_whole(&stage, &controller, &["one"]).await;
}

/// A small file system of its own; `None` where nobody may mount.
struct Disk(PathBuf);

impl Disk {
    fn mount(path: &Path) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs"])
            .arg(path)
            .output();
        done.is_ok_and(|d| d.status.success()).then(|| Self(path.to_owned()))
    }

    fn remount(&self, how: &str) {
        let done = Command::new("mount").args(["-o", how]).arg(&self.0).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test]
async fn on_a_full_disk_work_goes_on_then_waits_and_recovers_by_itself() {
    let stage = Stage::new().await;
    let docs = home(&stage, &["A-1"]);
    let settings = stage.controller("a");
    let Some(disk) = Disk::mount(&settings.data.with_extension("disk")) else {
        println!("skipped: only who may mount can fill a disk");
        return;
    };
    let database = disk.0.join("metawsm.db");
    let controller = settings.with("METAWSM_DB", &database).lead().await;
    let ballast = disk.0.join("ballast");
    let _ = fs::write(&ballast, vec![1; 4 << 20]);
    stage.ready_run("one", &["A-1"], &[("docs", &docs)]).await;
    fill(&stage, &docs, "one", "A-1").await;
    assert!(
        controller.log().contains("no room is left on the disk"),
        "{}",
        controller.log()
    );
    fs::remove_file(&ballast).unwrap();
    stage.request("one", "after").await;
    let judge = |r: &Value| r["status"]["lastHandledRequest"] == "after" && !says_so(r);
    stage.until("Run", "one", "it goes on", judge).await;
    verify(&database).await;
}

/// What becomes of a controller that finds its database like this.
async fn refused(stage: &Stage, name: &str, spoil: impl AsyncFnOnce(&Path)) -> String {
    let settings = stage.controller(name);
    fs::create_dir_all(&settings.data).unwrap();
    let mut controller = settings.with("METAWSM_LEASE_NAME", name).lead().await;
    controller.terminate().await;
    spoil(&controller.database()).await;
    let said = controller.log().len();
    controller.restart_only();
    let ended = controller.until_ended().await;
    assert!(!ended.success(), "{name}: it must not start");
    controller.log()[said..].to_owned()
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_refused_at_start_with_the_way_out() {
    let stage = Stage::new().await;
    let newer = refused(&stage, "newer", async |database| {
        let mut connection = open(database).await;
        let next = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                    VALUES (99, 'later', 1, x'00', 0)";
        sqlx::query(next).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    })
    .await;
    assert!(newer.contains("a newer metawsm wrote it (schema version 99"), "{newer}");
    let garbage = refused(&stage, "garbage", async |d| fs::write(d, vec![b'x'; 8192]).unwrap()).await;
    assert!(
        garbage.contains("not a SQLite database") && garbage.contains("move the file away"),
        "the way out is told: {garbage}"
    );
    let corrupt = refused(&stage, "corrupt", async |d| overwrite_pages(d)).await;
    assert!(
        corrupt.contains("damaged") && corrupt.contains("move the file away"),
        "{corrupt}"
    );
    for said in [&newer, &garbage, &corrupt] {
        assert!(said.contains("metawsm.db"), "the file is named: {said}");
    }
}

/// Overwrites every page but the first.
fn overwrite_pages(database: &Path) {
    let file = fs::File::options().write(true).open(database).unwrap();
    let length = file.metadata().unwrap().len();
    let noise = vec![0x5a; usize::try_from(length).unwrap() - 4096];
    file.write_all_at(&noise, 4096).unwrap();
}

/// Overwrites the first page of each index of the audit log.
async fn damage_index(database: &Path) {
    let roots = "SELECT CAST(rootpage AS TEXT) FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'audit_log'";
    let roots = column(database, roots).await;
    assert!(!roots.is_empty());
    let file = fs::File::options().write(true).open(database).unwrap();
    for root in roots {
        file.write_all_at(&[0x5a; 4096], (root.parse::<u64>().unwrap() - 1) * 4096)
            .unwrap();
    }
}

#[tokio::test]
async fn a_database_with_a_damaged_page_is_told_stops_nobody_and_is_rebuilt_once_moved_away() {
    let stage = Stage::new().await;
    let docs = home(&stage, &["A-1", "B-1"]);
    let mut controller = stage.controller("a").lead().await;
    stage.ready_run("one", &["A-1"], &[("docs", &docs)]).await;
    controller.terminate().await;
    // Where the audit log's keys are: everything else can be read, so it starts.
    damage_index(&controller.database()).await;
    controller.restart().await;
    stage.ready_run("two", &["B-1"], &[("docs", &docs)]).await;
    let told = async || controller.log().contains("the file is damaged").then_some(());
    eventually("the damage is told", told).await;
    let database = controller.database();
    for end in ["", "-wal", "-shm"] {
        let file = PathBuf::from(format!("{}{end}", database.display()));
        if file.exists() {
            fs::rename(&file, file.with_extension(format!("bad{end}"))).unwrap();
        }
    }
    let ended = controller.until_ended().await;
    assert!(
        !ended.success() && controller.log().contains("is not there any more"),
        "{}",
        controller.log()
    );
    controller.restart().await;
    is_whole(&stage, &controller, &["one", "two"]).await;
}

#[tokio::test]
async fn a_database_that_is_deleted_under_a_running_controller_ends_it_and_is_rebuilt_by_the_next() {
    let stage = Stage::new().await;
    let docs = home(&stage, &["A-1"]);
    let mut controller = stage.controller("a").lead().await;
    stage.ready_run("one", &["A-1"], &[("docs", &docs)]).await;
    nothing_twice(&stage, 1).await;
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{end}", controller.database().display()));
    }
    let ended = controller.until_ended().await;
    assert!(!ended.success(), "it says that it did not end well");
    controller.restart().await;
    is_whole(&stage, &controller, &["one"]).await;
}

#[tokio::test]
async fn a_truncated_write_ahead_log_costs_nothing_that_the_cluster_still_knows() {
    let stage = Stage::new().await;
    let cuts = [97, 66, 40, 15, 2];
    let tickets = cuts.map(|percent| format!("CUT-{percent}"));
    let docs = home(&stage, &tickets.each_ref().map(String::as_str));
    let mut controller = stage.controller("a").lead().await;
    let log = PathBuf::from(format!("{}-wal", controller.database().display()));
    for ((percent, ticket), runs) in cuts.into_iter().zip(&tickets).zip(1..) {
        let name = format!("cut-{percent}");
        stage.ready_run(&name, &[ticket], &[("docs", &docs)]).await;
        nothing_twice(&stage, runs).await;
        controller.kill9();
        let length = fs::metadata(&log).unwrap().len();
        println!("{percent} of a hundred parts of {length} bytes stay");
        assert!(length > 0);
        let cut = fs::File::options().write(true).open(&log).unwrap();
        cut.set_len(length * percent / 100 + 17).unwrap();
        controller.restart().await;
        is_whole(&stage, &controller, &[&name]).await;
    }
}

#[tokio::test]
async fn a_database_restored_from_a_backup_goes_on_in_a_new_log_and_tells_nothing_twice() {
    let stage = Stage::new().await;
    let docs = home(&stage, &["A-1", "B-1"]);
    let mut controller = stage.controller("a").lead().await;
    stage.ready_run("one", &["A-1"], &[("docs", &docs)]).await;
    nothing_twice(&stage, 1).await;
    controller.terminate().await;
    let backup = controller.database().with_extension("backup");
    fs::copy(controller.database(), &backup).unwrap();
    controller.restart().await;
    stage.ready_run("two", &["B-1"], &[("docs", &docs)]).await;
    nothing_twice(&stage, 2).await;
    controller.terminate().await;
    fs::copy(&backup, controller.database()).unwrap();
    controller.restart().await;
    is_whole(&stage, &controller, &["one", "two"]).await;
    let logs = column(&controller.database(), "SELECT log_id FROM log WHERE origin = 'live'").await;
    assert_eq!(logs.len(), 2, "a log of its own for what comes after the backup");
}

#[tokio::test]
async fn a_database_with_another_history_is_told_by_condition_and_both_are_kept() {
    let stage = Stage::new().await;
    let docs = home(&stage, &["A-1"]);
    let mut controller = stage.controller("a").lead().await;
    stage.ready_run("one", &["A-1"], &[("docs", &docs)]).await;
    nothing_twice(&stage, 1).await;
    controller.terminate().await;
    let mut connection = open(&controller.database()).await;
    let last = "SELECT max(seq) FROM audit_log WHERE kind = 'Run'";
    let other = format!("UPDATE audit_log SET hash = 'another' WHERE kind = 'Run' AND seq = ({last})");
    // The log refuses to be rewritten; a restored one was never written otherwise.
    for name in column(
        &controller.database(),
        "SELECT name FROM sqlite_schema WHERE type = 'trigger'",
    )
    .await
    {
        let dropped = format!("DROP TRIGGER {name}");
        sqlx::query(sqlx::AssertSqlSafe(dropped))
            .execute(&mut connection)
            .await
            .unwrap();
    }
    sqlx::query(sqlx::AssertSqlSafe(other))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    controller.restart().await;
    let forked = |r: &Value| condition(r, "AuditForked")["status"] == "True";
    stage.until("Run", "one", "it says that its audit forked", forked).await;
    let hashes = "SELECT hash FROM audit_log WHERE kind = 'Run' AND seq = (SELECT max(seq) FROM audit_log WHERE kind = 'Run' AND hash = 'another')";
    let kept = column(&controller.database(), hashes).await;
    assert_eq!(kept.len(), 2, "both are kept: {kept:?}");
}

#[tokio::test]
async fn a_database_on_a_read_only_disk_is_refused_at_start() {
    let stage = Stage::new().await;
    let settings = stage.controller("a");
    let Some(disk) = Disk::mount(&settings.data.with_extension("disk")) else {
        println!("skipped: only who may mount can have a read-only disk");
        return;
    };
    let mut controller = settings.with("METAWSM_DB", disk.0.join("metawsm.db")).lead().await;
    controller.terminate().await;
    disk.remount("remount,ro");
    controller.restart_only();
    let ended = controller.until_ended().await;
    assert!(!ended.success());
    let said = controller.log();
    assert!(
        said.contains("metawsm.db") && said.contains("who may write there"),
        "the way out is told: {said}"
    );
    disk.remount("remount,rw");
    controller.restart().await;
}
