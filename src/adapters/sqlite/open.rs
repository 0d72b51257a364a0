//! Opens the database file: settings of connections, folder and file rights, migrations. May not know any table.

use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use super::failure::{WAY_OUT, words};
use crate::failpoint::sabotaged;
use crate::ports::journal::JournalError;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Where sqlx keeps which migrations were applied.
const LEDGER: &str = "_sqlx_migrations";

/// How long a statement waits for another process; a backup tool holds the lock for less.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The write-ahead log is cut back to this after a checkpoint: a burst must not keep its disk space for ever.
const JOURNAL_SIZE_LIMIT: &str = "67108864";

/// Readers beside the writer: a relay, a verification, and two pages at once.
const READERS: u32 = 4;

/// Pages that a reading connection keeps, in KiB: the system has them too, and four times SQLite's own 2 MB are felt beside
/// what ten thousand questions may take.
const READER_CACHE: &str = "-512";

/// Rows that a reading connection has ready before who asked must have taken some: a usual page and the row that tells
/// whether another follows. With fewer, the two wait for each other in the middle of it.
const READ_AHEAD: usize = 64;

/// The one connection that writes. Makes folder (0700) and file (0600) where they are missing.
///
/// # Errors
/// The file cannot be made or opened, or a newer version wrote it.
pub async fn writer(path: &Path) -> Result<SqlitePool, JournalError> {
    make_file(path).map_err(|error| JournalError(format!("'{}' cannot be made: {error}", path.display())))?;
    let options = settings(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", JOURNAL_SIZE_LIMIT);
    let pool = pool(1).connect_with(options).await.map_err(|error| at(path, &error))?;
    migrate(&pool)
        .await
        .map_err(|error| JournalError(format!("'{}': {}", path.display(), error.0)))?;
    Ok(pool)
}

/// Connections that cannot write.
///
/// # Errors
/// The file is missing, cannot be opened, or a newer version wrote it.
pub async fn readers(path: &Path) -> Result<SqlitePool, JournalError> {
    if !path.is_file() {
        return Err(JournalError(format!("there is no database at '{}'", path.display())));
    }
    let options = settings(path)
        .read_only(true)
        .row_buffer_size(READ_AHEAD)
        .pragma("cache_size", READER_CACHE);
    let pool = pool(READERS)
        .connect_with(options)
        .await
        .map_err(|error| at(path, &error))?;
    known_schema(&pool)
        .await
        .map_err(|error| JournalError(format!("'{}': {}", path.display(), error.0)))?;
    Ok(pool)
}

fn settings(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("trusted_schema", "OFF")
        .pragma("mmap_size", "0")
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn make_file(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other.map(drop),
    }
}

async fn migrate(pool: &SqlitePool) -> Result<(), JournalError> {
    let any = sabotaged("sabotage.sqlite.any_schema");
    let known = !any && is_known(pool).await?;
    if known && sabotaged("sabotage.sqlite.stays_old") {
        return Ok(());
    }
    let migrated = MIGRATIONS.run(pool).await;
    if matches!(migrated, Err(MigrateError::VersionMissing(_))) && takes_a_newer() {
        return Ok(());
    }
    migrated.map_err(|error| match error {
        MigrateError::VersionMissing(version) => newer(version),
        MigrateError::VersionMismatch(version) => {
            JournalError(format!("schema version {version} is not the released one: {WAY_OUT}"))
        }
        MigrateError::Dirty(version) => {
            JournalError(format!("schema version {version} was applied only in part: {WAY_OUT}"))
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => words(&error),
        other => JournalError(other.to_string()),
    })
}

/// Whether it is one of ours, and not a new one. A file that has tables and not the first of our migrations is another
/// program's, or lost what says how old it is: refused.
async fn is_known(pool: &SqlitePool) -> Result<bool, JournalError> {
    let tables: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .fetch_all(pool)
        .await
        .map_err(|error| words(&error))?;
    if tables.iter().all(|name| name == LEDGER || name.starts_with("sqlite_")) {
        return Ok(false);
    }
    let known = tables.iter().any(|name| name == LEDGER);
    let first = "SELECT count(*) FROM _sqlx_migrations WHERE version = 1";
    let ours = known
        && sqlx::query_scalar::<_, i64>(first)
            .fetch_one(pool)
            .await
            .map_err(|e| words(&e))?
            == 1;
    if ours {
        return Ok(true);
    }
    Err(JournalError(format!(
        "not a database of metawsm, or it lost its schema version: {WAY_OUT}"
    )))
}

async fn known_schema(pool: &SqlitePool) -> Result<(), JournalError> {
    let applied: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
        .fetch_one(pool)
        .await
        .map_err(|error| JournalError(format!("not a database of metawsm ({error})")))?;
    match (applied, latest_version()) {
        (Some(applied), known) if applied > known && !takes_a_newer() => Err(newer(applied)),
        (Some(applied), known) if applied >= known => Ok(()),
        (applied, known) => Err(JournalError(format!(
            "schema version {} is older than {known}; start the controller once to bring it up",
            applied.unwrap_or(0)
        ))),
    }
}

/// Nobody but a bug that a test switches on.
fn takes_a_newer() -> bool {
    sabotaged("sabotage.sqlite.takes_a_newer")
}

fn newer(version: i64) -> JournalError {
    JournalError(format!(
        "a newer metawsm wrote it (schema version {version}, this one knows {}); use that version or an older backup",
        latest_version()
    ))
}

fn latest_version() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

fn at(path: &Path, error: &sqlx::Error) -> JournalError {
    JournalError(format!("'{}': {}", path.display(), words(error).0))
}
