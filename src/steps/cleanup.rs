//! Removes a workspace whose run is gone, or puts it aside as a whole if anything in it was never saved elsewhere.
//! In doubt it is put aside; a folder of another owner is left alone.

use std::path::Path;

use super::clones::CloneOnDisk;
use super::context::{StepContext, boundary};
use super::place::{PRIVATE, Place, finish_removal, owner_at, remove, set_aside};
use super::prepare::known_tags;
use super::workspace::Workspace;
use crate::adapters::git::isolated::Isolated;
use crate::adapters::git::refs;
use crate::adapters::nofollow::{Folder, Kind};
use crate::ports::executor::StepError;
use crate::ports::workspaces::{CleanupOutcome, CleanupPlan, CleanupRepo};

/// How deep below a clone another repository is looked for; deeper ones make no difference to a clone that is clean,
/// for git itself reports an untracked folder at its top.
const NESTED_DEPTH: usize = 6;

/// Removes the workspace or puts it aside.
pub fn cleanup(plan: &CleanupPlan, context: &mut StepContext) -> Result<CleanupOutcome, StepError> {
    let place = Place::of(&plan.folder)?;
    let removed = || {
        Ok(CleanupOutcome {
            set_aside: None,
            why: None,
        })
    };
    finish_removal(&place)?;
    match owner_at(&plan.folder)? {
        None => {
            remove_empty_parents(&place)?;
            return removed();
        }
        Some(owner) if owner.as_deref() != Some(plan.owner_uid.as_str()) => return removed(),
        Some(_) => {}
    }
    let workspace = Workspace::open(&plan.folder, &plan.owner_uid)?;
    let unsaved = why_unsaved(plan, &workspace, context);
    boundary("step.cleanup.before_removal");
    let outcome = if let Some(why) = unsaved {
        let aside = set_aside(&place, &plan.orphans)?;
        CleanupOutcome {
            set_aside: Some(aside),
            why: Some(why),
        }
    } else {
        remove(&place)?;
        CleanupOutcome {
            set_aside: None,
            why: None,
        }
    };
    boundary("step.cleanup.after_removal");
    remove_empty_parents(&place)?;
    Ok(outcome)
}

fn remove_empty_parents(place: &Place) -> Result<(), StepError> {
    match place.remove_empty_parents() {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(StepError::io("remove the run's empty folders")(e)),
        _ => Ok(()),
    }
}

/// The first reason why something in the workspace may exist nowhere else.
fn why_unsaved(plan: &CleanupPlan, workspace: &Workspace, context: &mut StepContext) -> Option<String> {
    let names = match workspace.folder.names() {
        Ok(names) => names,
        Err(e) => return Some(format!("its folder cannot be listed: {e}")),
    };
    let known = |name: &str| name == PRIVATE || plan.repos.iter().any(|repo| repo.name == name);
    if let Some(name) = names.iter().find(|name| !name.to_str().is_some_and(known)) {
        return Some(format!("\"{}\" is no clone of this run", name.to_string_lossy()));
    }
    for repo in plan
        .repos
        .iter()
        .filter(|repo| names.iter().any(|name| name.to_str() == Some(&repo.name)))
    {
        context.tell(|| format!("looking at {}", repo.name));
        if let Some(why) = why_clone_unsaved(plan, repo, workspace, context) {
            return Some(format!("{}: {why}", repo.name));
        }
    }
    None
}

fn why_clone_unsaved(
    plan: &CleanupPlan,
    repo: &CleanupRepo,
    workspace: &Workspace,
    context: &StepContext,
) -> Option<String> {
    let judge = || -> Result<Option<String>, String> {
        let clone = CloneOnDisk::open(&workspace.folder, &repo.name)?;
        if let Some(what) = clone.half_done() {
            return Ok(Some(format!("it is in the middle of {what}")));
        }
        let head = clone.head.commit.clone().ok_or("its branch has no commit")?;
        let path = workspace.path().join(&repo.name);
        let git = Isolated::over(context.scratch(), &path, &head, &plan.rules).map_err(|e| e.message)?;
        if git.is_dirty().map_err(|e| e.message)? {
            return Ok(Some("it has changes that were never committed".to_owned()));
        }
        if let Some(nested) = nested_repository(&clone.work_tree, 0).map_err(|e| e.to_string())? {
            return Ok(Some(format!("it holds another repository in \"{nested}\"")));
        }
        let (mut tips, mut saved) = (vec![head], Vec::from_iter(repo.base_commit.clone()));
        saved.extend(known_tags(workspace, &repo.name).map_err(|e| e.to_string())?);
        for (name, id) in refs::all(&clone.git).map_err(|e| e.to_string())? {
            if name.starts_with("refs/remotes/origin/") {
                saved.push(id);
            } else if counts(&name) {
                tips.push(id);
            }
        }
        let known = saved.contains(&tips[0]) || repo.seed_commit.as_ref() == Some(&tips[0]);
        let foreign = git.foreign_commits(&tips, &saved).map_err(|e| e.message)?;
        Ok(match (foreign, known) {
            (0, true) => None,
            (0, false) => Some("its last commit exists nowhere else".to_owned()),
            (foreign, _) => Some(format!("{foreign} commits were never pushed")),
        })
    };
    judge().unwrap_or_else(Some)
}

fn counts(name: &str) -> bool {
    name.starts_with("refs/heads/") || name == "refs/stash" || name.starts_with("refs/tags/")
}

/// The first folder below that is a repository of its own, such as a submodule that was checked out.
fn nested_repository(folder: &Folder, depth: usize) -> std::io::Result<Option<String>> {
    for name in folder.names()? {
        let is_folder = folder.kind(&name)? == Some(Kind::Folder);
        if (depth == 0 && name == ".git") || !is_folder {
            continue;
        }
        let below = folder.folder(&name)?;
        let shown = name.to_string_lossy();
        if below.kind(".git")?.is_some() {
            return Ok(Some(shown.into_owned()));
        }
        if depth < NESTED_DEPTH
            && let Some(deeper) = nested_repository(&below, depth + 1)?
        {
            return Ok(Some(Path::new(&name).join(deeper).to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}
