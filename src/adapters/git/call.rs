//! One call of git: a closed environment, a group of its own, a deadline for the whole group, bounded output.
//! Knows nothing of repositories; every argument is given by the callers in this folder.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::bounds::{Bounds, Passed, bytes_below};
use super::{COMMITTER_EMAIL, COMMITTER_NAME};
use crate::ports::executor::StepError;
use crate::ports::workspaces::GitRules;

/// What is kept of the messages of a call; more than any message of git that a person reads.
const MESSAGES_KEPT: u64 = 64 * 1024;

/// The most that a call may answer where the answer is held in memory: a listing of some 500,000 files.
const ANSWER_LIMIT: u64 = 64 * 1024 * 1024;

/// Options given to every call. They override every file, so a hostile repository cannot take them back.
const OPTIONS: &[&str] = &[
    "advice.detachedHead=false",
    "commit.gpgSign=false",
    "core.attributesFile=/dev/null",
    "core.commitGraph=false",
    "core.excludesFile=/dev/null",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "core.untrackedCache=false",
    "credential.helper=",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=120",
    "http.sslVerify=true",
    "maintenance.auto=false",
    "protocol.allow=never",
    "safe.directory=*",
    "submodule.recurse=false",
];

/// A call being put together.
pub struct GitCall {
    command: Command,
    words: Vec<String>,
    bounds: Bounds,
    input: Option<Vec<u8>>,
    accepted: &'static [i32],
}

