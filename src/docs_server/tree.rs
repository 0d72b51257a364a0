//! Finds the documents below a folder, as docmgr does: every Markdown file but below `.meta` and `_…`. Reads their
//! beginnings, never through a link that leaves the folder, and never more than is allowed.

use std::io::{self, Read as _};
use std::path::Path;

use crate::adapters::nofollow::{Folder, Kind};
use crate::kernel::document_head::{self as head, HEAD_LIMIT, Head};

/// More documents than this make a refresh fail: a hundred times what a large team has.
pub const MOST_DOCUMENTS: usize = 200_000;
/// More entries of any kind than this make a refresh fail, so that a wrong root cannot keep the server busy for ever.
const MOST_ENTRIES: usize = 2_000_000;
/// Folders in folders; below, a refresh fails.
const DEEPEST: usize = 64;

/// One Markdown file.
#[derive(Debug)]
pub struct Found {
    /// Relative to the root, with `/`.
    pub path: String,
    /// `None`: it has no head, or none that can be read.
    pub head: Option<Head>,
    /// It is a README, task list or changelog beside a front page.
    pub control: bool,
}

/// All documents, in the order of their paths.
///
/// # Errors
/// A folder cannot be read, or there is too much of something.
pub fn documents(root: &Folder) -> io::Result<Vec<Found>> {
    let mut walk = Walk {
        root,
        found: Vec::new(),
        entries: 0,
    };
    walk.folder(root, Path::new(""), 0)?;
    walk.found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(walk.found)
}

struct Walk<'a> {
    root: &'a Folder,
    found: Vec<Found>,
    entries: usize,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Folder, below: &Path, depth: usize) -> io::Result<()> {
        let names = folder.names()?;
        self.entries += names.len();
        if self.entries > MOST_ENTRIES || depth > DEEPEST {
            return Err(io::Error::other(format!("too much below {}", below.display())));
        }
        let has_front_page = names.iter().any(|name| name == "index.md");
        for name in &names {
            let text = name.to_string_lossy();
            let path = below.join(name);
            match folder.kind(name)? {
                Some(Kind::Folder) if text == ".meta" || text.starts_with('_') => {}
                Some(Kind::Folder) => self.folder(&folder.folder(name)?, &path, depth + 1)?,
                Some(Kind::File { .. } | Kind::Link) if is_markdown(&text) => {
                    self.document(&path, has_front_page && is_control(&text))?;
                }
                Some(Kind::File { .. } | Kind::Link | Kind::Special) | None => {}
            }
        }
        Ok(())
    }

    fn document(&mut self, path: &Path, control: bool) -> io::Result<()> {
        if self.found.len() >= MOST_DOCUMENTS {
            return Err(io::Error::other(format!("more than {MOST_DOCUMENTS} documents")));
        }
        // One that cannot be opened counts as one that cannot be read: docmgr counts it too.
        let head = self.beginning(path).ok().and_then(|text| {
            let split = head::split(&text)?;
            head::read(split.head).ok()
        });
        self.found.push(Found {
            path: path.to_string_lossy().into_owned(),
            head,
            control,
        });
        Ok(())
    }

    fn beginning(&self, path: &Path) -> io::Result<String> {
        let mut bytes = Vec::with_capacity(2048);
        let limit = u64::try_from(HEAD_LIMIT).unwrap_or(u64::MAX);
        self.root.file_beneath(path)?.take(limit).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn is_markdown(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("md"))
        || name.eq_ignore_ascii_case(".md")
}

fn is_control(name: &str) -> bool {
    ["readme.md", "tasks.md", "changelog.md"]
        .iter()
        .any(|control| name.eq_ignore_ascii_case(control))
}
