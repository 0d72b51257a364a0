//! Goes through a folder on disk without following links, and collects what a snapshot or a search needs.
//! Changes nothing.

use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::find::Candidate;
use super::frontmatter::{FrontPage, HEAD_LIMIT, front_page};
use super::revision::{Contents, FileMode, digest};
use crate::adapters::git::still::is_git;
use crate::adapters::nofollow::{Folder, Kind};
use crate::ports::executor::StepError;

/// Deepest nesting that is followed; deeper trees are refused, for each level keeps a file descriptor open.
const DEPTH: usize = 100;

/// One entry that is no folder.
pub struct Found<'a> {
    /// The open folder that it is in, and its path from where the walk began.
    pub parent: &'a Folder,
    pub path: &'a Path,
    pub kind: Kind,
}

/// Visits every entry that is no folder, in byte order of names; git's own folders are passed by.
pub fn walk(folder: &Folder, visit: &mut dyn FnMut(Found<'_>) -> Result<(), StepError>) -> Result<(), StepError> {
    level(folder, Path::new(""), 0, visit)
}

fn level(
    folder: &Folder,
    prefix: &Path,
    depth: usize,
    visit: &mut dyn FnMut(Found<'_>) -> Result<(), StepError>,
) -> Result<(), StepError> {
    let what = |path: &Path| StepError::io(format!("look at \"{}\"", path.display()));
    if depth > DEPTH {
        let why = format!("\"{}\" is nested more than {DEPTH} folders deep", prefix.display());
        return Err(StepError::lasting("SeedLimitExceeded", why));
    }
    for name in folder.names().map_err(what(prefix))? {
        let path = prefix.join(&name);
        match folder.kind(&name).map_err(what(&path))? {
            None => {}
            Some(_) if is_git(&name) => {}
            Some(Kind::Folder) => {
                let below = folder.folder(&name).map_err(what(&path))?;
                level(&below, &path, depth + 1, visit)?;
            }
            Some(kind) => visit(Found {
                parent: folder,
                path: &path,
                kind,
            })?,
        }
    }
    Ok(())
}

/// The front pages below `docs` of a repository's folder. A docs folder that is not there has none.
pub fn front_pages(repository: &Folder, docs: &Path) -> Result<Vec<Candidate>, StepError> {
    let folder = repository.find(docs).map_err(|e| {
        let why = format!(
            "the documents' folder \"{}\" cannot be opened: {e}; it must be a real folder",
            docs.display()
        );
        StepError::lasting("DocsPathUnusable", why)
    })?;
    let Some(folder) = folder else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    walk(&folder, &mut |entry| {
        let directory = entry.path.parent().unwrap_or(Path::new(""));
        let is_page = entry.path.file_name().is_some_and(|name| name == "index.md");
        if is_page && !directory.as_os_str().is_empty() && matches!(entry.kind, Kind::File { .. }) {
            let mut beginning = Vec::new();
            let read = entry
                .parent
                .file("index.md")
                .and_then(|f| f.take(HEAD_LIMIT as u64).read_to_end(&mut beginning));
            read.map_err(StepError::io(format!("read \"{}\"", entry.path.display())))?;
            remember(&mut found, docs.join(directory), front_page(&beginning));
        }
        Ok(())
    })?;
    Ok(found)
}

/// Adds a page unless it is none.
pub fn remember(found: &mut Vec<Candidate>, directory: std::path::PathBuf, page: FrontPage) {
    if page != FrontPage::No {
        found.push(Candidate { directory, page });
    }
}

/// Everything in a folder. Special files count as something that no source ever holds, and so does a file that would
/// bring what is read above `most` bytes: it may be a sparse one that nobody can read to its end.
pub fn snapshot(folder: &Folder, most: u64) -> Result<Contents, StepError> {
    let mut contents = Contents::default();
    walk(folder, &mut |entry| {
        let name = entry.path.file_name().unwrap_or_default();
        let what = || StepError::io(format!("read \"{}\"", entry.path.display()));
        match entry.kind {
            Kind::File { bytes, .. } if contents.bytes.saturating_add(bytes) > most => {
                contents.add(entry.path, FileMode::Link, digest(b"\0unread"), bytes);
                contents.unread = true;
            }
            Kind::File { executable, .. } => {
                let mode = if executable {
                    FileMode::Executable
                } else {
                    FileMode::Plain
                };
                let mut hash = Sha256::new();
                let mut file = entry.parent.file(name).map_err(what())?.take(most);
                let bytes = std::io::copy(&mut file, &mut hash).map_err(what())?;
                contents.add(entry.path, mode, hash.finalize().into(), bytes);
            }
            Kind::Link => {
                let target = entry.parent.link_target(name).map_err(what())?;
                let target = target.as_encoded_bytes();
                contents.add(entry.path, FileMode::Link, digest(target), target.len() as u64);
            }
            Kind::Special | Kind::Folder => contents.add(entry.path, FileMode::Link, digest(b"\0special"), 0),
        }
        Ok(())
    })?;
    Ok(contents)
}