impl GitCall {
    /// `protocol`: the only transport that this call may use; `None` for calls that stay in one repository.
    pub fn new(rules: &GitRules, protocol: Option<&str>) -> Self {
        let mut command = Command::new("git");
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
        command.env_clear().env("PATH", path).current_dir("/").process_group(0);
        for (name, value) in [
            ("GIT_ASKPASS", "/nonexistent/askpass"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_AUTHOR_EMAIL", COMMITTER_EMAIL),
            ("GIT_AUTHOR_NAME", COMMITTER_NAME),
            ("GIT_COMMITTER_EMAIL", COMMITTER_EMAIL),
            ("GIT_COMMITTER_NAME", COMMITTER_NAME),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_EDITOR", "false"),
            ("GIT_LITERAL_PATHSPECS", "1"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_PAGER", "cat"),
            // Nobody gets anywhere over ssh but with what `access` says.
            ("GIT_SSH_COMMAND", "false"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("HOME", "/nonexistent"),
            ("LC_ALL", "C"),
            ("SSH_ASKPASS", "/nonexistent/askpass"),
        ] {
            command.env(name, value);
        }
        for option in OPTIONS {
            command.args(["-c", option]);
        }
        if let Some(protocol) = protocol {
            command.args(["-c", &format!("protocol.{protocol}.allow=always")]);
        }
        let bounds = Bounds {
            timeout: Duration::from_secs(rules.timeout_seconds.max(1)),
            disk: None,
        };
        Self {
            command,
            words: Vec::new(),
            bounds,
            input: None,
            accepted: &[0],
        }
    }

    /// The repository, named outright so that none is searched for.
    pub fn git_dir(self, path: &Path) -> Self {
        self.env("GIT_DIR", path)
    }

    /// Another environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// The folder in which it runs; `/` without.
    pub fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Arguments written in this program.
    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.words.extend(arguments.iter().map(|a| (*a).to_owned()));
        self.command.args(arguments);
        self
    }

    /// Arguments that came from outside. Callers put them behind `--` or check their form.
    pub fn operands(mut self, operands: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.command.args(operands.into_iter().map(Into::into));
        self
    }

    /// Bounds what the call may put into a folder, and its memory with it: for what comes from somebody else.
    pub fn bounded(mut self, folder: &Path, rules: &GitRules) -> Self {
        let most = rules.max_repo_bytes;
        self.bounds.disk = (most > 0).then(|| (folder.to_owned(), most));
        self
    }

    /// What the call reads.
    pub fn input(mut self, bytes: Vec<u8>) -> Self {
        self.input = Some(bytes);
        self
    }

    /// Exit codes that are answers and not failures.
    pub fn accept(mut self, codes: &'static [i32]) -> Self {
        self.accepted = codes;
        self
    }

    /// Runs it for its answer as text without the last line's end.
    pub fn line(self) -> Result<String, StepError> {
        self.answer()
            .map(|(_, bytes)| String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    /// Runs it for its exit code and answer, held in memory.
    pub fn answer(self) -> Result<(i32, Vec<u8>), StepError> {
        self.stream(|output| {
            let mut bytes = Vec::new();
            output
                .take(ANSWER_LIMIT + 1)
                .read_to_end(&mut bytes)
                .map_err(StepError::io("read git's answer"))?;
            if bytes.len() as u64 > ANSWER_LIMIT {
                let why = format!("git answered more than {ANSWER_LIMIT} bytes; the repository is too large");
                return Err(StepError::lasting("GitOutputTooLarge", why));
            }
            Ok(bytes)
        })
    }

    /// Runs it and reads its answer while it comes. Everything that the call started has ended on return.
    pub fn stream<T>(
        mut self,
        consume: impl FnOnce(&mut dyn BufRead) -> Result<T, StepError>,
    ) -> Result<(i32, T), StepError> {
        let is_option = |word: &&String| word.starts_with('-') || word.contains('=');
        let name = self.words.iter().find(|w| !is_option(w)).cloned().unwrap_or_default();
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self
            .bounds
            .start(|| self.command.spawn())
            .map_err(StepError::io("start git (is it installed and on the PATH?)"))?;
        let ended = attend(&mut child, &self.bounds, self.input.take(), consume);
        let large = |(folder, most): &(PathBuf, u64)| bytes_below(folder, *most) > *most;
        match (ended.code, ended.consumed) {
            _ if ended.passed == Some(Passed::Disk) || self.bounds.disk.as_ref().is_some_and(large) => {
                let most = self.bounds.disk.map_or(0, |(_, most)| most);
                let why = format!("git {name} was ended at {most} bytes on disk (--git-max-repo-bytes)");
                Err(StepError::lasting("RepoTooLarge", why))
            }
            (Some(code), Ok(value)) if self.accepted.contains(&code) => Ok((code, value)),
            _ if ended.passed == Some(Passed::Time) => {
                let limit = self.bounds.timeout.as_secs();
                let why = format!("git {name} took longer than {limit} s and was ended (--git-timeout)");
                Err(StepError::passing("GitTimedOut", why))
            }
            (_, Err(error)) => Err(error),
            (code, Ok(_)) => {
                let code = code.map_or("a signal".to_owned(), |c| format!("exit code {c}"));
                let why = format!("git {name} ended with {code}: {}", in_one_line(&ended.messages));
                Err(StepError::told("GitFailed", why))
            }
        }
    }
}

struct Ended<T> {
    code: Option<i32>,
    consumed: Result<T, StepError>,
    messages: Vec<u8>,
    passed: Option<Passed>,
}

/// Feeds, reads and reaps the child. The group is only signalled while its leader is not reaped, so that the number
/// cannot mean somebody else.
fn attend<T>(
    child: &mut Child,
    bounds: &Bounds,
    input: Option<Vec<u8>>,
    consume: impl FnOnce(&mut dyn BufRead) -> Result<T, StepError>,
) -> Ended<T> {
    let group = Pid::from_child(child);
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let limited = bounds.limit_memory(group);
    let (over, wait_for_end) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let guard = scope.spawn(move || bounds.keep(&wait_for_end, group));
        scope.spawn(move || match (stdin, input) {
            (Some(mut pipe), Some(bytes)) => drop(pipe.write_all(&bytes)),
            (pipe, _) => drop(pipe),
        });
        let messages = scope.spawn(move || stderr.map(read_messages).unwrap_or_default());
        let consumed = match (limited, stdout) {
            (Err(e), _) => Err(StepError::io("bound git's memory")(e)),
            (Ok(()), Some(pipe)) => consume(&mut BufReader::with_capacity(64 * 1024, pipe)),
            (Ok(()), None) => consume(&mut std::io::empty()),
        };
        if consumed.is_err() {
            end_group(group);
        }
        let awaited =
            rustix::io::retry_on_intr(|| waitid(WaitId::Pid(group), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
        drop(over);
        let passed = guard.join().unwrap_or(Some(Passed::Time));
        if awaited.is_ok() {
            end_group(group);
        }
        let code = child.wait().ok().and_then(|status| status.code());
        Ended {
            code,
            consumed,
            messages: messages.join().unwrap_or_default(),
            passed,
        }
    })
}

fn end_group(group: Pid) {
    let _ = kill_process_group(group, Signal::KILL);
}

fn read_messages(mut pipe: impl Read) -> Vec<u8> {
    let mut kept = Vec::new();
    let _ = pipe.by_ref().take(MESSAGES_KEPT).read_to_end(&mut kept);
    let _ = std::io::copy(&mut pipe, &mut std::io::sink());
    kept
}

/// Messages fit for a status: one line of at most 400 characters without control characters.
fn in_one_line(messages: &[u8]) -> String {
    let text = String::from_utf8_lossy(messages);
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect::<Vec<_>>()
        .join("; ");
    lines
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(400)
        .collect()
}

#[cfg(test)]
mod tests;
