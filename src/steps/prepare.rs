//! Makes a workspace: the caches brought up to date, and one plain clone per repository on the workspace's branch.
//! A clone that is finished is never touched again, for agents may have worked in it.

use std::io;
use std::path::Path;

use super::clones::CloneOnDisk;
use super::context::{StepContext, boundary};
use super::place::PRIVATE;
use super::workspace::Workspace;
use crate::adapters::git::cache::Cache;
use crate::adapters::git::refs;
use crate::ports::executor::StepError;
use crate::ports::workspaces::{PrepareOutcome, PreparePlan, PreparedRepo, RepoPlan};

/// Longest file that holds a commit id.
const COMMIT_LIMIT: u64 = 128;
/// Largest list of tags that is read: some 400,000 tags.
const TAGS_LIMIT: u64 = 16 * 1024 * 1024;

/// Makes what is missing of the workspace.
pub fn prepare(plan: &PreparePlan, context: &mut StepContext) -> Result<PrepareOutcome, StepError> {
    for repo in &plan.repos {
        accept_name(&repo.name)?;
    }
    let workspace = Workspace::make(&plan.folder, &plan.owner_uid)?;
    let mut repos = Vec::with_capacity(plan.repos.len());
    for (index, repo) in plan.repos.iter().enumerate() {
        context.tell(|| format!("cloning {} ({} of {})", repo.name, index + 1, plan.repos.len()));
        let base_commit = match finished(&workspace, repo)? {
            Some(commit) => commit,
            None => make_clone(plan, repo, &workspace, context)?,
        };
        repos.push(PreparedRepo {
            name: repo.name.clone(),
            base_commit,
        });
    }
    Ok(PrepareOutcome { repos })
}

/// The base commit of a clone that an earlier attempt finished.
fn finished(workspace: &Workspace, repo: &RepoPlan) -> Result<Option<String>, StepError> {
    let what = || StepError::io(format!("look at the clone of {}", repo.name));
    if workspace.folder.kind(&repo.name).map_err(what())?.is_none() {
        return Ok(None);
    }
    let damaged = |why: String| {
        let advice = "move the folder away and the clone is made anew";
        StepError::lasting(
            "WorkspaceDamaged",
            format!("the clone of \"{}\" is not usable: {why}; {advice}", repo.name),
        )
    };
    CloneOnDisk::open(&workspace.folder, &repo.name).map_err(damaged)?;
    let recorded = workspace
        .private
        .read(base_file(&repo.name), COMMIT_LIMIT)
        .map_err(what())?;
    let recorded = recorded.ok_or_else(|| damaged("nobody recorded the commit it began from".to_owned()))?;
    Ok(Some(String::from_utf8_lossy(&recorded).trim().to_owned()))
}

fn make_clone(
    plan: &PreparePlan,
    repo: &RepoPlan,
    workspace: &Workspace,
    context: &StepContext,
) -> Result<String, StepError> {
    let cache = Cache::of(&plan.cache_root, &plan.namespace, repo, &plan.rules)?;
    cache.fetch(context.secrets())?;
    boundary("step.prepare.after_fetch");
    let commit = cache.branch(&repo.base_branch)?.ok_or_else(|| {
        let why = format!(
            "the repository \"{}\" ({}) has no branch \"{}\"",
            repo.name, repo.url, repo.base_branch
        );
        StepError::passing("BaseBranchNotFound", why)
    })?;
    let what = || StepError::io(format!("finish the clone of {}", repo.name));
    let half_made = format!("clone-{}", repo.name);
    workspace.private.remove(&half_made).map_err(what())?;
    let cloned = cache.clone_to(&workspace.path().join(PRIVATE).join(&half_made), &plan.branch, &commit);
    if cloned.is_err() {
        workspace.private.remove(&half_made).map_err(what())?;
    }
    cloned?;
    boundary("step.prepare.after_clone");
    record_tags(workspace, &repo.name, &half_made).map_err(what())?;
    workspace
        .private
        .write_whole(&base_file(&repo.name), commit.as_bytes())
        .map_err(what())?;
    workspace.private.sync_file_system().map_err(what())?;
    workspace
        .private
        .rename(&half_made, &workspace.folder, &repo.name)
        .map_err(what())?;
    boundary("step.prepare.after_rename");
    Ok(commit)
}

/// Tags that came with the clone are saved where they came from, also those on no branch.
fn record_tags(workspace: &Workspace, repo: &str, half_made: &str) -> io::Result<()> {
    let git = workspace.private.descend(&Path::new(half_made).join(".git"))?;
    let tags = refs::all(&git)?
        .into_iter()
        .filter(|(name, _)| name.starts_with("refs/tags/"));
    let lines: String = tags.map(|(_, id)| format!("{id}\n")).collect();
    workspace.private.write_whole(&tags_file(repo), lines.as_bytes())
}

/// The objects of the tags that came with a clone.
pub fn known_tags(workspace: &Workspace, repo: &str) -> io::Result<Vec<String>> {
    let content = workspace.private.read(tags_file(repo), TAGS_LIMIT)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&content).lines().map(str::to_owned).collect())
}

fn tags_file(repo: &str) -> String {
    format!("tags-{repo}")
}

fn base_file(repo: &str) -> String {
    format!("base-{repo}")
}

/// Names come from a checked spec; this only keeps a mistake elsewhere from reaching the disk.
fn accept_name(name: &str) -> Result<(), StepError> {
    let plain = !name.is_empty() && !name.starts_with('.') && Path::new(name).components().count() == 1;
    if plain && !name.contains('/') {
        return Ok(());
    }
    Err(StepError::lasting(
        "RepoNameInvalid",
        format!("\"{name}\" cannot be a folder's name"),
    ))
}
