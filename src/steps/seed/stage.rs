//! The folder beside the destination that the documents are copied into, within limits, before they are exchanged.
//! What it writes is new files of mode 0644 or 0755 and links that stay inside; it never looks at the destination.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::links::stays_inside;
use super::revision::{Contents, FileMode, digest};
use crate::adapters::git::still::is_git;
use crate::adapters::nofollow::Folder;
use crate::kernel::moment::Moment;
use crate::ports::executor::StepError;
use crate::ports::workspaces::SeedLimits;
use crate::steps::context::StepContext;

/// How many left-out entries are named in the outcome.
const SKIPPED_NAMED: usize = 16;
/// Size of the buffer that contents pass through.
const BUFFER: usize = 64 * 1024;

/// A copy being made.
pub struct Stage<'a> {
    folder: Folder,
    limits: SeedLimits,
    context: &'a mut StepContext,
    /// How many files the source is known to hold, for words of progress.
    expected: Option<u64>,
    contents: Contents,
    skipped: Vec<String>,
    /// The folder that was written to last: files come folder by folder.
    last: Option<(PathBuf, Folder)>,
    buffer: Vec<u8>,
}

/// A finished copy.
pub struct Staged {
    pub contents: Contents,
    /// Entries that were left out, with the reason; a bounded list.
    pub skipped: Vec<String>,
}

impl<'a> Stage<'a> {
    /// Begins a copy in an empty folder.
    pub fn new(folder: Folder, limits: SeedLimits, expected: Option<u64>, context: &'a mut StepContext) -> Self {
        Self {
            folder,
            limits,
            context,
            expected,
            contents: Contents::default(),
            skipped: Vec::new(),
            last: None,
            buffer: vec![0; BUFFER],
        }
    }

    /// Copies one file of exactly `bytes` bytes, or of as many as come.
    pub fn file(&mut self, path: &Path, executable: bool, bytes: u64, from: &mut dyn Read) -> Result<(), StepError> {
        if !self.admit(path)? {
            return drain(from);
        }
        self.admit_bytes(path, bytes)?;
        let what = || StepError::io(format!("copy \"{}\"", path.display()));
        let (parent, name) = self.parent(path)?;
        let mut file = parent
            .create(name, if executable { 0o755 } else { 0o644 })
            .map_err(what())?;
        let (mut hash, mut copied) = (Sha256::new(), 0);
        loop {
            let read = from.read(&mut self.buffer).map_err(what())?;
            if read == 0 {
                break;
            }
            copied += read as u64;
            if copied > bytes {
                self.admit_bytes(path, copied)?;
            }
            hash.update(&self.buffer[..read]);
            file.write_all(&self.buffer[..read]).map_err(what())?;
        }
        let mode = if executable {
            FileMode::Executable
        } else {
            FileMode::Plain
        };
        self.contents.add(path, mode, hash.finalize().into(), copied);
        self.tell();
        Ok(())
    }

    /// Copies one link, or leaves it out.
    pub fn link(&mut self, path: &Path, target: &OsStr) -> Result<(), StepError> {
        if !stays_inside(path, target) {
            self.skip(path, "a link that leads out of the ticket's folder");
            return Ok(());
        }
        if !self.admit(path)? {
            return Ok(());
        }
        let (parent, name) = self.parent(path)?;
        parent
            .link(name, target)
            .map_err(StepError::io(format!("copy the link \"{}\"", path.display())))?;
        let target = target.as_encoded_bytes();
        self.contents
            .add(path, FileMode::Link, digest(target), target.len() as u64);
        Ok(())
    }

    /// Leaves an entry out and says why.
    pub fn skip(&mut self, path: &Path, why: &str) {
        if self.skipped.len() < SKIPPED_NAMED {
            self.skipped.push(format!("\"{}\": {why}", path.display()));
        }
    }

    /// When the step began.
    pub fn now(&self) -> Moment {
        self.context.now
    }

    /// What was copied.
    pub fn finish(mut self) -> Staged {
        self.context.tell_next();
        self.tell();
        Staged {
            contents: self.contents,
            skipped: self.skipped,
        }
    }

    fn parent<'p>(&mut self, path: &'p Path) -> Result<(&Folder, &'p OsStr), StepError> {
        let what = || StepError::io(format!("make the folder of \"{}\"", path.display()));
        let name = path
            .file_name()
            .ok_or_else(|| what()(std::io::Error::other("it has no name")))?;
        let parent = path.parent().unwrap_or(Path::new(""));
        let known = self.last.take().filter(|(last, _)| last == parent);
        let (_, folder) = self.last.insert(match known {
            Some(known) => known,
            None => (parent.to_owned(), self.folder.make(parent).map_err(what())?),
        });
        Ok((folder, name))
    }

    fn admit(&mut self, path: &Path) -> Result<bool, StepError> {
        let names: Vec<&OsStr> = path.iter().collect();
        if names.iter().any(|name| is_git(name)) {
            self.skip(path, "git's own folder");
            return Ok(false);
        }
        if names.len() > self.limits.max_depth as usize {
            return Err(self.exceeded("maxDepth", self.limits.max_depth.into(), path));
        }
        if names
            .iter()
            .any(|name| name.len() > self.limits.max_name_bytes as usize)
        {
            return Err(self.exceeded("maxNameBytes", self.limits.max_name_bytes.into(), path));
        }
        if self.contents.files() >= self.limits.max_files {
            return Err(self.exceeded("maxFiles", self.limits.max_files, path));
        }
        Ok(true)
    }

    fn admit_bytes(&self, path: &Path, bytes: u64) -> Result<(), StepError> {
        if bytes > self.limits.max_file_bytes {
            return Err(self.exceeded("maxFileBytes", self.limits.max_file_bytes, path));
        }
        if self.contents.bytes + bytes > self.limits.max_bytes {
            return Err(self.exceeded("maxBytes", self.limits.max_bytes, path));
        }
        Ok(())
    }

    fn exceeded(&self, limit: &str, value: u64, path: &Path) -> StepError {
        let why = format!(
            "the ticket's documents exceed the limit {limit} ({value}) at \"{}\"; take what does not belong out of the \
             ticket's folder, or ask an operator to raise the limit in the settings",
            path.display()
        );
        StepError::lasting("SeedLimitExceeded", why)
    }

    fn tell(&mut self) {
        let (copied, expected) = (self.contents.files(), self.expected);
        let bytes = self.contents.bytes;
        self.context.tell(|| match expected {
            Some(all) => format!("copied {copied} of {all} files, {bytes} bytes"),
            None => format!("copied {copied} files, {bytes} bytes"),
        });
    }
}

fn drain(from: &mut dyn Read) -> Result<(), StepError> {
    std::io::copy(from, &mut std::io::sink())
        .map(drop)
        .map_err(StepError::io("read past an entry"))
}
