//! Lists what lies below the workspaces' root, among the caches and among the steps. Reads only, and follows no link.

use std::io;
use std::path::Path;

use serde_json::Value;
use tracing::warn;

use super::Places;
use super::found::{Found, Kind};
use super::sweep::TRASH;
use crate::adapters::nofollow::{self, Folder};
use crate::ports::step_folder;

/// Folders that may hold somebody's work but belong to no workspace any more.
pub const ORPHANS: &str = ".orphans";
/// A workspace's own folder, and the file in it that names its owner.
const PRIVATE: &str = ".metawsm";
const OWNER: &str = "owner";
/// What a workspace is called while it is removed.
const REMOVING: &str = ".removing-";
/// Stands before what can be shown of a name that is no text.
const UNREADABLE: &str = "(unreadable) ";
/// A uid has 36 bytes.
const OWNER_LIMIT: u64 = 256;
/// Bytes of hash in a cache's name, in hex.
const KEY_LENGTH: usize = 32;

/// Everything that is there, needed or not.
pub fn list(places: &Places) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    list_workspaces(places, &mut found)?;
    list_caches(&places.caches, &mut found)?;
    list_steps(places, &mut found)?;
    Ok(found)
}

/// Opens a folder that need not be there.
pub fn open(path: &Path) -> io::Result<Option<Folder>> {
    match Folder::open_trusted(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// What lies below, each with whether it is a real folder. What vanishes meanwhile is not there.
fn entries(folder: &Folder) -> io::Result<Vec<(String, Option<Folder>)>> {
    let mut out = Vec::new();
    for name in folder.names()? {
        let below = match folder.kind(&name)? {
            Some(nofollow::Kind::Folder) => folder.find(Path::new(&name))?,
            Some(nofollow::Kind::File { .. } | nofollow::Kind::Link | nofollow::Kind::Special) => None,
            None => continue,
        };
        // A name that is no text is not ours, and is told of with what can be shown of it.
        match name.to_str() {
            Some(name) => out.push((name.to_owned(), below)),
            None => out.push((format!("{UNREADABLE}{}", name.to_string_lossy()), None)),
        }
    }
    Ok(out)
}

fn list_workspaces(places: &Places, found: &mut Vec<Found>) -> io::Result<()> {
    let Some(root) = open(&places.workspaces)? else {
        return Ok(());
    };
    for (namespace, below) in entries(&root)? {
        let path = places.workspaces.join(&namespace);
        let Some(below) = below else {
            found.push(foreign(&path));
            continue;
        };
        if namespace == ORPHANS {
            let names = entries(&below)?;
            found.extend(names.into_iter().map(|(name, _)| match name.starts_with(UNREADABLE) {
                true => foreign(&path.join(name)),
                false => Found {
                    kind: Kind::SetAside,
                    path: path.join(name),
                },
            }));
            continue;
        }
        if namespace == TRASH || places.namespace.as_ref().is_some_and(|only| *only != namespace) {
            continue;
        }
        for (run, below) in entries(&below)? {
            match below {
                Some(below) => list_run(&path.join(&run), (&namespace, &run), &below, found)?,
                None => found.push(foreign(&path.join(run))),
            }
        }
    }
    Ok(())
}

fn list_run(path: &Path, (namespace, run): (&str, &str), folder: &Folder, found: &mut Vec<Found>) -> io::Result<()> {
    for (ticket, below) in entries(folder)? {
        let (namespace, run) = (namespace.to_owned(), run.to_owned());
        let path = path.join(&ticket);
        let owner = below.as_ref().and_then(owner_of);
        let kind = match (below, owner) {
            (Some(_), _) if ticket.starts_with(REMOVING) => Kind::HalfRemoved { namespace, run },
            (Some(_), Some(owner)) => Kind::Workspace {
                namespace,
                run,
                ticket,
                owner,
            },
            (Some(_) | None, _) => Kind::Foreign,
        };
        found.push(Found { kind, path });
    }
    Ok(())
}

/// Whose workspace it is. What cannot be read is nobody's: it is left alone.
pub fn owner_of(folder: &Folder) -> Option<String> {
    let private = folder.folder(PRIVATE).ok()?;
    let owner = private.read(OWNER, OWNER_LIMIT).ok()??;
    let owner = String::from_utf8(owner).ok()?.trim().to_owned();
    Some(owner).filter(|owner| !owner.is_empty())
}

fn foreign(path: &Path) -> Found {
    Found {
        kind: Kind::Foreign,
        path: path.to_owned(),
    }
}

/// Caches are told by their names; locks and whatever else lies there are not listed.
fn list_caches(root: &Path, found: &mut Vec<Found>) -> io::Result<()> {
    let Some(caches) = open(root)? else { return Ok(()) };
    let is_key = |name: &str| name.len() == KEY_LENGTH && name.bytes().all(|b| b.is_ascii_hexdigit());
    for (name, below) in entries(&caches)? {
        if below.is_some() && is_key(&name) {
            found.push(Found {
                path: root.join(&name),
                kind: Kind::Cache { key: name },
            });
        }
    }
    Ok(())
}

fn list_steps(places: &Places, found: &mut Vec<Found>) -> io::Result<()> {
    let Some(steps) = open(&places.steps)? else {
        return Ok(());
    };
    for (uid, below) in entries(&steps)? {
        let Some(below) = below.filter(|_| !uid.starts_with('.')) else {
            continue;
        };
        let path = places.steps.join(&uid);
        let namespace = namespace_of(&below).unwrap_or_else(|error| {
            warn!(path = %path.display(), %error, "nobody knows whose steps these are; they are left alone");
            None
        });
        if places.namespace.is_none() || namespace == places.namespace {
            found.push(Found {
                path,
                kind: Kind::Steps { uid },
            });
        }
    }
    Ok(())
}

/// The namespace of the Run whose steps these are, from the first execution that tells.
fn namespace_of(run: &Folder) -> io::Result<Option<String>> {
    for step in entries(run)?.into_iter().filter_map(|(_, step)| step) {
        for execution in entries(&step)?.into_iter().filter_map(|(_, execution)| execution) {
            let Some(key) = execution.read(step_folder::KEY, step_folder::OUTCOME_LIMIT)? else {
                continue;
            };
            let key: Value = serde_json::from_slice(&key)?;
            if let Some(namespace) = key.get("namespace").and_then(Value::as_str) {
                return Ok(Some(namespace.to_owned()));
            }
        }
    }
    Ok(None)
}
