//! What the steps of a Run are told. Pure.

use std::path::PathBuf;

use kube::ResourceExt as _;

use super::RunSettings;
use super::crd::{Brief, DocSeedFrom, Mode, PrepareStatus, Repo, Run, SeedStatus, WorkspaceStatus};
use super::credentials::Credentials;
use super::home::Home;
use crate::kernel::ticket::workspace_name;
use crate::ports::workspaces::{
    BriefPlan, CleanupPlan, CleanupRepo, InspectPlan, PreparePlan, RepoPlan, SeedPlan, SeedSource,
};

/// A workspace as it is when nothing was done yet.
pub fn new_workspace(run: &Run, ticket: &str, settings: &RunSettings) -> WorkspaceStatus {
    let name = workspace_name(&run.name_any(), ticket);
    let path = settings
        .workspace_root
        .join(run.namespace().unwrap_or_default())
        .join(run.name_any())
        .join(ticket);
    WorkspaceStatus {
        ticket: ticket.to_owned(),
        branch: format!("{}/{name}", run.spec.workspace.branch_prefix),
        name,
        path: path.to_string_lossy().into_owned(),
        repos: vec![],
        bytes: None,
        prepare: PrepareStatus::default(),
        seed: SeedStatus::default(),
        endpoint: None,
    }
}

/// Makes the clones.
pub fn prepare(
    run: &Run,
    workspace: &WorkspaceStatus,
    settings: &RunSettings,
    credentials: &Credentials,
) -> PreparePlan {
    PreparePlan {
        folder: PathBuf::from(&workspace.path),
        owner_uid: run.uid().unwrap_or_default(),
        namespace: run.namespace().unwrap_or_default(),
        cache_root: settings.cache_root.clone(),
        branch: workspace.branch.clone(),
        repos: run.spec.repos.iter().map(|repo| repo_plan(repo, credentials)).collect(),
        rules: settings.rules.clone(),
    }
}

/// Copies the documents; `None` where the home is not among the repositories (the API refuses that).
pub fn seed(
    run: &Run,
    home: &Home,
    workspace: &WorkspaceStatus,
    settings: &RunSettings,
    credentials: &Credentials,
) -> Option<SeedPlan> {
    let spec = &run.spec;
    let repo = spec.repos.iter().find(|r| r.name == home.repo)?;
    let base = workspace.repos.iter().find(|r| r.name == home.repo)?;
    let git_ref = spec.doc_seed_ref.clone().unwrap_or_else(|| repo.base_branch.clone());
    Some(SeedPlan {
        folder: PathBuf::from(&workspace.path),
        owner_uid: run.uid().unwrap_or_default(),
        namespace: run.namespace().unwrap_or_default(),
        cache_root: settings.cache_root.clone(),
        branch: workspace.branch.clone(),
        ticket: workspace.ticket.clone(),
        home: repo_plan(repo, credentials),
        base_commit: base.base_commit.clone(),
        docs_path: spec.docs_path.clone(),
        source: match spec.doc_seed_from {
            DocSeedFrom::Commit => SeedSource::Commit { git_ref },
            DocSeedFrom::WorkingTree => SeedSource::WorkingTree,
        },
        last_revision: workspace.seed.revision.clone(),
        brief: spec.brief.as_ref().map(brief_plan),
        limits: settings.limits,
        rules: settings.rules.clone(),
    })
}

/// Looks at the clones.
pub fn inspect(workspace: &WorkspaceStatus, settings: &RunSettings) -> InspectPlan {
    InspectPlan {
        folder: PathBuf::from(&workspace.path),
        branch: workspace.branch.clone(),
        repos: workspace.repos.iter().map(|r| r.name.clone()).collect(),
        rules: settings.rules.clone(),
    }
}

/// Removes the workspace, or sets it aside.
pub fn cleanup(run: &Run, workspace: &WorkspaceStatus, settings: &RunSettings) -> CleanupPlan {
    let base = |name: &str| {
        let clone = workspace.repos.iter().find(|r| r.name == name);
        clone.map(|r| r.base_commit.clone())
    };
    let home = run
        .status
        .as_ref()
        .and_then(|s| s.docs.as_ref())
        .map(|d| d.home_repo.as_str());
    let seed = |name: &str| {
        let copied = run.spec.mode == Mode::Standard && home == Some(name);
        workspace.seed.commit.clone().filter(|_| copied)
    };
    CleanupPlan {
        folder: PathBuf::from(&workspace.path),
        owner_uid: run.uid().unwrap_or_default(),
        orphans: settings.workspace_root.join(".orphans"),
        branch: workspace.branch.clone(),
        repos: run
            .spec
            .repos
            .iter()
            .map(|r| CleanupRepo {
                name: r.name.clone(),
                base_commit: base(&r.name),
                seed_commit: seed(&r.name),
            })
            .collect(),
        rules: settings.rules.clone(),
    }
}

fn repo_plan(repo: &Repo, credentials: &Credentials) -> RepoPlan {
    let granted = credentials.get(&repo.name).and_then(|read| read.as_ref().ok());
    RepoPlan {
        name: repo.name.clone(),
        url: repo.url.clone(),
        base_branch: repo.base_branch.clone(),
        credential: granted.map(|granted| granted.id.clone()),
    }
}

fn brief_plan(brief: &Brief) -> BriefPlan {
    BriefPlan {
        goal: brief.goal.clone(),
        scope: brief.scope.clone(),
        done_criteria: brief.done_criteria.clone(),
        constraints: brief.constraints.clone(),
        merge_intent: brief.merge_intent.clone(),
    }
}
