//! The ticket's folder in the workspace's clone: what it holds, the exchange with the staged copy, and the commit.
//! The order of effects is: copy staged, written down, flushed, exchanged, committed, index, settled. An attempt that
//! follows a crash anywhere in between comes to the same end.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::revision::Contents;
use super::walk::snapshot;
use crate::adapters::git::isolated::Isolated;
use crate::adapters::git::refs;
use crate::adapters::nofollow::{Folder, Kind};
use crate::ports::executor::StepError;
use crate::ports::workspaces::SeedPlan;
use crate::steps::clones::CloneOnDisk;
use crate::steps::context::{StepContext, boundary};
use crate::steps::workspace::Workspace;

/// The copy being made, in `.metawsm`; after an exchange it is the old folder.
pub const STAGE: &str = "stage";
/// The old folder, where the file system cannot exchange.
pub(super) const STAGE_OLD: &str = "stage-old";
/// What was put into the clone last.
const RECORD: &str = "seed.json";
/// Longest record that is read.
const RECORD_LIMIT: u64 = 64 * 1024;

/// What the last attempt put into the clone, written before it did.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    pub revision: String,
    /// Whether it was also committed.
    pub settled: bool,
    /// The branch's commit that held it then: another clone in the folder's place does not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// The exchange that was about to happen, until somebody looked how it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<Exchange>,
}

/// What an exchange was to replace.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    pub directory: PathBuf,
    /// The revision that was judged; `None` where nothing was.
    pub old: Option<String>,
}

/// The clone of the doc home, ready to be written to.
pub struct Destination<'a> {
    plan: &'a SeedPlan,
    pub(super) workspace: Workspace,
    pub clone: CloneOnDisk,
    git: Isolated<'a>,
    head: String,
}

impl<'a> Destination<'a> {
    /// Opens the workspace's clone, which must stand on the workspace's branch.
    pub fn open(plan: &'a SeedPlan, context: &StepContext) -> Result<Self, StepError> {
        let workspace = Workspace::open(&plan.folder, &plan.owner_uid)?;
        let not_ready = |why: String| {
            StepError::passing(
                "WorkspaceNotReady",
                format!("the clone \"{}\" cannot be seeded: {why}", plan.home.name),
            )
        };
        let clone = CloneOnDisk::open(&workspace.folder, &plan.home.name).map_err(not_ready)?;
        if let Some(problem) = clone.problem_on(&plan.branch) {
            return Err(not_ready(problem));
        }
        let head = clone
            .head
            .commit
            .clone()
            .ok_or_else(|| not_ready("its branch has no commit".to_owned()))?;
        let path = workspace.path().join(&plan.home.name);
        let git = Isolated::over(context.scratch(), &path, &head, &plan.rules)?;
        Ok(Self {
            plan,
            workspace,
            clone,
            git,
            head,
        })
    }

    /// An empty folder to copy into; what an earlier attempt left is removed.
    pub fn empty_stage(&self) -> Result<Folder, StepError> {
        let private = &self.workspace.private;
        private
            .remove(STAGE)
            .and_then(|()| private.remove(STAGE_OLD))
            .and_then(|()| private.make(Path::new(STAGE)))
            .map_err(StepError::io("make room for the copy"))
    }

