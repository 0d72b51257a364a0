//! Git over the work tree of a clone with a git dir of our own: own configuration, own index, no hooks, no exclude file.
//! `core.fsmonitor`, `filter.*` and hooks in the clone's configuration would run an agent's code; here they are not read.
//! The clone's objects are read as alternates; only [`Isolated::publish`] writes into the clone's object store.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::call::GitCall;
use super::still;
use super::{COMMITTER_EMAIL, COMMITTER_NAME};
use crate::adapters::nofollow::Folder;
use crate::ports::executor::StepError;
use crate::ports::workspaces::GitRules;

/// New blobs go into one pack, not into a file each: ten thousand of them are one file to copy and to flush.
const ONE_PACK: &[&str] = &["-c", "core.bigFileThreshold=1", "-c", "core.compression=1"];

/// Where the copy that git reads lies in the git dir.
const STILL: &str = "still";

/// Tells apart the git dirs that one process makes.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A temporary git dir over somebody's work tree; removed when dropped.
pub struct Isolated<'a> {
    git_dir: PathBuf,
    work_tree: PathBuf,
    head: String,
    rules: &'a GitRules,
}

impl<'a> Isolated<'a> {
    /// `scratch`: a folder that agents cannot write to. `clone`: its `.git/objects` must be known to be a real folder.
    /// The index is that of `head`, never the clone's own.
    pub fn over(scratch: &Path, clone: &Path, head: &str, rules: &'a GitRules) -> Result<Self, StepError> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let git_dir = scratch.join(format!("git-{}-{number}", std::process::id()));
        let here = Self {
            git_dir,
            work_tree: clone.to_owned(),
            head: head.to_owned(),
            rules,
        };
        here.write_git_dir()
            .map_err(StepError::io("make a temporary git dir"))?;
        here.call().args(&["read-tree"]).operands([head]).line()?;
        Ok(here)
    }

    fn write_git_dir(&self) -> io::Result<()> {
        fs::create_dir_all(self.git_dir.join("objects/info"))?;
        fs::create_dir_all(self.git_dir.join("refs"))?;
        let (version, format) = if self.head.len() == 64 {
            (1, "[extensions]\n\tobjectFormat = sha256\n")
        } else {
            (0, "")
        };
        fs::write(
            self.git_dir.join("config"),
            format!("[core]\n\trepositoryFormatVersion = {version}\n{format}"),
        )?;
        fs::write(self.git_dir.join("HEAD"), format!("{}\n", self.head))?;
        let objects = format!("{}\n", self.objects().display());
        fs::write(self.git_dir.join("objects/info/alternates"), objects)
    }

    fn objects(&self) -> PathBuf {
        self.work_tree.join(".git/objects")
    }

    fn call(&self) -> GitCall {
        GitCall::new(self.rules, None)
            .git_dir(&self.git_dir)
            .env("GIT_WORK_TREE", &self.work_tree)
            .env("GIT_INDEX_FILE", self.git_dir.join("index"))
            .within(&self.work_tree)
    }

    /// Whether anything differs from `head`: changed, staged and then changed, or untracked and not ignored by the
    /// tree's own `.gitignore` files. Submodules are looked at from outside only, for their own git would run.
    pub fn is_dirty(&self) -> Result<bool, StepError> {
        let (_, dirty) = self
            .call()
            .args(&[
                "status",
                "--porcelain",
                "-z",
                "--untracked-files=normal",
                "--ignore-submodules=dirty",
                "--no-renames",
            ])
            .stream(|output| {
                io::copy(&mut output.take(u64::MAX), &mut io::sink())
                    .map(|bytes| bytes > 0)
                    .map_err(StepError::io("read git's answer"))
            })?;
        Ok(dirty)
    }

    /// Whether a folder that `head` does not hold is ignored.
    pub fn ignores(&self, folder: &Path) -> Result<bool, StepError> {
        // This one command refuses literal pathspecs; the prefix keeps a leading `:` from being magic.
        let call = self
            .call()
            .env("GIT_LITERAL_PATHSPECS", "0")
            .args(&["check-ignore", "--quiet", "--"]);
        let (code, _) = call.operands([Path::new(".").join(folder)]).accept(&[0, 1]).answer()?;
        Ok(code == 0)
    }

    /// The tree that a commit holds at a folder.
    pub fn tree_of(&self, commit: &str, folder: &Path) -> Result<Option<String>, StepError> {
        let mut listing = self
            .call()
            .args(&["ls-tree", "-d", "-z", "--full-tree"])
            .operands([commit]);
        listing = listing.args(&["--"]).operands([folder]);
        let (_, answer) = listing.answer()?;
        let line = String::from_utf8_lossy(&answer);
        Ok(line.split_whitespace().nth(2).map(str::to_owned))
    }

    /// Whether `head` is the commit or builds on it; `false` also where the commit is not there.
    pub fn builds_on(&self, commit: &str) -> Result<bool, StepError> {
        let call = self.call().args(&["merge-base", "--is-ancestor"]);
        let call = call.operands([commit, self.head.as_str()]);
        let (code, _) = call.accept(&[0, 1, 128]).answer()?;
        Ok(code == 0)
    }

    /// How many bytes the files of a commit's folder have.
    pub fn bytes_of(&self, commit: &str, folder: &Path) -> Result<u64, StepError> {
        let listing = self
            .call()
            .args(&["ls-tree", "-r", "-z", "--full-tree", "--format=%(objectsize)"]);
        let (_, answer) = listing.operands([commit]).args(&["--"]).operands([folder]).answer()?;
        let sizes = answer.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        Ok(sizes.filter_map(|size| size.trim().parse::<u64>().ok()).sum())
    }

