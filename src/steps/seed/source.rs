//! Where the documents are copied from: a commit in the cache, or a local repository's work tree as it is on disk.
//! Reads only; a commit is read object by object, so that no filter, attribute or checkout takes part.

use std::io::{BufRead, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::find::Candidate;
use super::frontmatter::{HEAD_LIMIT, front_page};
use super::stage::Stage;
use super::walk::{front_pages, remember, walk};
use crate::adapters::git::cache::Cache;
use crate::adapters::git::call::GitCall;
use crate::adapters::nofollow::{Folder, Kind};
use crate::ports::executor::StepError;
use crate::ports::secrets::StepSecrets;
use crate::ports::workspaces::{SeedPlan, SeedSource};

/// Longest target of a symbolic link that is read, as on Linux.
const LINK_LIMIT: u64 = 4096;

/// One entry of a commit's tree.
pub struct TreeEntry {
    mode: String,
    id: String,
    path: PathBuf,
}

/// Given an entry, the size of its content, and the content.
type VisitBlob<'v> = dyn FnMut(&TreeEntry, u64, &mut dyn Read) -> Result<(), StepError> + 'v;

/// A source, opened once.
pub enum Source<'a> {
    Commit {
        cache: Cache<'a>,
        commit: String,
        entries: Vec<TreeEntry>,
    },
    WorkingTree {
        folder: Folder,
        commit: Option<String>,
    },
}

impl<'a> Source<'a> {
    /// Opens the source: fetches the cache and lists the commit, or opens the folder.
    pub fn open(plan: &'a SeedPlan, docs: &Path, secrets: &StepSecrets) -> Result<Self, StepError> {
        let cache = Cache::of(&plan.cache_root, &plan.namespace, &plan.home, &plan.rules)?;
        match &plan.source {
            SeedSource::Commit { git_ref } => {
                cache.fetch(secrets)?;
                let commit = cache.resolve(git_ref)?.ok_or_else(|| {
                    let why = format!(
                        "the doc home {} has no branch, tag or commit \"{git_ref}\"",
                        plan.home.url
                    );
                    StepError::passing("SeedRefNotFound", why)
                })?;
                let entries = list(&cache, &commit, docs)?;
                Ok(Self::Commit { cache, commit, entries })
            }
            SeedSource::WorkingTree => {
                let Some(path) = &cache.remote().path else {
                    let why = format!(
                        "docSeedFrom: WorkingTree needs a local repository, \"{}\" is none",
                        plan.home.url
                    );
                    return Err(StepError::lasting("WorkingTreeNotLocal", why));
                };
                let folder = Folder::open_trusted(path).map_err(StepError::io("open the doc home's folder"))?;
                let head = GitCall::new(&plan.rules, None)
                    .env("GIT_CEILING_DIRECTORIES", "/")
                    .within(path);
                let head = head
                    .args(&["rev-parse", "--verify", "--quiet", "HEAD"])
                    .accept(&[0, 1])
                    .line()?;
                Ok(Self::WorkingTree {
                    folder,
                    commit: Some(head).filter(|id| !id.is_empty()),
                })
            }
        }
    }

    /// The commit that the documents come from, or that the work tree stands on.
    pub fn commit(&self) -> Option<&str> {
        match self {
            Self::Commit { commit, .. } => Some(commit),
            Self::WorkingTree { commit, .. } => commit.as_deref(),
        }
    }

    /// In words, for messages.
    pub fn place(&self) -> String {
        match self {
            Self::Commit { commit, .. } => format!("the doc home's commit {commit:.12}"),
            Self::WorkingTree { .. } => "the doc home's working tree".to_owned(),
        }
    }

    /// Every front page below the docs folder.
    pub fn front_pages(&self, docs: &Path) -> Result<Vec<Candidate>, StepError> {
        match self {
            Self::WorkingTree { folder, .. } => front_pages(folder, docs),
            Self::Commit { cache, entries, .. } => {
                let is_page = |e: &&TreeEntry| e.mode.starts_with("100") && e.path.ends_with("index.md");
                let pages: Vec<&TreeEntry> = entries.iter().filter(is_page).collect();
                let mut found = Vec::new();
                read_blobs(cache, &pages, &mut |entry, _, content| {
                    let mut beginning = Vec::new();
                    let read = content.take(HEAD_LIMIT as u64).read_to_end(&mut beginning);
                    read.map_err(StepError::io("read a front page"))?;
                    let directory = entry.path.parent().unwrap_or(Path::new(""));
                    if directory != docs {
                        remember(&mut found, directory.to_owned(), front_page(&beginning));
                    }
                    Ok(())
                })?;
                Ok(found)
            }
        }
    }

    /// How many files a folder holds, where that is known beforehand.
    pub fn count(&self, directory: &Path) -> Option<u64> {
        match self {
            Self::Commit { entries, .. } => {
                Some(entries.iter().filter(|e| e.path.starts_with(directory)).count() as u64)
            }
            Self::WorkingTree { .. } => None,
        }
    }

