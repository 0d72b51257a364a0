//! The folder of one execution on disk: where it is, what can be seen of it, and the outcome written for a step whose
//! supervisor vanished. Starts nothing; level-based, so it is true also for what an earlier controller started.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{FlockOperation, flock};

use crate::adapters::nofollow::Folder;
use crate::adapters::processes::ProcessIdentity;
use crate::failpoint::fallible;
use crate::kernel::moment::Moment;
use crate::ports::executor::{StepEnd, StepError, StepKey, StepState};
use crate::ports::secrets::StepSecrets;
use crate::ports::step_folder as files;

/// How long what a vanished supervisor left may take to die.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest words of progress that are shown.
const PROGRESS_LIMIT: u64 = 200;

/// What a folder tells.
#[derive(Debug)]
pub enum Seen {
    /// No folder.
    Absent,
    /// A folder, but no supervisor ever wrote its identity.
    Unstarted {
        since: Moment,
    },
    Running {
        process: ProcessIdentity,
        since: Moment,
    },
    /// The supervisor is gone and there is no outcome.
    Vanished {
        process: ProcessIdentity,
        since: Moment,
    },
    Ended {
        end: StepEnd,
        at: Moment,
    },
}

/// `<root>/<run uid>/<workspace>/<step>-<attempt>`, if the key's words are plain names.
pub fn path_of(root: &Path, key: &StepKey) -> io::Result<PathBuf> {
    for word in [&key.run_uid, &key.workspace] {
        if !is_plain(word) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("\"{word}\" cannot be a folder's name"),
            ));
        }
    }
    Ok(root
        .join(&key.run_uid)
        .join(&key.workspace)
        .join(format!("{}-{}", key.step.as_str(), key.attempt)))
}

/// Whether the word names one folder and nothing else.
pub fn is_plain(word: &str) -> bool {
    !word.is_empty() && !word.starts_with('.') && !word.contains(['/', '\0'])
}

/// Looks at the folder.
pub fn see(path: &Path) -> io::Result<Seen> {
    let folder = match Folder::open_trusted(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Seen::Absent),
        other => other?,
    };
    if let Some(ended) = ended(&folder)? {
        return Ok(ended);
    }
    let Some(process) = folder.read(files::PROCESS, files::OUTCOME_LIMIT)? else {
        return Ok(Seen::Unstarted {
            since: moment(fs::metadata(path)?.modified()?),
        });
    };
    let process: ProcessIdentity = serde_json::from_slice(&process)?;
    let since = moment(fs::metadata(path.join(files::PROCESS))?.modified()?);
    if process.is_alive() {
        return Ok(Seen::Running { process, since });
    }
    // It may have ended between the two looks, and an outcome is written before the end.
    Ok(ended(&folder)?.unwrap_or(Seen::Vanished { process, since }))
}

fn ended(folder: &Folder) -> io::Result<Option<Seen>> {
    let file = match folder.file(files::OUTCOME) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let at = moment(file.metadata()?.modified()?);
    let text = folder.read(files::OUTCOME, files::OUTCOME_LIMIT)?.unwrap_or_default();
    let end = serde_json::from_slice(&text).unwrap_or_else(|e| {
        StepEnd::Failed(StepError::passing(
            "OutcomeUnreadable",
            format!("the step's outcome cannot be read: {e}"),
        ))
    });
    Ok(Some(Seen::Ended { end, at }))
}

/// Puts the secrets where the step finds them; its user alone may read them.
pub fn hand_over(path: &Path, secrets: &StepSecrets) -> io::Result<()> {
    let folder = Folder::open_trusted(path)?;
    folder.remove(files::SECRETS)?;
    if secrets.is_empty() {
        return Ok(());
    }
    let mut file = folder.create(files::SECRETS, 0o600)?;
    file.write_all(&serde_json::to_vec(secrets)?)
}

/// Removes secrets that nobody took.
pub fn take_back(path: &Path) -> io::Result<()> {
    Folder::open_trusted(path)?.remove(files::SECRETS)
}

/// Ends what a vanished supervisor left behind and writes the outcome that it could not. `false`: a supervisor lives.
pub fn bury(path: &Path, process: Option<&ProcessIdentity>, error: StepError) -> io::Result<bool> {
    let folder = Folder::open_trusted(path)?;
    let Some(_lock) = lock(&folder)? else { return Ok(false) };
    if let Some(process) = process {
        process.end_session(PATIENCE);
    }
    folder.remove(files::SECRETS)?;
    if folder.kind(files::OUTCOME)?.is_none() {
        folder.write_whole(files::OUTCOME, &serde_json::to_vec(&StepEnd::Failed(error))?)?;
    }
    Ok(true)
}

/// Removes the folder of a step that never began: a supervisor that was started for it, and is late, finds nothing to
/// begin then. `false`: one is there, or was.
pub fn withdraw(path: &Path) -> io::Result<bool> {
    let folder = match Folder::open_trusted(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(true),
        other => other?,
    };
    let Some(_lock) = lock(&folder)? else { return Ok(false) };
    if folder.kind(files::PROCESS)?.is_some() || folder.kind(files::OUTCOME)?.is_some() {
        return Ok(false);
    }
    remove(path).map(|()| true)
}

/// Removes a folder with all that is in it; one that is not there is fine.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(fallible("executor.after_removal")?),
    }
}

/// The failure of a step whose supervisor is gone.
pub fn killed() -> StepError {
    StepError::passing(
        "Killed",
        "the step's processes are gone and left no outcome: killed, or the machine restarted",
    )
}

fn lock(folder: &Folder) -> io::Result<Option<File>> {
    let file = folder.lock_file(files::LOCK)?;
    Ok(flock(&file, FlockOperation::NonBlockingLockExclusive)
        .is_ok()
        .then_some(file))
}

/// The step's own words about how far it is.
pub fn progress(path: &Path) -> Option<String> {
    let bytes = Folder::open_trusted(path)
        .ok()?
        .read(files::PROGRESS, PROGRESS_LIMIT)
        .ok()??;
    let words: String = String::from_utf8_lossy(&bytes)
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    Some(words).filter(|words| !words.is_empty())
}

/// The key of an execution found on disk.
pub fn key_of(path: &Path) -> Option<StepKey> {
    let bytes = Folder::open_trusted(path)
        .ok()?
        .read(files::KEY, files::OUTCOME_LIMIT)
        .ok()??;
    serde_json::from_slice(&bytes).ok()
}

/// Every execution's folder below a folder `levels` above them.
pub fn all_below(root: &Path, levels: usize) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root) else {
        return Vec::new();
    };
    let folders = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_dir());
    match levels {
        1 => folders.collect(),
        _ => folders.flat_map(|path| all_below(&path, levels - 1)).collect(),
    }
}

/// The state in the port's words.
pub fn state_of(end: StepEnd, at: Moment) -> StepState {
    match end {
        StepEnd::Succeeded(outcome) => StepState::Succeeded { outcome, at },
        StepEnd::Failed(error) => StepState::Failed { error, at },
    }
}

fn moment(time: SystemTime) -> Moment {
    let ms = time
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX));
    Moment::from_millis(ms).unwrap_or(Moment::new(jiff::Timestamp::UNIX_EPOCH))
}