    /// Takes the folder below `disk`, the work tree, into the index as it is, ignored files included. Git reads a copy of at
    /// most so many bytes, for whoever may write to the work tree could swap folders for links while it reads.
    fn add(&self, options: &[&str], disk: &Folder, folder: &Path, most: u64) -> Result<(), StepError> {
        let what = || StepError::io(format!("copy \"{}\" for git", folder.display()));
        let own = Folder::open_trusted(&self.git_dir).map_err(what())?;
        let copy = own.make(Path::new(STILL)).map_err(what())?;
        let copied = still::copy(disk, &copy, folder, most).map_err(what());
        let added = copied.and_then(|()| self.add_copy(options, folder));
        // Before anything is flushed: to remove what never reached the disk takes a tenth of the time.
        let removed = own.remove(STILL).map_err(what());
        added.and(removed)
    }

    fn add_copy(&self, options: &[&str], folder: &Path) -> Result<(), StepError> {
        let still = self.git_dir.join(STILL);
        let call = self.call().env("GIT_WORK_TREE", &still).within(&still).args(options);
        let call = call.args(&["add", "--all", "--force", "--"]);
        call.operands([folder]).line().map(drop)
    }

    /// The tree that the work tree's folder would be once committed, ignored files included. `disk`, `most`: as for
    /// [`Isolated::commit`].
    pub fn tree_on_disk(&self, disk: &Folder, folder: &Path, most: u64) -> Result<Option<String>, StepError> {
        // Nearly all of it is known to git, and what is known is found faster than packed.
        self.add(&[], disk, folder, most)?;
        let tree = self.call().args(&["write-tree"]).line()?;
        self.tree_of(&tree, folder)
    }

    /// Commits the folder as it is on disk on top of `head`, with nothing else that may be staged; `None` if that
    /// changes nothing. The commit exists only here until it is published. `disk`: the work tree, open. `most`: the bytes
    /// that the folder may have.
    pub fn commit(&self, disk: &Folder, folder: &Path, most: u64, message: &str) -> Result<Option<String>, StepError> {
        let call = || self.call();
        call().args(&["read-tree"]).operands([self.head.as_str()]).line()?;
        self.add(ONE_PACK, disk, folder, most)?;
        let tree = call().args(&["write-tree"]).line()?;
        let before = call()
            .args(&["rev-parse", "--verify"])
            .operands([format!("{}^{{tree}}", self.head)])
            .line()?;
        if tree == before {
            return Ok(None);
        }
        let commit = call()
            .args(&["commit-tree"])
            .operands([tree.as_str()])
            .args(&["-F", "-", "-p"]);
        commit
            .operands([self.head.as_str()])
            .input(message.as_bytes().to_vec())
            .line()
            .map(Some)
    }

    /// Copies the objects made here into the clone's store, through no link that somebody may have put there.
    pub fn publish(&self, git: &Folder) -> Result<(), StepError> {
        let what = || StepError::io("write objects into the clone");
        let own = Folder::open_trusted(&self.git_dir.join("objects")).map_err(what())?;
        for name in own.names().map_err(what())?.into_iter().filter(|name| name != "info") {
            let from = own.folder(&name).map_err(what())?;
            let to = git.make(&Path::new("objects").join(&name)).map_err(what())?;
            // Backwards, so that a pack is there before its index.
            for object in from.names().map_err(what())?.into_iter().rev() {
                publish_object(&from, &to, &object).map_err(what())?;
            }
        }
        git.sync_file_system().map_err(what())
    }

    /// Brings the folder's entries in the clone's own index up to date, as `git add` would; other entries stay.
    pub fn update_index(&self, folder: &Path) -> Result<(), StepError> {
        let index = self.work_tree.join(".git/index");
        let call = || self.call().env("GIT_INDEX_FILE", &index);
        if !index.exists() {
            call().args(&["read-tree"]).operands([self.head.as_str()]).line()?;
        }
        call()
            .args(&["add", "--all", "--force", "--"])
            .operands([folder])
            .line()
            .map(drop)
    }

    /// How many commits can be reached from `tips` but not from `saved` and were not made by this controller.
    pub fn foreign_commits(&self, tips: &[String], saved: &[String]) -> Result<usize, StepError> {
        let revisions: String = tips
            .iter()
            .map(|id| format!("{id}\n"))
            .chain(saved.iter().map(|id| format!("^{id}\n")))
            .collect();
        let ours = format!("{COMMITTER_NAME} <{COMMITTER_EMAIL}>");
        let (_, answer) = self
            .call()
            .args(&["rev-list", "--no-commit-header", "--format=%cn <%ce>", "--stdin"])
            .input(revisions.into_bytes())
            .answer()?;
        Ok(String::from_utf8_lossy(&answer)
            .lines()
            .filter(|line| *line != ours)
            .count())
    }
}

fn publish_object(from: &Folder, to: &Folder, object: &OsStr) -> io::Result<()> {
    let temporary = format!("tmp_obj_{}", std::process::id());
    if to.kind(object)?.is_some() {
        return Ok(());
    }
    to.remove(&temporary)?;
    io::copy(&mut from.file(object)?, &mut to.create(&temporary, 0o444)?)?;
    match to.rename(&temporary, to, object) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => to.remove(&temporary),
        other => other,
    }
}

impl Drop for Isolated<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.git_dir);
    }
}