    /// Copies the ticket's folder into the stage.
    pub fn copy(&self, directory: &Path, stage: &mut Stage<'_>) -> Result<(), StepError> {
        match self {
            Self::WorkingTree { folder, .. } => {
                let what = StepError::io(format!("open \"{}\"", directory.display()));
                copy_from_disk(&folder.descend(directory).map_err(what)?, stage)
            }
            Self::Commit { cache, entries, .. } => {
                let inside = |e: &&TreeEntry| e.path.starts_with(directory);
                let entries: Vec<&TreeEntry> = entries.iter().filter(inside).collect();
                copy_from_commit(cache, &entries, directory, stage)
            }
        }
    }
}

fn copy_from_disk(folder: &Folder, stage: &mut Stage<'_>) -> Result<(), StepError> {
    walk(folder, &mut |entry| {
        let name = entry.path.file_name().unwrap_or_default();
        let what = || StepError::io(format!("read \"{}\"", entry.path.display()));
        match entry.kind {
            Kind::File { executable, bytes } => {
                let mut file = entry.parent.file(name).map_err(what())?;
                stage.file(entry.path, executable, bytes, &mut file)
            }
            Kind::Link => stage.link(entry.path, &entry.parent.link_target(name).map_err(what())?),
            Kind::Special | Kind::Folder => {
                stage.skip(entry.path, "a pipe, socket or device");
                Ok(())
            }
        }
    })
}

fn copy_from_commit(
    cache: &Cache<'_>,
    entries: &[&TreeEntry],
    directory: &Path,
    stage: &mut Stage<'_>,
) -> Result<(), StepError> {
    let relative = |entry: &TreeEntry| entry.path.strip_prefix(directory).unwrap_or(&entry.path).to_owned();
    let (blobs, others): (Vec<&TreeEntry>, Vec<&TreeEntry>) = entries
        .iter()
        .partition(|e| e.mode.starts_with("100") || e.mode == "120000");
    for entry in others {
        stage.skip(&relative(entry), "a submodule");
    }
    read_blobs(cache, &blobs, &mut |entry, bytes, content| {
        let path = relative(entry);
        if entry.mode != "120000" {
            return stage.file(&path, entry.mode == "100755", bytes, content);
        }
        let mut target = Vec::new();
        let read = content.take(LINK_LIMIT).read_to_end(&mut target);
        read.map_err(StepError::io(format!("read the link \"{}\"", path.display())))?;
        stage.link(&path, &std::ffi::OsString::from_vec(target))
    })
}

fn list(cache: &Cache<'_>, commit: &str, docs: &Path) -> Result<Vec<TreeEntry>, StepError> {
    let mut call = cache
        .call(None)
        .args(&["ls-tree", "-r", "-z", "--full-tree"])
        .operands([commit])
        .args(&["--"]);
    if !docs.as_os_str().is_empty() {
        call = call.operands([docs]);
    }
    let (_, answer) = call.answer()?;
    let mut entries = Vec::new();
    for record in answer.split(|byte| *byte == 0).filter(|record| !record.is_empty()) {
        let tab = record.iter().position(|byte| *byte == b'\t').unwrap_or(record.len());
        let head = String::from_utf8_lossy(&record[..tab]);
        let [mode, _, id] = head.split(' ').collect::<Vec<_>>()[..] else {
            return Err(StepError::passing(
                "GitFailed",
                "git ls-tree answered in an unknown form",
            ));
        };
        let path = std::ffi::OsString::from_vec(record.get(tab + 1..).unwrap_or_default().to_vec());
        entries.push(TreeEntry {
            mode: mode.to_owned(),
            id: id.to_owned(),
            path: path.into(),
        });
    }
    Ok(entries)
}

/// Hands every blob's size and content to `visit`, in order, through one process.
fn read_blobs(cache: &Cache<'_>, entries: &[&TreeEntry], visit: &mut VisitBlob<'_>) -> Result<(), StepError> {
    if entries.is_empty() {
        return Ok(());
    }
    let wanted: String = entries.iter().map(|entry| format!("{}\n", entry.id)).collect();
    let odd = || StepError::passing("GitFailed", "git cat-file answered in an unknown form");
    let call = cache
        .call(None)
        .args(&["cat-file", "--batch"])
        .input(wanted.into_bytes());
    call.stream(|output| {
        for entry in entries {
            let mut head = String::new();
            output
                .take(256)
                .read_line(&mut head)
                .map_err(StepError::io("read git's answer"))?;
            let [id, "blob", bytes] = head.split_whitespace().collect::<Vec<_>>()[..] else {
                return Err(odd());
            };
            let bytes: u64 = bytes.parse().ok().filter(|_| id == entry.id).ok_or_else(odd)?;
            let mut content = output.take(bytes);
            visit(entry, bytes, &mut content)?;
            let rest = std::io::copy(&mut content, &mut std::io::sink());
            rest.map_err(StepError::io("read git's answer"))?;
            let mut end = [0];
            output
                .read_exact(&mut end)
                .map_err(StepError::io("read git's answer"))?;
        }
        Ok(())
    })?;
    Ok(())
}
