//! Turns database errors into words that say what to do. Pure; may not run a statement.

use crate::failpoint::sabotaged;
use crate::ports::journal::JournalError;

/// SQLite's primary result codes that have words of their own.
mod code {
    pub const ERROR: i32 = 1;
    pub const BUSY: i32 = 5;
    pub const LOCKED: i32 = 6;
    pub const READONLY: i32 = 8;
    pub const IOERR: i32 = 10;
    pub const CORRUPT: i32 = 11;
    pub const FULL: i32 = 13;
    pub const CANTOPEN: i32 = 14;
    pub const TOOBIG: i32 = 18;
    pub const CONSTRAINT: i32 = 19;
    pub const MISMATCH: i32 = 20;
    pub const NOTADB: i32 = 26;
}

const DAMAGED: &str = "the file is damaged (`metawsm db verify` says where): move the file away together with its -wal and \
-shm, or restore a backup; without it history is rebuilt from the cluster and from Redis";

/// What helps with a file that cannot be used at all.
pub const WAY_OUT: &str = "restore a backup, or move the file away together with its -wal and -shm; without it history is \
rebuilt from the cluster and from Redis";

/// What is wrong and what helps.
pub fn words(error: &sqlx::Error) -> JournalError {
    let advice = match primary_code(error) {
        Some(code::BUSY | code::LOCKED) => "another process keeps the database locked",
        Some(code::READONLY) => "the database is read-only: check the mount and who owns the file",
        Some(code::IOERR) => "the disk does not answer",
        Some(code::CORRUPT) => DAMAGED,
        Some(code::FULL) => "no room is left on the disk",
        Some(code::CANTOPEN) => "the database cannot be opened: check the folder and who may write there",
        Some(code::NOTADB) => {
            "the file is not a SQLite database: move the file away or restore a backup; without it history is rebuilt from the cluster and from Redis"
        }
        _ => return JournalError(error.to_string()),
    };
    if sabotaged("sabotage.sqlite.tells_no_way_out") {
        return JournalError(error.to_string());
    }
    JournalError(format!("{advice} ({error})"))
}

/// Whether the cause may lie in one record of a group, so that the others deserve a try of their own.
pub fn may_be_one_record(error: &sqlx::Error) -> bool {
    match primary_code(error) {
        Some(code) => matches!(
            code,
            code::ERROR | code::FULL | code::TOOBIG | code::CONSTRAINT | code::MISMATCH
        ),
        None => matches!(
            error,
            sqlx::Error::Encode(_) | sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. }
        ),
    }
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}
