//! A backup of the database beside a running controller, and its way back while none runs. Decides nothing.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use tokio_util::sync::CancellationToken;

use crate::adapters::data_dir::DataDir;
use crate::adapters::sqlite::copy::{copy, is_free, with_suffix};
use crate::adapters::system_clock::SystemClock;
use crate::ports::clock::Clock as _;
use crate::ports::read_model::Verdict;

/// What a copy came to.
#[derive(Debug)]
pub struct Copied {
    pub bytes: u64,
    pub verdict: Verdict,
    /// Where the database went that a restored one took the place of.
    pub set_aside: Option<PathBuf>,
}

/// Copies the database into a new file. A copy with flaws is kept: there may be no better one.
///
/// # Errors
/// There is no such database, the file is there already, or it cannot be written.
pub async fn backup(database: &Path, to: &Path) -> anyhow::Result<Copied> {
    is_free(to)?;
    let copied = copy(database, to).await?;
    let (bytes, verdict) = (copied.bytes, copied.verdict.clone());
    copied.name(to)?;
    Ok(Copied {
        bytes,
        verdict,
        set_aside: None,
    })
}

/// Puts a copy of a backup in the database's place, which is set aside, whole. The backup stays.
///
/// # Errors
/// A controller works on the folder, the backup has flaws or is of another version, or the folder cannot be written.
pub async fn restore(from: &Path, data_dir: &Path, database: &Path) -> anyhow::Result<Copied> {
    DataDir::make(data_dir)?;
    let at_once = CancellationToken::new();
    at_once.cancel();
    let lock = DataDir::lock(data_dir, &at_once).await?;
    let _lock = lock.with_context(|| format!("a controller works on '{}': stop it first", data_dir.display()))?;
    let copied = copy(from, database).await?;
    let (bytes, verdict) = (copied.bytes, copied.verdict.clone());
    ensure!(
        verdict.flaws.is_empty(),
        "'{}' has {} flaws (`metawsm db verify --db` lists them): nothing was changed",
        from.display(),
        verdict.flaws.len()
    );
    let set_aside = set_aside(database)?;
    copied.replace(database)?;
    Ok(Copied {
        bytes,
        verdict,
        set_aside,
    })
}

/// Gives the database a second name, with its newest rows; then nothing of it but its file stands in the way. A process that
/// is killed in between leaves the old database at its place, and whole under the other name.
fn set_aside(database: &Path) -> anyhow::Result<Option<PathBuf>> {
    let now = SystemClock.now().timestamp().strftime("%Y%m%dT%H%M%SZ");
    let aside = with_suffix(database, &format!(".before-restore-{now}"));
    let told = || format!("failed to set '{}' aside", database.display());
    for suffix in ["", "-wal"] {
        let (old, new) = (with_suffix(database, suffix), with_suffix(&aside, suffix));
        if old.exists() {
            std::fs::hard_link(old, new).with_context(told)?;
        }
    }
    for suffix in ["-wal", "-shm"] {
        let old = with_suffix(database, suffix);
        if old.exists() {
            std::fs::remove_file(old).with_context(told)?;
        }
    }
    Ok(Some(aside).filter(|aside| aside.exists()))
}