    /// What the last attempt wrote down.
    pub fn record(&self) -> Result<Option<Record>, StepError> {
        let bytes = self
            .workspace
            .private
            .read(RECORD, RECORD_LIMIT)
            .map_err(StepError::io("read the last seed"))?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    pub(super) fn write_record(&self, record: &Record) -> Result<(), StepError> {
        let what = StepError::io("write down the seed");
        let text = serde_json::to_vec(record).map_err(|e| StepError::passing("StepIoFailed", e.to_string()))?;
        self.workspace.private.write_whole(RECORD, &text).map_err(what)
    }

    /// The revision of the folder, with its counts; `None` if nothing is there.
    pub fn contents(&self, directory: &Path) -> Result<Option<Contents>, StepError> {
        let unusable = |e: std::io::Error| {
            let why = format!("\"{}\" in the workspace is no real folder: {e}", directory.display());
            StepError::lasting("DocsPathUnusable", why)
        };
        match self.clone.work_tree.find(directory).map_err(unusable)? {
            Some(folder) => snapshot(&folder, self.plan.limits.max_bytes).map(Some),
            None => Ok(None),
        }
    }

    /// Whether the folder is what the base commit holds there. Compared as git would commit it, so that line ends that
    /// the checkout converted make no difference.
    pub fn equals_base(&self, directory: &Path, there: Option<&Contents>) -> Result<bool, StepError> {
        let base = self.git.tree_of(&self.plan.base_commit, directory)?;
        let Some(there) = there else {
            return Ok(base.is_none());
        };
        // Git would read all of it; converted line ends make a text at most twice as long.
        if there.unread && there.bytes > self.git.bytes_of(&self.plan.base_commit, directory)?.saturating_mul(2) {
            return Ok(false);
        }
        let most = self.plan.limits.max_bytes.max(there.bytes).saturating_mul(2);
        match self.git.tree_on_disk(&self.clone.work_tree, directory, most) {
            Err(error) if error.reason == "GitFailed" => Ok(false),
            other => Ok(other? == base),
        }
    }

    /// Whether the branch still builds on a commit.
    pub fn is_in_history(&self, commit: Option<&str>) -> Result<bool, StepError> {
        commit.map_or(Ok(false), |commit| self.git.builds_on(commit))
    }

    /// Refuses a folder that git would not show to anybody.
    pub fn refuse_ignored(&self, directory: &Path) -> Result<(), StepError> {
        if !self.git.ignores(&directory.join("index.md"))? {
            return Ok(());
        }
        let why = format!(
            "\"{}\" is ignored by the .gitignore of repository \"{}\", so the ticket's documents could not be committed; \
             take the rule away or choose another docHomeRepo",
            directory.display(),
            self.plan.home.name
        );
        Err(StepError::lasting("DocsIgnoredByGit", why))
    }

    /// Puts the staged copy in the folder's place. `old`: the revision that was judged; if the folder changed since, it
    /// is put back and the answer is `false`.
    pub fn exchange(&self, directory: &Path, revision: &str, old: Option<&str>) -> Result<bool, StepError> {
        let what = || StepError::io(format!("put \"{}\" in place", directory.display()));
        let private = &self.workspace.private;
        self.write_record(&Record {
            revision: revision.to_owned(),
            settled: false,
            head: None,
            exchange: Some(Exchange {
                directory: directory.to_owned(),
                old: old.map(str::to_owned),
            }),
        })?;
        private.sync_file_system().map_err(what())?;
        boundary("step.seed.before_exchange");
        let parent = self
            .clone
            .work_tree
            .make(directory.parent().unwrap_or(Path::new("")))
            .map_err(what())?;
        let name = directory
            .file_name()
            .ok_or_else(|| what()(std::io::Error::other("it has no name")))?;
        if parent.kind(name).map_err(what())? != Some(Kind::Folder) {
            private.rename(STAGE, &parent, name).map_err(what())?;
        } else if private.exchange(STAGE, &parent, name).map_err(what())? {
            boundary("step.seed.unverified");
            if self.revision_in(STAGE)?.as_deref() != old {
                private.exchange(STAGE, &parent, name).map_err(what())?;
                return self.finish_exchange().map(|()| false);
            }
        } else {
            parent.rename(name, private, STAGE_OLD).map_err(what())?;
            boundary("step.seed.between_renames");
            if self.revision_in(STAGE_OLD)?.as_deref() != old {
                private.rename(STAGE_OLD, &parent, name).map_err(what())?;
                return self.finish_exchange().map(|()| false);
            }
            private.rename(STAGE, &parent, name).map_err(what())?;
        }
        boundary("step.seed.after_exchange");
        Ok(true)
    }

    /// The revision of a folder in `.metawsm`; `None` if it is not there.
    pub(super) fn revision_in(&self, name: &str) -> Result<Option<String>, StepError> {
        let what = StepError::io(format!("look into \"{name}\""));
        match self.workspace.private.find(Path::new(name)).map_err(what)? {
            Some(folder) => Ok(Some(snapshot(&folder, self.plan.limits.max_bytes)?.revision())),
            None => Ok(None),
        }
    }

    /// Removes a copy that is not needed; not one that may be the old folder with somebody's words in it.
    pub fn discard_stage(&self) {
        if self
            .record()
            .is_ok_and(|record| record.is_none_or(|r| r.exchange.is_none()))
        {
            let _ = self.workspace.private.remove(STAGE);
        }
    }

    /// Commits the folder on the workspace's branch where that changes anything, and brings the index up to date.
    pub fn settle(&self, directory: &Path, revision: &str, message: &str) -> Result<Option<String>, StepError> {
        let interrupted = self.record()?.is_some_and(|record| !record.settled);
        let most = self.plan.limits.max_bytes.saturating_mul(2);
        let commit = self.git.commit(&self.clone.work_tree, directory, most, message)?;
        if let Some(commit) = &commit {
            self.git.publish(&self.clone.git)?;
            boundary("step.seed.before_commit");
            refs::advance(&self.clone.git, &self.plan.branch, &self.head, commit).map_err(StepError::io_as(
                "WorkspaceBusy",
                format!("commit on \"{}\"", self.plan.branch),
            ))?;
            boundary("step.seed.after_commit");
        }
        if commit.is_some() || interrupted {
            refs::drop_stale_lock(&self.clone.git, "index.lock").map_err(StepError::io("look at the index's lock"))?;
            self.git.update_index(directory)?;
        }
        self.write_record(&Record {
            revision: revision.to_owned(),
            settled: true,
            head: commit.clone().or_else(|| Some(self.head.clone())),
            exchange: None,
        })?;
        let private = &self.workspace.private;
        private
            .remove(STAGE)
            .and_then(|()| private.remove(STAGE_OLD))
            .map_err(StepError::io("remove the old copy"))?;
        let made_before = interrupted && self.head != self.plan.base_commit;
        Ok(commit.or_else(|| made_before.then(|| self.head.clone())))
    }

    /// Where the ticket's documents lie in the workspace, if it has any.
    pub fn front_pages(&self, docs: &Path) -> Result<Vec<super::find::Candidate>, StepError> {
        super::walk::front_pages(&self.clone.work_tree, docs)
    }

    /// The clone, in words.
    pub fn place(&self) -> String {
        format!("the workspace's clone \"{}\"", self.plan.home.name)
    }

    /// The path of a folder in the clone, for messages.
    pub fn shown(&self, directory: &Path) -> PathBuf {
        self.workspace.path().join(&self.plan.home.name).join(directory)
    }
}
