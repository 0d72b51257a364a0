//! Stands over one step: a session of its own, an identity on disk, bounded logs, and an outcome even if the step dies.
//! Knows nothing of what the step does.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::setsid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use crate::adapters::nofollow::Folder;
use crate::adapters::processes::{ProcessIdentity, SUPERVISOR};
use crate::failpoint::fallible;
use crate::kernel::shown_text;
use crate::ports::executor::{StepEnd, StepError, StepKey};
use crate::ports::step_folder as files;

/// How much of each output stream is kept; steps say little, so more is an accident.
const LOG_LIMIT: u64 = 1024 * 1024;
/// How long what is left of a session may take to die of SIGKILL.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much of the step's last words stands in the outcome of one that died.
const LAST_WORDS: usize = 300;

/// Runs the step of that folder to its end. A folder whose step was ever begun is left alone.
pub fn supervise(folder: &Path) -> io::Result<()> {
    setsid()?;
    let files = Folder::open_trusted(folder)?;
    let lock = files.lock_file(files::LOCK)?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(());
    }
    if files.kind(files::PROCESS)?.is_some() || files.kind(files::OUTCOME)?.is_some() {
        return Ok(());
    }
    let key = files.read(files::KEY, files::OUTCOME_LIMIT)?.unwrap_or_default();
    let key: StepKey = serde_json::from_slice(&key)?;
    let own = ProcessIdentity::own()?;
    files.write_whole(files::PROCESS, &serde_json::to_vec(&own)?)?;
    fallible("supervise.after_identity")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let status = runtime.block_on(attend(folder, &key, &own));
    own.end_session(PATIENCE);
    files.remove(files::SECRETS)?;
    if files.kind(files::OUTCOME)?.is_none() {
        let error = StepError::passing("Killed", killed_message(&key, status, &last_words(&files)));
        files.write_whole(files::OUTCOME, &serde_json::to_vec(&StepEnd::Failed(error))?)?;
    }
    Ok(())
}

async fn attend(folder: &Path, key: &StepKey, own: &ProcessIdentity) -> io::Result<ExitStatus> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut child = Command::new("/proc/self/exe")
        .args(["step", key.step.as_str(), "--plan"])
        .arg(folder.join(files::PLAN))
        .arg("--outcome")
        .arg(folder.join(files::OUTCOME))
        .arg("--secrets")
        .arg(folder.join(files::SECRETS))
        .arg("--progress")
        .arg(folder.join(files::PROGRESS))
        .env(SUPERVISOR, own.pid.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let logs = [
        child
            .stdout
            .take()
            .map(|pipe| keep(Box::new(pipe), folder.join(files::STDOUT))),
        child
            .stderr
            .take()
            .map(|pipe| keep(Box::new(pipe), folder.join(files::STDERR))),
    ];
    let status = tokio::select! {
        status = child.wait() => status,
        _ = terminate.recv() => {
            own.end_session(PATIENCE);
            child.wait().await
        }
    };
    own.end_session(PATIENCE);
    for log in logs.into_iter().flatten() {
        let _ = tokio::time::timeout(PATIENCE, log).await;
    }
    status
}

/// Writes the beginning of a stream to a file and reads the rest away.
fn keep(pipe: Box<dyn AsyncRead + Unpin + Send>, path: std::path::PathBuf) -> tokio::task::JoinHandle<io::Result<()>> {
    tokio::spawn(async move {
        let mut file = tokio::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .await?;
        let mut head = pipe.take(LOG_LIMIT);
        tokio::io::copy(&mut head, &mut file).await?;
        file.flush().await?;
        tokio::io::copy(&mut head.into_inner(), &mut tokio::io::sink()).await?;
        Ok(())
    })
}

fn killed_message(key: &StepKey, status: io::Result<ExitStatus>, last_words: &str) -> String {
    let how = match status {
        Ok(status) => status.to_string(),
        Err(error) => format!("failed to run it: {error}"),
    };
    let words = if last_words.is_empty() {
        String::new()
    } else {
        format!("; its last words: {last_words}")
    };
    format!("the step {} ended without an outcome ({how}){words}", key.step.as_str())
}

fn last_words(files: &Folder) -> String {
    let read = |file: io::Result<File>| -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::Read::take(file?, LOG_LIMIT), &mut bytes)?;
        Ok(bytes)
    };
    match read(files.file(files::STDERR)) {
        Ok(bytes) => shown_text::last_words(&String::from_utf8_lossy(&bytes), LAST_WORDS),
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => format!("(failed to read them: {error})"),
    }
}
