//! Backups: whole beside a writer, never over another file, clear words where there is no room; and their way back.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use metawsm::ports::journal::Journal as _;
use metawsm::ports::read_model::{AuditFilter, ReadModel as _};
use serde_json::Value;

use super::commands::{metawsm, text};
use super::stage::{Object, Stage, record_objects};

fn backup(stage: &Stage, to: &Path) -> Output {
    metawsm(&stage.path(), &["db", "backup", "--to", to.to_str().unwrap()])
}

fn restore(stage: &Stage, from: &Path) -> Output {
    let data = stage.path().parent().unwrap().display().to_string();
    let line = ["db", "restore", "--data-dir", &data, "--from", from.to_str().unwrap()];
    metawsm(&stage.path(), &line)
}

fn beside(stage: &Stage, name: &str) -> PathBuf {
    stage.path().parent().unwrap().parent().unwrap().join(name)
}

/// What lies in a folder, by name.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_backup_beside_a_writer_is_one_sound_private_file_with_the_newest_rows() {
    let stage = Stage::new();
    let history = stage.open().await;
    record_objects(&history, "before", 50).await;
    let writer = tokio::spawn(async move {
        record_objects(&history, "meanwhile", 200).await;
        history
    });
    let copies = beside(&stage, "copies");
    std::fs::create_dir(&copies).unwrap();
    let copy = copies.join("copy.db");
    let (path, to) = (stage.path(), copy.display().to_string());
    let said = tokio::task::spawn_blocking(move || metawsm(&path, &["db", "backup", "--to", &to, "-o", "json"]));
    let said = said.await.unwrap();
    assert!(said.status.success(), "{}", text(&said.stderr));
    let told: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(told["bytes"], std::fs::metadata(&copy).unwrap().len());
    assert!(told["verdict"]["checked"].as_i64().unwrap() >= 100, "{told}");
    assert_eq!(names(&copies), ["copy.db"], "nothing beside it");
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let verified = metawsm(&copy, &["db", "verify"]);
    assert!(verified.status.success(), "{}", text(&verified.stdout));
    let history = writer.await.unwrap();
    assert!(history.verify_database().await.unwrap().flaws.is_empty());
}

#[tokio::test]
async fn nothing_is_overwritten_and_what_is_not_there_is_named() {
    let stage = Stage::new();
    let history = stage.open().await;
    record_objects(&history, "one", 1).await;
    let copy = beside(&stage, "copy.db");
    std::fs::write(&copy, "mine").unwrap();
    let said = backup(&stage, &copy);
    assert_eq!(said.status.code(), Some(1));
    assert!(
        text(&said.stderr).contains("nothing is overwritten"),
        "{}",
        text(&said.stderr)
    );
    assert_eq!(std::fs::read(&copy).unwrap(), b"mine");
    let nowhere = backup(&stage, &beside(&stage, "no/such/folder.db"));
    assert!(
        text(&nowhere.stderr).contains("no/such/folder.db"),
        "{}",
        text(&nowhere.stderr)
    );
    let to = beside(&stage, "other.db").display().to_string();
    let absent = metawsm(&beside(&stage, "absent.db"), &["db", "backup", "--to", &to]);
    assert!(
        text(&absent.stderr).contains("there is no database at"),
        "{}",
        text(&absent.stderr)
    );
    assert!(!beside(&stage, "other.db").exists());
    assert!(!beside(&stage, "absent.db").exists());
}

#[tokio::test]
async fn a_backup_onto_a_full_disk_says_so_and_leaves_nothing() {
    let stage = Stage::new();
    let history = stage.open().await;
    record_objects(&history, "one", 200).await;
    let small = beside(&stage, "small");
    std::fs::create_dir(&small).unwrap();
    let mount = ["-t", "tmpfs", "-o", "size=64k", "tmpfs"];
    let mounted = Command::new("mount").args(mount).arg(&small).output();
    if !mounted.is_ok_and(|m| m.status.success()) {
        println!("skipped: cannot mount a small file system");
        return;
    }
    let said = backup(&stage, &small.join("copy.db"));
    let left = names(&small);
    let unmounted = Command::new("umount").arg(&small).status().unwrap();
    assert!(unmounted.success());
    assert_eq!(said.status.code(), Some(1));
    assert!(
        text(&said.stderr).contains("no room is left on the disk"),
        "{}",
        text(&said.stderr)
    );
    assert!(left.is_empty(), "{left:?}");
    assert!(history.verify_database().await.unwrap().flaws.is_empty());
}

#[tokio::test]
async fn a_copy_of_a_database_with_flaws_is_kept_and_not_taken_back() {
    let stage = Stage::new();
    let history = stage.open().await;
    history.record(Object::new("one").grow(3).record()).await.unwrap();
    let spoil = "UPDATE audit_log SET actor_name = 'eve' WHERE seq = 2";
    sqlx::query(spoil).execute(&mut stage.raw().await).await.unwrap();
    let copy = beside(&stage, "copy.db");
    let said = backup(&stage, &copy);
    assert_eq!(said.status.code(), Some(1));
    assert!(text(&said.stdout).contains("NOT SOUND"), "{}", text(&said.stdout));
    assert!(copy.exists());
    history.close().await.unwrap();
    let before = std::fs::read(stage.path()).unwrap();
    let refused = restore(&stage, &copy);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("flaws"), "{}", text(&refused.stderr));
    assert_eq!(std::fs::read(stage.path()).unwrap(), before);
}

#[tokio::test]
async fn a_restored_backup_has_its_rows_and_what_was_there_is_set_aside_whole() {
    let stage = Stage::new();
    let history = stage.open().await;
    record_objects(&history, "kept", 3).await;
    let copy = beside(&stage, "copy.db");
    assert!(backup(&stage, &copy).status.success());
    record_objects(&history, "newer", 2).await;
    // As after a kill: the newest rows are in the write-ahead log alone.
    let wal = stage.path().with_extension("db-wal");
    let newest = std::fs::read(&wal).unwrap();
    history.close().await.unwrap();
    std::fs::write(&wal, newest).unwrap();

    let said = restore(&stage, &copy);
    assert!(said.status.success(), "{}", text(&said.stderr));
    assert!(
        text(&said.stdout).contains("the database before is"),
        "{}",
        text(&said.stdout)
    );
    assert!(!wal.exists(), "an old log beside a restored database would spoil it");
    let kept = names(stage.path().parent().unwrap());
    assert_eq!(
        kept.iter().filter(|n| n.contains(".before-restore-")).count(),
        2,
        "{kept:?}"
    );
    let restored = stage.open().await;
    let everything = AuditFilter {
        limit: 1000,
        ..AuditFilter::default()
    };
    let rows = restored.audit(&everything).await.unwrap();
    assert!(
        rows.len() == 3 && rows.iter().all(|row| row.name.starts_with("kept")),
        "{rows:?}"
    );
    assert!(copy.exists());
}

#[tokio::test]
async fn beside_a_working_controller_nothing_is_restored() {
    let stage = Stage::new();
    let history = stage.open().await;
    record_objects(&history, "one", 1).await;
    let copy = beside(&stage, "copy.db");
    assert!(backup(&stage, &copy).status.success());
    let data = stage.path().parent().unwrap().to_owned();
    let lock = std::fs::File::create(data.join("lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let refused = restore(&stage, &copy);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("stop it first"),
        "{}",
        text(&refused.stderr)
    );
}
